"""What is kept for a time only: the list of single looks.

May assume the caller's transaction. Promises: one call deletes at most ``most`` rows, so that no transaction lasts;
posts, coverage and streaks are never touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import Instant

_POLLS = text("""
DELETE FROM polls WHERE id IN (SELECT id FROM polls WHERE last_at < :before ORDER BY id LIMIT :most)
""").bindparams(bindparam("before", type_=Instant))


async def prune_polls(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = 10_000) -> int:
    """Delete looks that ended before ``now - keep``; how many rows went."""
    return (await conn.execute(_POLLS, {"before": now - keep, "most": most})).rowcount
