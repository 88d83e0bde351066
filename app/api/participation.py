"""/v1/participation: who posted in a window, who provably did not, and who cannot be judged and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from app.api import answers, bodies, context, openapi, paging, reading, replies, sets, shapes, weighing
from app.api.history import AsOf, Kinds
from app.api.problems import BadWindow
from app.api.routing import SCOPE, Route
from app.domain import calendar
from app.domain.models import Interval, Kind
from app.domain.outcomes import explain_unknown
from app.domain.participation import Answer, Took
from app.errors import TooLarge
from app.storage import accounts, names, participation
from app.storage.accounts import Account
from app.storage.names import Selection
from app.storage.participation import Taker

router = APIRouter(prefix="/v1/participation", tags=["participation"], route_class=Route)
#: The most accounts of one answer.
MOST = 10_000
#: The zone that means: each subject's own.
OWN = "subject"
COLUMNS = (
    "account.id",
    "account.platform",
    "account.handle",
    "account.subject",
    "answer",
    "window.start",
    "window.end",
    "posts_at_least",
    "evidence.posted_at",
    "evidence.url",
    "evidence.deleted_seen_at",
    "covered_share",
    "largest_gap_seconds",
    "read_back",
    "reasons",
    "note",
    "meaning.reading",
    "meaning.p_silent",
    "meaning.expected_posts",
    "meaning.stands",
    "no_meaning",
)
METHOD = (
    "posted: at least one post ({}), surviving or deleted since, was seen with its time inside; silent: no such post, "
    "and the whole window was covered; unknown: anything else. What was posted and deleted between looks is invisible."
)
Text = Annotated[str | None, Query(max_length=40)]


#: The answer where the subject's zone skipped the date: such a day is absent, not silent.
NO_SUCH_DAY: dict[str, Any] = {
    "posts_at_least": 0,
    "evidence": [],
    "covered_share": 0.0,
    "largest_gap": None,
    "largest_gap_seconds": None,
    "read_back": False,
    "reasons": ["no_such_day"],
    "note": "unknown, because the subject's time zone skipped that date",
}


class Told(NamedTuple):
    """An answer on its way out; without one where the subject's zone has no such day."""

    account_id: int
    who: Taker | Account
    answer: Answer | None
    window: Interval | None


@dataclass(frozen=True, slots=True)
class Question:
    """A window for everybody, or a calendar day that is each subject's own."""

    kinds: Kind
    at: datetime
    as_of: datetime | None
    window: Interval | None
    day: date | None


@router.get("", summary="Who took part", responses=openapi.lists(answers.Participation))
async def ask(
    request: Request,
    start: Annotated[str | None, Query(max_length=40, description="Instant, or a date together with zone.")] = None,
    end: Annotated[str | None, Query(max_length=40, description="Likewise, not part of it; default now.")] = None,
    length: Annotated[str | None, Query(max_length=40, description="ISO 8601, in place of start or end.")] = None,
    date: Annotated[str | None, Query(max_length=10, description="One local day, in place of the above.")] = None,
    zone: Annotated[
        str | None, Query(max_length=64, description="IANA zone of dates; `subject` (the default): each subject's own.")
    ] = None,
    tag: sets.Tag = None,
    platform: sets.Platform = None,
    subject: sets.Subject = None,
    account: sets.Accounts = None,
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: paging.Limit = 1000,
    cursor: paging.Cursor = None,
) -> Response:
    """Posted, silent or unknown, for every account of a set, in the order of addition.

    The window is [start, end) for all, a date in a zone, or each subject's own calendar day. Totals are over the set.
    """
    shared = context.of(request)
    question = _question(shared.clock(), start, end, length, date, zone, reading.kinds(kinds), as_of)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        chosen = await sets.select(conn, tag, platform, subject, account)
        found = await judge(conn, chosen, question)
        weighed = await _weigh(conn, found, question)
    after = int(place[0]) if place else 0
    rest = [each for each in found if each.account_id > after]
    following = paging.next_of(request, shared.secret, rest, limit, lambda each: [each.account_id])
    return _tell(request, shared, question, weighed, found, rest[:limit], following)


@router.post(
    "",
    summary="Who took part, of a long list",
    openapi_extra={SCOPE: "read"},
    responses=openapi.lists(answers.Participation),
)
async def ask_many(request: Request, body: bodies.ParticipationQuestion) -> Response:
    """The same question with its parameters in the body: for sets that do not fit into an address. One page."""
    shared = context.of(request)
    kinds = reading.kinds(",".join(body.kinds)) if body.kinds is not None else reading.kinds(None)
    question = _question(shared.clock(), body.start, body.end, body.length, body.date, body.zone, kinds, body.as_of)
    async with shared.engine.connect() as conn:
        chosen = await sets.select(conn, body.tag, body.platform, body.subject, body.accounts)
        found = await judge(conn, chosen, question)
        weighed = await _weigh(conn, found, question)
    return _tell(request, shared, question, weighed, found, found, None)


async def _weigh(conn: Any, found: Sequence[Told], question: Question) -> weighing.Weighed:
    return await weighing.weigh(conn, [_case(each) for each in found], question.kinds, question.as_of, question.at)


def _case(told: Told) -> weighing.Case:
    return weighing.Case(told.account_id, told.answer.state if told.answer else None, told.window)


