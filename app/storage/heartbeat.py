"""Whether the database can be written, and when the work last went on.

May assume a connection inside the caller's transaction. Promises: changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.raw import fetch

# A lock on the row: refused by a database that only reads, as it is after a failover to a standby.
_BEAT = "select beat_at from pulse where id = 1 for update"


async def last_beat(conn: AsyncConnection) -> datetime | None:
    """The last sign of life that any worker wrote, None before the first. Raises DBAPIError where nothing can be."""
    rows = await fetch(conn, _BEAT)
    return rows[0][0] if rows else None
