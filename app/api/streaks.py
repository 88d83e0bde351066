"""/v1/accounts/{a}/streaks and /calendar: silences one by one, and posts per local day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from app.api import context, history_answers, openapi, paging, reading, replies, shapes, watched
from app.api.history import AsOf, End, Kinds, Start, window
from app.api.routing import Route
from app.api.watched import AccountKey
from app.domain import coverage as judge
from app.domain import participation, silence
from app.domain.calendar import local_day
from app.domain.models import Interval, Kind, Post
from app.domain.outcomes import explain_unknown
from app.errors import BadInput
from app.storage import coverage, posts
from app.storage.accounts import Account

router = APIRouter(prefix="/v1/accounts/{account}", tags=["history"], route_class=Route)
STREAK_COLUMNS = (
    "since",
    "until",
    "open",
    "proven",
    "proven_seconds",
    "possible",
    "possible_seconds",
    "largest_gap_seconds",
    "read_back",
    "after.url",
    "ended_by.url",
)
DAY_COLUMNS = ("date", "start", "end", "state", "posts", "covered_share", "reasons", "note")
LONGEST_CALENDAR = timedelta(days=400)
METHOD = "Silence between surviving posts as they were seen; proven: covered without a break from its first instant."


@router.get("/streaks", summary="Streaks of silence", responses=openapi.lists(history_answers.Streaks))
async def list_streaks(
    request: Request,
    account: AccountKey,
    min: Annotated[
        str | None, Query(max_length=40, description="Only streaks at least this long, ISO 8601.", examples=["P7D"])
    ] = None,
    length: Annotated[
        Literal["proven", "possible"], Query(description="The length that min is held against.")
    ] = "proven",
    sort: Annotated[Literal["newest", "longest"], Query(description="longest goes by the length chosen.")] = "newest",
    start: Start = None,
    end: End = None,
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """The silences between consecutive posts, the open one included; those with a part in the window, whole.

    Time before the first known post is unknown, not silence.
    """
    shared = context.of(request)
    chosen, span = reading.kinds(kinds), window(start, end)
    least = reading.duration(min, "min") if min else timedelta(0)
    moment = reading.past(as_of, shared.clock()) or shared.clock()
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        owner = await watched.find(conn, account)
        covered, known = await record(conn, owner, chosen, span, moment)
    found = silence.streaks(known, covered, moment, chosen, span)
    size: Callable[[silence.Streak], timedelta] = lambda one: getattr(one, length) or timedelta(0)  # noqa: E731
    kept = [one for one in found if one.starts_at is not None and size(one) >= least]
    key = (lambda one: (size(one), one.starts_at)) if sort == "longest" else (lambda one: (one.starts_at,))
    kept.sort(key=key, reverse=True)
    kept = _after(kept, place)
    following = paging.next_of(request, shared.secret, kept, limit, lambda one: [str(one.starts_at)])
    rows = [streak_row(shared, owner, one) for one in kept[:limit]]
    head = {"account": watched.short(owner), "at": moment}
    return replies.listing(request, replies.Listing(rows, STREAK_COLUMNS, METHOD, following, head), facts=rows)


def _after(found: list[silence.Streak], place: list[Any] | None) -> list[silence.Streak]:
    """What follows the streak that began at the cursor's instant; nothing where that streak is no longer there."""
    if place is None:
        return found
    starts = [str(one.starts_at) for one in found]
    return found[starts.index(place[0]) + 1 :] if place[0] in starts else []


async def record(
    conn: Any, owner: Account, kinds: Kind, span: Interval, moment: datetime
) -> tuple[judge.Covered, list[Post]]:
    """Coverage and posts of the window as they were known at ``moment``, with the last post before it.

    Coverage is read first: posts that arrive between the two reads can only break a silence, never make one.
    """
    stretches = (await coverage.load(conn, [owner.id], as_of=moment))[owner.id]
    before = (await posts.load_last(conn, [owner.id], before=span.start, kinds=kinds, as_of=moment))[owner.id]
    if any(not silence.counts(post, kinds) for post in before):  # a late import: the last one that counts is earlier
        before = (await posts.load(conn, [owner.id], kinds=kinds, as_of=moment))[owner.id]
    upto = Interval(span.start, max(span.start, moment) + timedelta(microseconds=1))
    inside = (await posts.load(conn, [owner.id], kinds=kinds, window=upto, as_of=moment))[owner.id]
    return judge.known_at(stretches, moment, kinds), [*before, *inside]