def _question(
    now: datetime,
    start: str | None,
    end: str | None,
    length: str | None,
    day: str | None,
    zone: str | None,
    kinds: Kind,
    as_of: str | None,
) -> Question:
    moment = reading.past(as_of, now)
    at = moment or now
    if day is not None:
        if start or end or length:
            raise BadWindow("Give either a date or a window.", field="date", hint="Leave out start, end and length.")
        local = reading.day(day, "date")
        if zone in (None, OWN):
            return Question(kinds, at, moment, None, local)
        span = calendar.local_day(local, reading.zone(zone or "").key)
        if span is None:
            raise BadWindow(f"There was no {day} in {zone}: the zone skipped it.", field="date")
        return Question(kinds, at, moment, span, None)
    if zone == OWN:
        raise BadWindow("Each subject's own day needs a date.", field="date", hint="Write date=2026-11-20.")
    name = reading.zone(zone).key if zone else None
    for field, value in (("start", start), ("end", end)):
        if value and len(value) > 10:
            reading.instant(value, field)
        elif value:
            reading.day(value, field)
    if length:
        reading.duration(length, "length")
    fixed = [reading.repair(value) for value in (start, end)]
    try:
        span = calendar.parse_window(fixed[0], fixed[1], now=at, zone_name=name, length=length)
    except ValueError as error:
        hint = "Give start and end, start and length, a length up to now, or a date."
        raise BadWindow(f"The window: {error}.", field="start" if not start else "end", hint=hint) from None
    return Question(kinds, at, moment, span, None)


async def judge(conn: Any, chosen: Selection, question: Question) -> list[Told]:
    """The answer for every account of the set. Raises TooLarge beyond ``MOST`` accounts."""
    if question.window is not None:
        found = await _answers(conn, chosen, question, question.window)
        return [Told(taker.account_id, taker, answer, question.window) for taker, answer in found]
    ids = await names.select_ids(conn, chosen, limit=MOST + 1)
    _check_size(len(ids))
    by_zone: dict[str, list[Account]] = {}
    for owner in (await accounts.get_many(conn, ids)).values():
        by_zone.setdefault(owner.zone, []).append(owner)
    told: list[Told] = []
    for zone, owners in by_zone.items():
        span = calendar.local_day(question.day, zone) if question.day else None
        if span is None:
            told += [Told(owner.id, owner, None, None) for owner in owners]
            continue
        found = await _answers(conn, Selection(ids=tuple(owner.id for owner in owners)), question, span)
        told += [Told(taker.account_id, taker, answer, span) for taker, answer in found]
    return sorted(told, key=lambda each: each.account_id)


async def _answers(conn: Any, chosen: Selection, question: Question, window: Interval) -> list[tuple[Taker, Answer]]:
    found = await participation.answer(
        conn, chosen, window, now=question.at, kinds=question.kinds, as_of=question.as_of, limit=MOST + 1
    )
    _check_size(len(found))
    return found


def _check_size(number: int) -> None:
    if number > MOST:
        raise TooLarge(f"The set has more than {MOST} accounts.", field="tag", hint="Ask about parts of it.")


def _tell(
    request: Request,
    shared: context.Context,
    question: Question,
    weighed: weighing.Weighed,
    found: Sequence[Told],
    shown: Sequence[Told],
    following: str | None,
) -> Response:
    counted = Counter(each.answer.state if each.answer else Took.UNKNOWN for each in found)
    totals = {"accounts": len(found)} | {state.value: counted[state] for state in Took}
    rows = [row(shared, each) | weighed.row(_case(each)) for each in shown]
    window = question.window
    head = {
        "at": question.at,
        "window": window and {"start": window.start, "end": window.end},
        "date": question.day and question.day.isoformat(),
        "totals": totals,
        "expected": weighed.expected,
    }
    method = METHOD.format(shapes.kind_words(question.kinds))
    return replies.listing(request, replies.Listing(rows, COLUMNS, method, following, head), facts=[totals, rows])


def row(shared: context.Context, told: Told) -> replies.Row:
    """The answer about one account."""
    who, answer, window = told.who, told.answer, told.window
    found: replies.Row = {
        "account": {
            "id": who.public_id,
            "platform": who.platform,
            "handle": who.handle,
            "subject": who.subject_name,
        },
        "answer": answer.state.value if answer else Took.UNKNOWN.value,
        "window": window and {"start": window.start, "end": window.end},
    }
    if answer is None:
        return found | NO_SUCH_DAY
    found["posts_at_least"] = answer.posts
    found["evidence"] = [shapes.evidence(shared, who, post) for post in answer.evidence]
    found["covered_share"] = round(answer.covered_share, 6)
    found |= shapes.length("largest_gap", answer.largest_gap)
    found["read_back"] = answer.retrospective
    found["reasons"] = answer.reasons
    found["note"] = note(answer)
    return found


def note(answer: Answer) -> str:
    """The answer in one sentence that claims no more than is known."""
    match answer.state:
        case Took.UNKNOWN:
            return explain_unknown(answer.reasons)
        case Took.SILENT:
            looks = f"; largest gap between looks {shapes.iso(answer.largest_gap)}" if answer.largest_gap else ""
            back = "; read back later, at least in part" if answer.retrospective else ""
            return f"no surviving post seen{looks}{back}"
        case Took.POSTED:
            return "posted, and deleted since" if answer.all_deleted else "posted"
