"""/v1/silence, /v1/streaks and /v1/accounts/{a}/silence: who is silent, for how long, and how we know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.api import answers, boards, context, lines, meanings, openapi, paging, reading, replies, sets, shapes, watched
from app.api.history import AsOf, Kinds
from app.api.routing import Route
from app.api.watched import AccountKey
from app.domain import silence as judge
from app.domain.durations import format_duration
from app.domain.models import DEFAULT_KINDS, Interval, Kind
from app.domain.rhythm.state import Rhythm
from app.domain.silence import State, Streak
from app.storage import names, rule_states, silence, streaks
from app.storage.rule_states import Brief
from app.storage.silence import Standing

router = APIRouter(prefix="/v1", tags=["silence"], route_class=Route)
Min = Annotated[str, Query(max_length=40, description="From which length on a silence is quiet, ISO 8601.")]
WEEK = "P7D"
COLUMNS = (
    "account.id",
    "account.platform",
    "account.handle",
    "account.subject",
    "state",
    "streak.since",
    "streak.proven",
    "streak.proven_seconds",
    "streak.possible",
    "streak.possible_seconds",
    "streak.observed_until",
    "streak.read_back",
    "last_post.posted_at",
    "last_post.kind",
    "last_post.url",
    "last_look.at",
    "last_look.outcome",
    "reasons",
    "note",
    "meaning.reading",
    "meaning.p_silent",
    "meaning.times_a_year",
    "meaning.expected_posts",
    "no_meaning",
)
LONGEST_COLUMNS = (
    "account.id",
    "account.platform",
    "account.handle",
    "account.subject",
    "longest.since",
    "longest.until",
    "longest.open",
    "longest.proven_seconds",
    "longest.possible_seconds",
    "longest_proven.since",
    "longest_proven.seconds",
)
METHOD = (
    "Silence of {} since the last surviving post that was seen; quiet means proven for at least {}; "
    "a look proves only up to its time less a margin; what was posted and deleted between looks is invisible."
)


@router.get("/accounts/{account}/silence", summary="Silence of one account", responses=openapi.reads(answers.Silence))
async def read_silence(
    request: Request, account: AccountKey, min: Min = WEEK, kinds: Kinds = None, as_of: AsOf = None
) -> Response:
    """The open streak: since when, proven and possible length, observed until when, and the last post with its link."""
    shared, chosen, least = context.of(request), reading.kinds(kinds), reading.duration(min, "min")
    moment = reading.past(as_of, shared.clock())
    now = shared.clock()
    at = moment or now
    async with shared.engine.connect() as conn:
        found = await _one(conn, watched.clean(account), chosen, now, moment)
    if found is None:
        raise watched.missing()
    standing, streak, longest, rules, rhythm = found
    state = judge.state(streak, least, at)
    row = lines.silence_row(shared, standing, streak, state)
    row["streak"] |= {**shapes.length("largest_gap", streak.largest_gap), **lines.record_row(longest, streak, at)}
    row["note"] = lines.note(streak, state, row["reasons"], streak.largest_gap)
    none = meanings.why_none(chosen, moment)
    meaning, no_meaning = (None, none) if none else meanings.of_silence(rhythm, streak, at)
    payload = {
        "account": row.pop("account"),
        "at": at,
        "min": format_duration(least),
        **row,
        "meaning": meaning,
        "no_meaning": no_meaning,
        "rule": lines.rule_row(rules[0]) if rules else None,
        "rules": [lines.rule_row(each) for each in rules],
    }
    facts = [chosen, min, moment, standing[10:], streak.starts_at, streak.proven, state, rules]
    facts += [meaning["reading"], meaning["based_on"]] if meaning else []
    return replies.single(request, payload, facts=facts)


async def _one(
    conn: Any, key: str, kinds: Kind, now: datetime, as_of: datetime | None
) -> tuple[Standing, Streak, Interval | None, Sequence[Brief], Rhythm | None] | None:
    """The standing, the open streak, for the live answer of the default kinds the longest one on record, and, unless
    an earlier moment is asked about, what the rules make of it; for the live answer also its rhythm."""
    if as_of is None and kinds == DEFAULT_KINDS:
        found = await streaks.one(conn, key, now=now)
        return found and (found.standing, found.streak, found.whole, found.rules, found.rhythm)
    account_id = await names.find_id(conn, key)
    standings = await silence.load_standings(conn, [account_id or 0])
    if account_id is None or account_id not in standings:
        return None
    open_ = await silence.open_streaks(conn, [account_id], now=as_of or now, kinds=kinds, as_of=as_of)
    rules = await rule_states.briefs_of(conn, account_id) if as_of is None else ()
    return standings[account_id], open_[account_id], None, rules, None


@router.get("/silence", summary="The board", responses=openapi.lists(answers.Board))
async def list_board(
    request: Request,
    tag: sets.Tag = None,
    platform: sets.Platform = None,
    subject: sets.Subject = None,
    account: sets.Accounts = None,
    state: Annotated[list[State] | None, Query(description="Only these states (repeat it).")] = None,
    min: Min = WEEK,
    sort: Annotated[
        boards.Sort, Query(description="The longest silence first, or the most unusual by each account's own rhythm.")
    ] = "longest",
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Who is quiet, active or unknown: the longest or the most unusual silence first.

    Accounts without a known post, or of which nothing can be said, come last. Pages of sort=unusual are all of the
    moment of the first one.
    """
    shared, chosen, least = context.of(request), reading.kinds(kinds), reading.duration(min, "min")
    moment = reading.past(as_of, shared.clock())
    async with shared.engine.connect() as conn:
        asked = boards.Asked(
            selection=await sets.select(conn, tag, platform, subject, account),
            now=shared.clock(),
            least=least,
            states=state,
            kinds=chosen,
            as_of=moment,
            sort=sort,
            place=paging.start(request, shared.secret, cursor),
            limit=limit,
        )
        found = await boards.page(conn, asked)
    following = paging.next_of(request, shared.secret, found.rows, limit, found.place)
    rows = [found.line(shared, row) for row in found.rows[:limit]]
    head = {"at": found.at, "min": format_duration(least), "totals": found.totals, "by_chance": found.by_chance}
    method = METHOD.format(shapes.kind_words(chosen), format_duration(least))
    facts = [[row["account"], row["state"], row["last_post"], row["streak"]["proven"], _word(row)] for row in rows]
    return replies.listing(
        request, replies.Listing(rows, COLUMNS, method, following, head), facts=[facts, str(request.query_params)]
    )


