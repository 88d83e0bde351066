"""Who posted inside a window: any window, any set, in one statement for what is plain and two more for what is not.

May assume a connection. Promises: the answers are those of ``domain.participation``. Posts inside are found by one
probe of the index per account; coverage that lies around the whole window without a hole is recognised by the server;
only accounts where that leaves a question open are worked out from their rows. A test compares the two ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain import participation
from app.domain.coverage import known_at
from app.domain.models import DEFAULT_KINDS, Interval, Kind, OutcomeName
from app.domain.outcomes import reason_of
from app.domain.participation import Answer, Lapse, Took
from app.storage import coverage, posts
from app.storage.names import Selection, conditions
from app.storage.posts import BREAKS, COLUMNS, LATEST, read_post
from app.storage.raw import fetch
from app.storage.tables import UNDATED


class Taker(NamedTuple):
    """An account of the answer. ``outcome`` is that of its latest look, None before the first; ``before`` its last post
    of the default kinds before the window, which a chance needs: None for other kinds or an earlier moment."""

    account_id: int
    public_id: str
    platform: str
    native_id: str
    handle: str
    subject: str | None
    subject_name: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    outcome: str | None
    before: datetime | None


_WIDTH = len(Taker._fields)
#: The account's very last post (``account_state``) is for many the last one before the window: then none is looked for.
_TAKER = f"""a.id, a.public_id, a.platform, a.native_id, a.handle, j.public_id, j.name, a.valid_from, a.valid_to,
s.outcome, case when s.last_post_at < $7 then s.last_post_at else (
    select posted_at from posts where account_id = a.id and posted_at < $7
    and marks & {int(DEFAULT_KINDS)} <> 0 and {BREAKS} order by posted_at desc limit 1) end"""  # noqa: S608 - constants only
#: Counted (``domain.silence.counts``). Parameters: $1 after, $2 and $3 the window, $4 kinds, $5 as_of, $6 limit, $7 by
#: when the window has begun or now is.
_COUNTED = f"marks & $4 <> 0 and {BREAKS} and first_seen_at <= $5"
#: The first post that was made inside for certain; whether another may have been; what coverage says of the window.
#: Where one stretch spans the window nothing more is asked; else the server joins the stretches (``u``).
_ANSWER = f"""
select {_TAKER}, c.plain, c.spans or u.covers as covers, c.largest_gap,
       not (c.live_spans or coalesce(u.live_covers, false)) as read_back,
       p.posted_at is null and exists (
           select from posts where account_id = a.id and posted_at >= $2 and ({UNDATED}) and {_COUNTED}
           and (posted_after is null or posted_after < $3)) as doubtful, p.*
from accounts a join account_state s on s.account_id = a.id left join subjects j on j.id = a.subject_id
left join lateral (
    select {COLUMNS} from posts where account_id = a.id and posted_at >= $2 and posted_at < $3 and {_COUNTED}
    and (not ({UNDATED}) or posted_after >= $2) order by posted_at limit 1
) p on true
left join lateral (
    select bool_and(kinds & $4 = $4 and recorded_to <= $5) as plain, max(largest_gap_s) as largest_gap,
           bool_or(starts_at <= $2 and ends_at >= $3) as spans,
           bool_or(live and starts_at <= $2 and ends_at >= $3) as live_spans
    from coverage where account_id = a.id and ends_at > $2 and starts_at < $3 and recorded_from <= $5
) c on true
left join lateral (
    select range_agg(tstzrange(starts_at, ends_at)) @> tstzrange($2, $3) as covers,
           range_agg(tstzrange(starts_at, ends_at)) filter (where live) @> tstzrange($2, $3) as live_covers
    from coverage where account_id = a.id and ends_at > $2 and starts_at < $3 and recorded_from <= $5
      and c.plain and not c.live_spans
) u on true
"""  # noqa: S608 - constants only
_FAILED = """
select account_id, first_at, last_at, outcome from polls
where account_id = any($1::int[]) and last_at >= $2 and first_at < $3 and first_at <= $4
  and outcome not in ('page', 'unchanged') order by account_id, first_at
