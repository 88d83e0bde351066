"""Hosts: the unit of politeness, shared by all workers.

May assume: the caller's transaction; names are ``name`` or ``name:port`` in lower case. Promises: a wait a host asked
for is never shortened by a later, shorter one; slots handed out by ``reserve`` never overlap between workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import Instant, hosts

_RESERVE = text("""
WITH wanted AS MATERIALIZED (
    SELECT hosts.id, w.length
    FROM unnest(CAST(:ids AS integer[]), CAST(:lengths AS interval[])) AS w(host_id, length)
    JOIN hosts ON hosts.id = w.host_id
    ORDER BY hosts.id
    FOR UPDATE OF hosts
)
UPDATE hosts SET next_free_at = greatest(coalesce(hosts.next_free_at, :now), :now) + wanted.length
FROM wanted WHERE hosts.id = wanted.id
RETURNING hosts.id, hosts.next_free_at - wanted.length AS first_slot
""").bindparams(bindparam("now", type_=Instant))

_BLOCK = text("""
UPDATE hosts SET blocked_until = greatest(blocked_until, :until), reason = :reason WHERE id = :host_id
""").bindparams(bindparam("until", type_=Instant))

_FAILED = text("""
UPDATE hosts SET failing_since = coalesce(failing_since, :now), failures = failures + 1, reason = :reason,
                 blocked_until = greatest(blocked_until, :until)
WHERE id = :host_id
RETURNING failures
""").bindparams(bindparam("now", type_=Instant), bindparam("until", type_=Instant))


async def reserve(conn: AsyncConnection, lengths: Mapping[int, timedelta], now: datetime) -> dict[int, datetime]:
    """Reserve so much of each host's time (requests times spacing); returns when each may be asked first."""
    if not lengths:
        return {}
    values = {"ids": sorted(lengths), "lengths": [lengths[host_id] for host_id in sorted(lengths)], "now": now}
    return {row.id: row.first_slot for row in await conn.execute(_RESERVE, values)}


async def block(conn: AsyncConnection, host_id: int, until: datetime, reason: str) -> None:
    """Nobody asks this host before ``until`` (429, or a budget that is used up)."""
    await conn.execute(_BLOCK, {"host_id": host_id, "until": until, "reason": reason})


async def failed(conn: AsyncConnection, host_id: int, now: datetime, until: datetime, reason: str) -> int:
    """The host itself could not be reached; it rests until ``until``. Returns how often in a row."""
    values = {"host_id": host_id, "now": now, "until": until, "reason": reason}
    failures: int = (await conn.execute(_FAILED, values)).scalar_one()
    return failures


async def note_counter(conn: AsyncConnection, host_id: int, refused_at: datetime | None) -> None:
    """When the host last said that it has no batch counter; None: it has one."""
    await conn.execute(update(hosts).where(hosts.c.id == host_id).values(counter_refused_at=refused_at))


async def recovered(conn: AsyncConnection, host_id: int) -> None:
    """The host answered: its failures are over. A wait it asked for stays."""
    changed = update(hosts).where(hosts.c.id == host_id, hosts.c.failing_since.is_not(None))
    await conn.execute(changed.values(failing_since=None, failures=0, reason=None))
