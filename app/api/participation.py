"""/v1/participation: who posted in a window, who provably did not, and who cannot be judged and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.api import (
    answers,
    bodies,
    comparison,
    context,
    judging,
    openapi,
    paging,
    reading,
    replies,
    sets,
    shapes,
    weighing,
)
from app.api.history import AsOf, Kinds
from app.api.judging import Told
from app.api.routing import SCOPE, Route
from app.domain.outcomes import explain_unknown
from app.domain.participation import Answer, Took

router = APIRouter(prefix="/v1/participation", tags=["participation"], route_class=Route)
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
    weeks: comparison.Weeks = 0,
    limit: paging.Limit = 1000,
    cursor: paging.Cursor = None,
) -> Response:
    """Posted, silent or unknown, for every account of a set, in the order of addition.

    The window is [start, end) for all, a date in a zone, or each subject's own calendar day. Totals are over the set.
    With ``weeks`` the same window of the weeks before stands beside it.
    """
    shared = context.of(request)
    question = judging.read(shared.clock(), start, end, length, date, zone, reading.kinds(kinds), as_of)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        chosen = await sets.select(conn, tag, platform, subject, account)
        found = await judging.judge(conn, chosen, question)
        weighed = await _weigh(conn, found, question)
        compared = await comparison.compare(conn, chosen, question, weighed, weeks, len(found))
    after = int(place[0]) if place else 0
    rest = [each for each in found if each.account_id > after]
    following = paging.next_of(request, shared.secret, rest, limit, lambda each: [each.account_id])
    return _tell(request, shared, question, weighed, compared, found, rest[:limit], following)


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
    question = judging.read(shared.clock(), body.start, body.end, body.length, body.date, body.zone, kinds, body.as_of)
    async with shared.engine.connect() as conn:
        chosen = await sets.select(conn, body.tag, body.platform, body.subject, body.accounts)
        found = await judging.judge(conn, chosen, question)
        weighed = await _weigh(conn, found, question)
        compared = await comparison.compare(conn, chosen, question, weighed, body.weeks, len(found))
    return _tell(request, shared, question, weighed, compared, found, found, None)


async def _weigh(conn: Any, found: Sequence[Told], question: judging.Question) -> weighing.Weighed:
    return await weighing.weigh(conn, [each.case for each in found], question.kinds, question.as_of, question.at)


def _tell(
    request: Request,
    shared: context.Context,
    question: judging.Question,
    weighed: weighing.Weighed,
    compared: comparison.Compared,
    found: Sequence[Told],
    shown: Sequence[Told],
    following: str | None,
) -> Response:
    counted = Counter(each.answer.state if each.answer else Took.UNKNOWN for each in found)
    totals = {"accounts": len(found)} | {state.value: counted[state] for state in Took}
    rows = [row(shared, each) for each in shown]
    for each, told in zip(rows, shown, strict=True):
        each.update(weighed.row(told.case))
    window = question.window
    head = {
        "at": question.at,
        "window": window and {"start": window.start, "end": window.end},
        "date": question.day and question.day.isoformat(),
        "totals": totals,
        "expected": weighed.expected(compared.known),
        "compared": compared.rows,
    }
    method = METHOD.format(shapes.kind_words(question.kinds))
    page = replies.Listing(rows, COLUMNS, method, following, head)
    return replies.listing(request, page, facts=[totals, compared.rows], rows_are_facts=True)


def row(shared: context.Context, told: Told) -> replies.Row:
    """The answer about one account."""
    who, answer, window = told.who, told.answer, told.window
    account = {
        "id": who.public_id,
        "platform": who.platform,
        "handle": who.handle,
        "subject": who.subject_name,
    }
    span = window and {"start": window.start, "end": window.end}
    if answer is None:
        return {"account": account, "answer": Took.UNKNOWN, "window": span, **NO_SUCH_DAY}
    return {
        "account": account,
        "answer": answer.state,
        "window": span,
        "posts_at_least": answer.posts,
        "evidence": [shapes.evidence(shared, who, post) for post in answer.evidence],
        "covered_share": round(answer.covered_share, 6),
        "largest_gap": shapes.iso(answer.largest_gap),
        "largest_gap_seconds": shapes.seconds(answer.largest_gap),
        "read_back": answer.retrospective,
        "reasons": answer.reasons,
        "note": note(answer),
    }


def note(answer: Answer) -> str:
    """The answer in one sentence that claims no more than is known."""
    if answer.state is Took.UNKNOWN:
        return explain_unknown(answer.reasons)
    if answer.state is Took.POSTED:
        return "posted, and deleted since" if answer.all_deleted else "posted"
    looks = f"; largest gap between looks {shapes.iso(answer.largest_gap)}" if answer.largest_gap else ""
    back = "; read back later, at least in part" if answer.retrospective else ""
    return f"no surviving post seen{looks}{back}"
