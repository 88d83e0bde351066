"""Hosts: the unit of politeness, shared by all workers.

May assume: the caller's transaction; names are ``name`` or ``name:port`` in lower case. Promises: a wait a host asked
for is never shortened by a later, shorter one; slots handed out by ``reserve`` never overlap between workers.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, text, update
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import Instant, hosts

_RESERVE = text("""
UPDATE hosts SET next_free_at = greatest(coalesce(next_free_at, :now), :now) + :length
WHERE id = :host_id
RETURNING next_free_at - :length AS first_slot
""").bindparams(bindparam("now", type_=Instant), bindparam("length", type_=INTERVAL))

_BLOCK = text("""
UPDATE hosts SET blocked_until = greatest(blocked_until, :until), reason = :reason WHERE id = :host_id
""").bindparams(bindparam("until", type_=Instant))

_FAILED = text("""
UPDATE hosts SET failing_since = coalesce(failing_since, :now), failures = failures + 1, reason = :reason,
                 blocked_until = greatest(blocked_until, :until)
WHERE id = :host_id
RETURNING failures
""").bindparams(bindparam("now", type_=Instant), bindparam("until", type_=Instant))


async def reserve(conn: AsyncConnection, host_id: int, requests: int, spacing: timedelta, now: datetime) -> datetime:
    """Reserve slots for so many requests in a row, ``spacing`` apart; returns when the first may be sent."""
    values = {"host_id": host_id, "now": now, "length": spacing * requests}
    slot: datetime = (await conn.execute(_RESERVE, values)).scalar_one()
    return slot


async def block(conn: AsyncConnection, host_id: int, until: datetime, reason: str) -> None:
    """Nobody asks this host before ``until`` (429, or a budget that is used up)."""
    await conn.execute(_BLOCK, {"host_id": host_id, "until": until, "reason": reason})


async def failed(conn: AsyncConnection, host_id: int, now: datetime, until: datetime, reason: str) -> int:
    """The host itself could not be reached; it rests until ``until``. Returns how often in a row."""
    values = {"host_id": host_id, "now": now, "until": until, "reason": reason}
    failures: int = (await conn.execute(_FAILED, values)).scalar_one()
    return failures


async def recovered(conn: AsyncConnection, host_id: int) -> None:
    """The host answered: its failures are over. A wait it asked for stays."""
    changed = update(hosts).where(hosts.c.id == host_id, hosts.c.failing_since.is_not(None))
    await conn.execute(changed.values(failing_since=None, failures=0, reason=None))
