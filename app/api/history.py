"""/v1/accounts/{a}/posts, /coverage, /polls: what is on record about one account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api import context, history_answers, openapi, paging, reading, replies, shapes, watched
from app.api.routing import Route
from app.api.watched import AccountKey
from app.domain import coverage as judge
from app.domain.calendar import EARLIEST, LATEST
from app.domain.intervals import clip, holes
from app.domain.models import Interval, OutcomeName
from app.errors import BadInput
from app.storage import coverage, polls, posts

router = APIRouter(prefix="/v1/accounts/{account}", tags=["history"], route_class=Route)
POST_COLUMNS = (
    "posted_at",
    "kind",
    "url",
    "id",
    "first_seen_at",
    "posted_after",
    "deleted_seen_at",
    "notes",
)
STRETCH_COLUMNS = ("start", "end", "seen", "length", "length_seconds")
POLL_COLUMNS = (
    "first_at",
    "last_at",
    "outcome",
    "reason",
    "detail",
    "looks",
    "new_posts",
    "largest_gap",
    "largest_gap_seconds",
)
Start = Annotated[str | None, Query(max_length=40, description="The window's first instant, RFC 3339.")]
End = Annotated[str | None, Query(max_length=40, description="The window's end, RFC 3339; it is not part of it.")]
Kinds = Annotated[
    str | None,
    Query(
        max_length=60,
        description="original, reply, repost, quote, story; default all but story.",
        examples=["original,quote"],
    ),
]
AsOf = Annotated[str | None, Query(max_length=40, description="Answer with what was known at this instant.")]


def window(start: str | None, end: str | None) -> Interval:
    """The window of a list: each side may be left open; both together span at most ten years."""
    first = reading.instant(start, "start") if start else EARLIEST
    last = reading.instant(end, "end") if end else LATEST
    return reading.window(first, last) if start and end else Interval(first, max(first, last))


@router.get("/posts", summary="Posts of an account", responses=openapi.lists(history_answers.Posts))
async def list_posts(
    request: Request,
    account: AccountKey,
    start: Start = None,
    end: End = None,
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Posting events, newest first: time, kind and link, never content. Deleted posts stay and say so."""
    shared, chosen, span = context.of(request), reading.kinds(kinds), window(start, end)
    moment = reading.past(as_of, shared.clock()) or posts.LATEST
    place = paging.start(request, shared.secret, cursor)
    after = (datetime.fromisoformat(place[0]), str(place[1])) if place else None
    async with shared.engine.connect() as conn:
        owner = await watched.find(conn, account)
        found = await posts.page(conn, owner.id, kinds=chosen, window=span, as_of=moment, after=after, limit=limit + 1)
    following = paging.next_of(
        request, shared.secret, found, limit, lambda post: [post.posted_at.isoformat(), post.native_id]
    )
    rows = [shapes.post(shared, owner, post) for post in found[:limit]]
    method = "Posts as they were seen at looks; what was posted and deleted between two looks is not here."
    return replies.listing(request, replies.Listing(rows, POST_COLUMNS, method, following))


@router.get("/coverage", summary="What was observed", responses=openapi.lists(history_answers.CoverageList))
async def list_coverage(
    request: Request,
    account: AccountKey,
    start: Start = None,
    end: End = None,
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """The stretches in which every visible post is known: seen ``live``, ``read_back`` later, or ``not`` at all.

    Between the first stretch (or the window's start) and now (or its end) nothing is left out.
    """
    shared, chosen, now = context.of(request), reading.kinds(kinds), context.of(request).clock()
    moment = reading.past(as_of, shared.clock())
    place = paging.start(request, shared.secret, cursor)
    span = window(start, end)
    async with shared.engine.connect() as conn:
        owner = await watched.find(conn, account)
        stretches = (await coverage.load(conn, [owner.id], window=span, as_of=moment or posts.LATEST))[owner.id]
    known = judge.known_at(stretches, moment, chosen)
    rows = stretch_rows(known, Interval(span.start, min(span.end, moment or now)), open_start=start is None)
    rows = [row for row in rows if place is None or row["start"].isoformat() > place[0]]
    following = paging.next_of(request, shared.secret, rows, limit, lambda row: [row["start"].isoformat()])
    method = (
        f"Coverage of {shapes.kind_words(chosen)}. "
        "A look proves only up to its time less the platform's settling margin."
    )
    return replies.listing(request, replies.Listing(rows[:limit], STRETCH_COLUMNS, method, following))


@router.get("/polls", summary="Each look and its outcome", responses=openapi.lists(history_answers.Polls))
async def list_polls(
    request: Request,
    account: AccountKey,
    start: Start = None,
    end: End = None,
    outcome: Annotated[str | None, Query(max_length=200, description="Outcomes, separated by commas.")] = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Looks, newest first; looks in a row that ended alike and brought nothing new share a row."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    after = datetime.fromisoformat(place[0]) if place else None
    async with shared.engine.connect() as conn:
        owner = await watched.find(conn, account)
        found = await polls.page(
            conn, owner.id, window=window(start, end), outcomes=_outcomes(outcome), after=after, limit=limit + 1
        )
    following = paging.next_of(request, shared.secret, found, limit, lambda poll: [poll.first_at.isoformat()])
    method = "Every look that was made; one that failed proves nothing and changes no streak."
    rows = [poll_row(poll) for poll in found[:limit]]
    return replies.listing(request, replies.Listing(rows, POLL_COLUMNS, method, following))


def _outcomes(given: str | None) -> list[OutcomeName] | None:
    if given is None:
        return None
    try:
        return [OutcomeName(name.strip()) for name in given.split(",")]
    except ValueError:
        names = ", ".join(OutcomeName)
        raise BadInput("This is no outcome of a look.", field="outcome", hint=f"Choose from {names}.") from None


def stretch_rows(known: judge.Covered, span: Interval, *, open_start: bool) -> list[replies.Row]:
    """Coverage and its holes as rows in the order of time."""
    everything = clip(known.all(), span)
    if open_start:
        span = Interval(everything[0].start, span.end) if everything else Interval(span.end, span.end)
    marked = [
        *((piece, "live") for piece in clip(known.live, span)),
        *((piece, "read_back") for piece in clip(known.retrospective, span)),
        *((piece, "not") for piece in holes(everything, span)),
    ]
    return [
        {
            "start": piece.start,
            "end": piece.end,
            "seen": seen,
            **shapes.length("length", piece.length),
        }
        for piece, seen in sorted(marked, key=lambda pair: pair[0])
    ]


def poll_row(poll: polls.Poll) -> replies.Row:
    """A look, or several alike, as the API shows it."""
    return {
        "first_at": poll.first_at,
        "last_at": poll.last_at,
        "outcome": poll.outcome.value,
        "reason": poll.reason,
        "detail": poll.detail,
        "looks": poll.looks,
        "new_posts": poll.new_posts,
        **shapes.length("largest_gap", poll.largest_gap),
    }