def streak_row(shared: context.Context, owner: Account, streak: silence.Streak) -> replies.Row:
    """A silence as the API shows it."""
    return {
        "since": streak.starts_at,
        "until": streak.ends_at,
        "open": streak.ends_at is None,
        **shapes.length("proven", streak.proven),
        **shapes.length("possible", streak.possible),
        **shapes.length("largest_gap", streak.largest_gap),
        "read_back": streak.retrospective,
        "unobserved": [{"start": hole.start, "end": hole.end} for hole in streak.unobserved[:100]],
        "after": shapes.evidence(shared, owner, streak.post),
        "ended_by": shapes.evidence(shared, owner, streak.ended_by),
    }


@router.get("/calendar", summary="Posts per local day", responses=openapi.lists(history_answers.Calendar))
async def list_days(
    request: Request,
    account: AccountKey,
    start: Annotated[str | None, Query(max_length=10, description="The first local day; default 28 days ago.")] = None,
    end: Annotated[str | None, Query(max_length=10, description="The last local day, included; default today.")] = None,
    zone: Annotated[str | None, Query(max_length=64, description="IANA; default the subject's.")] = None,
    kinds: Kinds = None,
    as_of: AsOf = None,
) -> Response:
    """Each local day with its posts, its coverage and its answer: posted, silent or unknown.

    Days last as long as they last in that zone, 22 to 26 hours; dates the zone skipped are absent.
    """
    shared, chosen = context.of(request), reading.kinds(kinds)
    moment = reading.past(as_of, shared.clock()) or shared.clock()
    async with shared.engine.connect() as conn:
        owner = await watched.find(conn, account)
        place = reading.zone(zone or owner.zone)
        first, last = _days(start, end, moment.astimezone(place).date())
        days = _spans(first, last, place.key)
        whole = Interval(days[0][1].start, days[-1][1].end) if days else Interval(moment, moment)
        covered, known = await record(conn, owner, chosen, whole, moment)
    rows = [_day_row(owner, day, span, known, covered, moment, chosen) for day, span in days]
    head = {"account": watched.short(owner), "at": moment, "zone": place.key}
    method = f"Surviving posts ({shapes.kind_words(chosen)}) per day of {place.key}; silent only where all was covered."
    return replies.listing(request, replies.Listing(rows, DAY_COLUMNS, method, head=head), facts=rows)


def _days(start: str | None, end: str | None, today: date) -> tuple[date, date]:
    last = reading.day(end, "end") if end else today
    first = reading.day(start, "start") if start else last - timedelta(days=27)
    if last < first:
        raise BadInput("The calendar ends before it starts.", field="end")
    if last - first > LONGEST_CALENDAR:
        raise BadInput("A calendar has at most 400 days.", field="start", hint="Ask for several.")
    return first, last


def _spans(first: date, last: date, zone: str) -> list[tuple[date, Interval]]:
    every = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [(day, span) for day in every if (span := local_day(day, zone)) is not None]


def _day_row(
    owner: Account,
    day: date,
    span: Interval,
    known: Sequence[Post],
    covered: judge.Covered,
    moment: datetime,
    kinds: Kind,
) -> replies.Row:
    inside = [
        post for post in known if post.posted_at >= span.start and (post.posted_after or post.posted_at) < span.end
    ]
    found = participation.answer(
        inside, covered, span, moment, kinds, valid_from=owner.valid_from, valid_to=owner.valid_to
    )
    by_kind = Counter(shapes.kind_name(post.kind) for post in inside if post.posted_at < span.end)
    return {
        "date": day.isoformat(),
        "start": span.start,
        "end": span.end,
        "state": found.state.value,
        "posts": found.posts,
        "by_kind": dict(by_kind),
        "covered_share": round(found.covered_share, 6),
        "reasons": [reason.value for reason in found.reasons],
        "note": explain_unknown(found.reasons) if found.reasons else "",
    }
