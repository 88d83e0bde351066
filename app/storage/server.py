"""Facts about the database server itself."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def version(conn: AsyncConnection) -> str:
    """The server's version, such as ``18.4``."""
    found: str = (await conn.execute(text("SHOW server_version"))).scalar_one()
    return found.split()[0]


async def clock(conn: AsyncConnection) -> datetime:
    """The server's wall clock, aware UTC."""
    found: datetime = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return found.astimezone(UTC)