"""


def answer_sql(selected: str) -> str:
    """The statement of ``answer`` for a condition of ``names.conditions``."""
    return f"{_ANSWER} where {selected} and ($1::int is null or a.id > $1) order by a.id limit $6"


async def answer(
    conn: AsyncConnection,
    selection: Selection,
    window: Interval,
    *,
    now: datetime,
    kinds: Kind = DEFAULT_KINDS,
    as_of: datetime | None = None,
    after: int | None = None,
    limit: int = 1000,
) -> list[tuple[Taker, Answer]]:
    """The answer for every account of a set, in the order of addition.

    ``after`` is the internal id of the last account given. ``Answer.posts`` counts what ``evidence`` names, which for
    most accounts is the first post: it says "at least".
    """
    selected, values = conditions(selection, first=8)
    known, before = as_of or LATEST, min(window.start, now) if as_of is None and kinds == DEFAULT_KINDS else None
    asked = (after, window.start, window.end, int(kinds), known, limit, before)
    rows = await fetch(conn, answer_sql(selected), *asked, *values)
    takers = [Taker._make(row[:_WIDTH]) for row in rows]
    plain = [_plain(taker, row[_WIDTH:], window) for taker, row in zip(takers, rows, strict=True)]
    left = {taker: row[_WIDTH:] for taker, row, found in zip(takers, rows, plain, strict=True) if found is None}
    worked_out = await _work_out(conn, left, window, now, kinds, as_of) if left else {}
    return [(taker, found or worked_out[taker]) for taker, found in zip(takers, plain, strict=True)]


def _plain(taker: Taker, row: Sequence[Any], window: Interval) -> Answer | None:
    """The answer where the server's findings settle it: covered without a hole, and no undated post in doubt."""
    plain, covers, largest_gap, read_back, doubtful, *columns = row
    posted = columns[0] is not None
    if not plain or not covers or doubtful or _is_limited(taker, window):
        return None
    return Answer(
        state=Took.POSTED if posted else Took.SILENT,
        reasons=(),
        evidence=(read_post(columns),) if posted else (),
        posts=int(posted),
        covered_share=1.0,
        largest_gap=timedelta(seconds=largest_gap),
        retrospective=read_back,
    )


def _is_limited(taker: Taker, window: Interval) -> bool:
    """The account's validity leaves out some of the window."""
    from_, to = taker.valid_from, taker.valid_to
    return (from_ is not None and from_ > window.start) or (to is not None and to < window.end)


async def _work_out(
    conn: AsyncConnection,
    left: Mapping[Taker, Sequence[Any]],
    window: Interval,
    now: datetime,
    kinds: Kind,
    as_of: datetime | None,
) -> dict[Taker, Answer]:
    """The answers that need the rows: coverage with holes, undated posts, limited validity."""
    known = as_of or LATEST
    stretches = await coverage.load(conn, [taker.account_id for taker in left], as_of=known)
    first = {
        taker.account_id: [read_post(row[5:])]
        for taker, row in left.items()
        if row[5] is not None and not _is_limited(taker, window)
    }
    unsure = [taker.account_id for taker in left if taker.account_id not in first]
    made = {**first, **await posts.load(conn, unsure, kinds=kinds, window=window, as_of=known)}
    lapses = await _lapses(conn, unsure, window, known)
    return {
        taker: participation.answer(
            made[taker.account_id],
            known_at(stretches[taker.account_id], as_of, kinds),
            window,
            min(now, known),
            kinds,
            last_outcome=OutcomeName(taker.outcome) if taker.outcome else None,
            lapses=lapses.get(taker.account_id, ()),
            valid_from=taker.valid_from,
            valid_to=taker.valid_to,
        )
        for taker in left
    }


async def _lapses(
    conn: AsyncConnection, account_ids: Sequence[int], window: Interval, known: datetime
) -> dict[int, list[Lapse]]:
    """The failed looks inside the window, by internal account id."""
    found: dict[int, list[Lapse]] = {}
    rows = await fetch(conn, _FAILED, list(account_ids), window.start, window.end, known) if account_ids else []
    for account_id, first_at, last_at, outcome in rows:
        lapse = Lapse(Interval(first_at, last_at), reason_of(OutcomeName(outcome)))
        found.setdefault(account_id, []).append(lapse)
    return found