def _word(row: replies.Row) -> str | None:
    return row["meaning"]["reading"] if row["meaning"] else None


@router.get("/streaks", summary="The longest silences on record", responses=openapi.lists(answers.LongestList))
async def list_longest(
    request: Request,
    tag: sets.Tag = None,
    platform: sets.Platform = None,
    subject: sets.Subject = None,
    account: sets.Accounts = None,
    within: Annotated[str, Query(max_length=40, description="How far back, ISO 8601.", examples=["P365D"])] = "P365D",
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """For every account of a set its longest streak with a part in the time up to now, whole; the open one included.

    ``longest`` goes by what is possible, ``longest_proven`` by what coverage proves. In the order of addition.
    """
    shared, span = context.of(request), reading.duration(within, "within")
    now = shared.clock()
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        chosen = await sets.select(conn, tag, platform, subject, account)
        after = int(place[0]) if place else None
        found = await streaks.longest(conn, chosen, now - span, now=now, after=after, limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda one: [one.standing.account_id])
    rows = [lines.longest_row(one) for one in found[:limit]]
    head = {"at": now, "within": format_duration(span)}
    method = "Time before the first known post is unknown, not silence. Default kinds."
    return replies.listing(request, replies.Listing(rows, LONGEST_COLUMNS, method, following, head))
