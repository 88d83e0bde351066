"""Who changed what. Append only: nothing here updates or deletes.

Promises: ``object`` names things by their public id only, so that an erased account leaves no name behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import audit


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. ``actor`` is a key's prefix or ``cli``; ``action`` such as ``account.add``."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str


async def append(conn: AsyncConnection, *, actor: str, action: str, object: str, now: datetime) -> None:
    """Record a change in the transaction that makes it."""
    await conn.execute(insert(audit).values(at=now, actor=actor, action=action, object=object))


async def page(conn: AsyncConnection, *, after: int | None, limit: int) -> list[Entry]:
    """Entries, newest first, older than ``after`` (an entry's id)."""
    columns = (audit.c.id, audit.c.at, audit.c.actor, audit.c.action, audit.c.object)
    query = select(*columns).order_by(audit.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(audit.c.id < after)
    return [Entry(*row) for row in await conn.execute(query)]
