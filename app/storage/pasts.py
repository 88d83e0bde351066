"""What a rhythm is fitted to: posts, coverage and zone of some accounts, as numbers.

May assume a connection. Promises: one statement for a group; nothing older or more than a rhythm remembers is read; a
past ends with the last post, for the silence that follows must not decide what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.calendar import EARLIEST
from app.domain.coverage import known_at
from app.domain.intervals import subtract
from app.domain.models import DEFAULT_KINDS, Interval, Kind, Stretch
from app.domain.rhythm import constants as c
from app.domain.silence import UNDATED
from app.storage.posts import BREAKS
from app.storage.raw import fetch
from app.storage.tables import UNDATED as MAYBE_UNDATED


@dataclass(frozen=True, slots=True)
class Past:
    """What ``domain.rhythm.fitting.fit_seconds`` asks for. Epoch seconds."""

    posts: Sequence[float]
    coverage: Sequence[tuple[float, float]]
    zone: str
    at: float


_COUNTED = f"marks & {int(DEFAULT_KINDS)} <> 0 and {BREAKS}"
_UNDATED = f"marks & {int(UNDATED) << 8} <> 0"
_PASTS = f"""
select a.id, coalesce(j.zone, 'UTC'), date_part('epoch', s.last_post_at), (
    select array_agg(at order by at) from (
        select date_part('epoch', posted_at) as at from posts
        where account_id = a.id and posted_at > $2 and posted_at <= s.last_post_at and {_COUNTED} and not ({_UNDATED})
        order by posted_at desc limit {c.MEMORY_POSTS}
    ) as last
), (
    select date_part('epoch', max(posted_at)) from posts
    where account_id = a.id and posted_at <= $2 and {_COUNTED} and not ({_UNDATED})
), (
    select array_agg(row(starts_at, ends_at, kinds)) from coverage
    where account_id = a.id and ends_at > $2 and starts_at < s.last_post_at and kinds & {int(DEFAULT_KINDS)} <> 0
), (
    select array_agg(row(posted_after, posted_at)) from posts
    where account_id = a.id and posted_at > $2 and ({MAYBE_UNDATED}) and {_COUNTED} and {_UNDATED}
)
from accounts a join account_state s on s.account_id = a.id left join subjects j on j.id = a.subject_id
where a.id = any($1::int[]) and s.last_post_at is not null
"""  # noqa: S608 - constants only


async def load(conn: AsyncConnection, account_ids: Sequence[int], now: datetime) -> dict[int, Past]:
    """The pasts of these accounts for the default kinds; those without a post are left out."""
    since = now - timedelta(days=c.MEMORY_DAYS)
    rows = await fetch(conn, _PASTS, list(account_ids), since)
    return {
        row[0]: Past(_posts(row[3], row[4]), _covered(row[5] or (), row[6] or ()), row[1], min(row[2], now.timestamp()))
        for row in rows
    }


def _posts(remembered: list[float] | None, before: float | None) -> list[float]:
    """With the last one before what is remembered: it says that the account was there already.

    Where as many are remembered as may be, what lies between the two was not read: the account begins with the first.
    """
    found = remembered or []
    return found if before is None or len(found) == c.MEMORY_POSTS else [before, *found]


def _covered(stretches: Iterable[Sequence[Any]], undated: Iterable[Sequence[Any]]) -> list[tuple[float, float]]:
    """What is known for all the kinds; a post without a date leaves a hole where it may have been made."""
    rows, holes = list(stretches), [Interval(after or EARLIEST, at) for after, at in undated]
    if not holes and all(kinds & DEFAULT_KINDS == DEFAULT_KINDS for _, _, kinds in rows):
        return [(start.timestamp(), end.timestamp()) for start, end, _ in rows]
    known = [Stretch(start, end, Kind(kinds), True, start, end) for start, end, kinds in rows]
    pieces = subtract(known_at(known, None, DEFAULT_KINDS).all(), holes)
    return [(piece.start.timestamp(), piece.end.timestamp()) for piece in pieces]
