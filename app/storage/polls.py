"""The record of looks: equal outcomes in a row with nothing new share a row.

May assume a connection. Promises: the order is newest first and stable while new looks are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Interval, OutcomeName
from app.storage.posts import ALWAYS
from app.storage.raw import fetch


@dataclass(frozen=True, slots=True)
class Poll:
    """``looks`` looks in a row that ended alike, the first and the last of them (our clock), and the longest pause."""

    id: int
    first_at: datetime
    last_at: datetime
    looks: int
    largest_gap: timedelta
    new_posts: int
    outcome: OutcomeName
    reason: str | None
    detail: str | None


_PAGE = """
select id, first_at, last_at, looks, largest_gap_s, new_posts, outcome, reason, detail from polls
where account_id = $1 and last_at >= $2 and first_at < $3 and ($4::timestamptz is null or last_at < $4)
  and ($5::text[] is null or outcome = any($5))
order by last_at desc, id desc limit $6
"""


async def page(
    conn: AsyncConnection,
    account_id: int,
    *,
    window: Interval = ALWAYS,
    outcomes: Sequence[OutcomeName] | None = None,
    after: datetime | None = None,
    limit: int = 100,
) -> list[Poll]:
    """Looks of one account that overlap the window, newest first.

    ``after`` is ``first_at`` of the last row given: it stays as it is while the newest row still grows.
    """
    names = None if outcomes is None else [str(outcome) for outcome in outcomes]
    rows = await fetch(conn, _PAGE, account_id, window.start, window.end, after, names, limit)
    return [_read(row) for row in rows]


def _read(row: Iterable[Any]) -> Poll:
    id_, first_at, last_at, looks, gap, new_posts, outcome, reason, detail = row
    return Poll(id_, first_at, last_at, looks, timedelta(seconds=gap), new_posts, OutcomeName(outcome), reason, detail)


_FAILED = """
select distinct on (account_id) account_id, outcome, reason, last_at from polls
where account_id = any($1::int[]) and last_at >= $2 and first_at < $3 and outcome not in ('page', 'unchanged')
order by account_id, last_at desc
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last failed look of a window: why it may hold something unknown."""

    outcome: OutcomeName
    reason: str | None
    at: datetime


async def last_failures(conn: AsyncConnection, account_ids: Sequence[int], window: Interval) -> dict[int, Refusal]:
    """The last failed look inside the window of every account that had one, by internal account id."""
    rows = await fetch(conn, _FAILED, list(account_ids), window.start, window.end)
    return {row[0]: Refusal(OutcomeName(row[1]), row[2], row[3]) for row in rows}
