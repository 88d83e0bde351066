"""Deliveries as they are looked at and replayed: one event to one endpoint each, with all its attempts.

May assume a connection inside the caller's transaction. Promises: a replay sends an event once more under the id it
always had; what is still to be sent is not sent twice by it, however often it is asked for; an event of before the
endpoint existed can be replayed too, where the endpoint's types and tags take it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.events import CHANNEL, LANES
from app.storage.raw import fetch


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event to one endpoint. ``due_at`` is the next attempt, None where none follows by itself."""

    id: int
    event: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    account: str | None
    status: str
    """``pending``, ``delivered``, ``failed`` (given up), ``held`` (the endpoint is disabled)."""
    attempts: int
    due_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. ``status`` is the answer's, None where none came: then ``error`` says why."""

    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    next_at: datetime | None
    answer: bytes | None
    """The first 1,024 bytes; for administrators only."""


_SELECT = """
select d.id, e.public_id, e.type, e.occurred_at, e.recorded_at, a.public_id, d.status, d.attempts, d.due_at, d.done_at
from deliveries d join events e on e.id = d.event_id left join accounts a on a.id = e.account_id
where d.webhook_id = $1::int
"""
_PAGE = f"""{_SELECT} and ($2::text is null or d.status = $2) and ($3::bigint is null or d.id < $3)
order by d.id desc limit $4::int"""
_ONE = f"{_SELECT} and e.public_id = $2::text"


async def page(
    conn: AsyncConnection, webhook_id: int, *, status: str | None, after: int | None, limit: int
) -> list[Delivery]:
    """Deliveries to an endpoint, the newest first, behind ``after``."""
    return [Delivery(*row) for row in await fetch(conn, _PAGE, webhook_id, status, after, limit)]


async def find(conn: AsyncConnection, webhook_id: int, event: str) -> Delivery | None:
    """The delivery of an event (by public id) to an endpoint."""
    rows = await fetch(conn, _ONE, webhook_id, event)
    return Delivery(*rows[0]) if rows else None


async def attempts(conn: AsyncConnection, delivery_id: int, limit: int = 100) -> list[Attempt]:
    """The last attempts of a delivery, the oldest first."""
    rows = await fetch(conn, _ATTEMPTS, delivery_id, limit)
    return [Attempt(*row) for row in reversed(rows)]


_ATTEMPTS = """
select number, at, duration_ms, status, error, next_at, answer
from delivery_attempts where delivery_id = $1::bigint order by id desc limit $2::int
"""


async def count(conn: AsyncConnection, webhook_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many deliveries of each endpoint are still to be made, by state (pending, held, failed)."""
    found: dict[int, dict[str, int]] = {}
    for webhook_id, status, number in await fetch(conn, _COUNT, list(webhook_ids)):
        found.setdefault(webhook_id, {})[status] = number
    return found


_COUNT = """
select webhook_id, status, count(*) from deliveries
where webhook_id = any($1::int[]) and status <> 'delivered' group by 1, 2
"""


async def replay_one(conn: AsyncConnection, webhook_id: int, event: str, now: datetime) -> bool:
    """Send an event to an endpoint (again), whatever became of it before. False where it was due anyway."""
    return bool(await _replay(conn, _REPLAY_ONE, webhook_id, now, event))


async def replay_range(
    conn: AsyncConnection, webhook_id: int, since: datetime, until: datetime, *, delivered: bool, now: datetime
) -> int:
    """Send what was recorded in [since, until) and did not arrive; with ``delivered`` what did arrive too.

    Returns how many were not due anyway.
    """
    return len(await _replay(conn, _REPLAY_RANGE, webhook_id, now, since, until, delivered))


async def replay_after(conn: AsyncConnection, webhook_id: int, event: str, *, delivered: bool, now: datetime) -> int:
    """The same for the event and everything recorded after it."""
    return len(await _replay(conn, _REPLAY_AFTER, webhook_id, now, event, delivered))


async def knows_event(conn: AsyncConnection, event: str) -> bool:
    """Whether there is an event of this id in the log."""
    return bool(await fetch(conn, "select from events where public_id = $1::text", event))


async def _replay(conn: AsyncConnection, sql: str, webhook_id: int, now: datetime, *values: object) -> list[int]:
    rows = await fetch(conn, sql, webhook_id, now, *values)
    if rows:
        await fetch(conn, "select pg_notify($1, (select coalesce(max(id), 0)::text from events))", CHANNEL)
    return [row[0] for row in rows]


# Tests are between one endpoint and its owner: a range does not repeat them to others.
_WANTED = f"""
insert into deliveries as known (event_id, webhook_id, lane, due_at, status)
select e.id, w.id, coalesce(e.account_id, 0) % {LANES},
       case when w.status = 'enabled' then greatest($2::timestamptz, e.tell_at) end,
       case when w.status = 'enabled' then 'pending' else 'held' end
from events e join webhooks w on w.id = $1::int
left join accounts a on a.id = e.account_id
left join deliveries d on d.event_id = e.id and d.webhook_id = w.id
where (d.id is not null or e.type <> 'endpoint.test')
  and (d.id is not null or w.types is null or e.type = any(w.types))
  and (d.id is not null or w.tags is null or e.account_id is null or a.tags && w.tags)
"""  # noqa: S608 - a constant
_AGAIN = """
on conflict (webhook_id, event_id) do update
set due_at = excluded.due_at, status = excluded.status, attempts = 0, done_at = null
where known.status not in ('pending', excluded.status) returning known.id
"""
_REPLAY_ONE = f"{_WANTED} and e.public_id = $3::text order by e.id {_AGAIN}"
_REPLAY_RANGE = f"""{_WANTED} and e.recorded_at >= $3::timestamptz and e.recorded_at < $4::timestamptz
and ($5::bool or coalesce(d.status, 'failed') <> 'delivered') order by e.id {_AGAIN}"""
_REPLAY_AFTER = f"""{_WANTED} and e.id >= (select id from events where public_id = $3::text)
and ($4::bool or coalesce(d.status, 'failed') <> 'delivered') order by e.id {_AGAIN}"""  # noqa: S608 - constants
