"""The log of events, read: a page, one event, what came after a position.

May assume a connection; events are written by ``storage.events``. Promises: a position is an event's id, and ids grow
in the order of commits, so whoever goes on behind a position misses nothing and sees nothing twice; what was pruned is
told apart from what never was. Events leave in the order in which they were recorded.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.raw import fetch


class Event(NamedTuple):
    """A recorded event. ``id`` is its position."""

    id: int
    public_id: str
    type: str
    sequence: int
    occurred_at: datetime
    recorded_at: datetime
    account_id: int | None
    rule_id: int | None
    data: dict[str, Any]
    tags: list[str] | None
    """Of its account, as they are now; None without an account."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; everything given must hold. ``since`` and ``until`` bound when they were recorded, half-open."""

    types: tuple[str, ...] = ()
    account_id: int | None = None
    rule_id: int | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def admits(self, event: Event) -> bool:
        """What the statement says, of an event that was read already."""
        return (
            (not self.types or event.type in self.types)
            and self.account_id in (None, event.account_id)
            and self.rule_id in (None, event.rule_id)
            and (self.tag is None or self.tag in (event.tags or ()))
            and (self.since is None or event.recorded_at >= self.since)
            and (self.until is None or event.recorded_at < self.until)
        )


class Position(enum.Enum):
    """What a position is to the log."""

    KEPT = "kept"
    """Everything behind it is still there."""
    PRUNED = "pruned"
    """What followed it may be gone."""
    UNKNOWN = "unknown"
    """No event ever had it."""


ALL = Filter()
_SELECT = """
select e.id, e.public_id, e.type, e.sequence, e.occurred_at, e.recorded_at, e.account_id, e.rule_id, e.data, a.tags
from events e left join accounts a on a.id = e.account_id where """
#: An event that is still on record at or before the position and was recorded since: so nothing behind it was pruned.
#: (Pruning spares some of what is older, so that an older one on record proves nothing.)
_PLACE = """
select coalesce((select recorded_at >= $2 from events where id <= $1 order by id desc limit 1), false),
       case when is_called then last_value else 0 end from events_id_seq
"""


async def page(
    conn: AsyncConnection,
    wanted: Filter = ALL,
    *,
    after: int | None = None,
    upto: int | None = None,
    oldest_first: bool = False,
    limit: int = 100,
) -> list[Event]:
    """Events, newest first or oldest first, beyond the position ``after`` in that order; none newer than ``upto``."""
    selected, values = _conditions(wanted, oldest_first, after, upto)
    order = "asc" if oldest_first else "desc"
    sql = f"{_SELECT}{selected} order by e.id {order} limit $1"
    return [Event._make(row) for row in await fetch(conn, sql, limit, *values)]


def _conditions(wanted: Filter, oldest_first: bool, after: int | None, upto: int | None) -> tuple[str, list[object]]:
    """Only what was given stands in the condition: the planner then finds the index for it. ``$1`` is the limit."""
    asked: tuple[tuple[str, object], ...] = (
        ("e.type = any(${}::text[])", list(wanted.types) or None),
        ("e.account_id = ${}::int", wanted.account_id),
        ("e.rule_id = ${}::int", wanted.rule_id),
        ("a.tags @> array[${}::text]", wanted.tag),
        ("e.recorded_at >= ${}::timestamptz", wanted.since),
        ("e.recorded_at < ${}::timestamptz", wanted.until),
        ("e.id > ${}::bigint" if oldest_first else "e.id < ${}::bigint", after),
        ("e.id <= ${}::bigint", upto),
    )
    given = [(condition, value) for condition, value in asked if value is not None]
    parts = [condition.format(2 + at) for at, (condition, _) in enumerate(given)]
    return " and ".join(parts) or "true", [value for _, value in given]


async def get(conn: AsyncConnection, public_id: str) -> Event | None:
    """One event by its public id."""
    rows = await fetch(conn, _SELECT + "e.public_id = $1", public_id)
    return Event._make(rows[0]) if rows else None


async def newest(conn: AsyncConnection) -> int:
    """The position of the newest event, 0 where there is none."""
    found: int = (await fetch(conn, "select coalesce(max(id), 0) from events"))[0][0]
    return found


async def judge(conn: AsyncConnection, position: int, kept_since: datetime) -> Position:
    """Whether the log still holds all that came after a position. 0 stands before everything that is kept.

    ``kept_since``: nothing recorded since then was pruned.
    """
    kept, last = (await fetch(conn, _PLACE, position, kept_since))[0]
    if position > last:
        return Position.UNKNOWN
    return Position.KEPT if kept or position in (0, last) else Position.PRUNED
