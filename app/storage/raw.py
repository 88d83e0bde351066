"""Reads that answer a request, and writes of many rows: straight to asyncpg, whose records are decoded in C.

May assume a connection of ``storage.engine``. Promises: inside ``engine.begin()`` everything belongs to that
transaction, whatever comes first; on ``engine.connect()`` each statement stands alone, so it only reads. SQLAlchemy's
per-row work is left out (it doubles the cost of a thousand rows); errors leave as SQLAlchemy's DBAPIError, as from any
other statement, and a lost connection is given up. Statements are prepared once per connection: the SQL must be a
constant, values go into ``$1``, ``$2`` ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.engine import LOST


async def fetch(conn: AsyncConnection, sql: str, *values: object) -> list[asyncpg.Record]:
    """The rows of one statement. Raises sqlalchemy.exc.DBAPIError."""
    async with _driver(conn, sql) as driver:
        return await driver.fetch(sql, *values)


async def executemany(conn: AsyncConnection, sql: str, rows: Sequence[Sequence[object]]) -> None:
    """One statement for many rows, in one go. Raises sqlalchemy.exc.DBAPIError."""
    async with _driver(conn, sql) as driver:
        await driver.executemany(sql, rows)


async def copy_rows(
    conn: AsyncConnection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Many new rows by COPY, the cheapest way in. As ``executemany`` otherwise."""
    async with _driver(conn, f"COPY {table}") as driver:
        await driver.copy_records_to_table(table, columns=columns, records=rows)


@asynccontextmanager
async def _driver(conn: AsyncConnection, sql: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    held = conn.sync_connection
    # What is checked out already is at hand; SQLAlchemy's way to it goes through a greenlet.
    raw = held.connection if held and not (held.closed or held.invalidated) else await conn.get_raw_connection()
    driver: asyncpg.Connection[Any] | None = raw.driver_connection
    assert driver is not None  # noqa: S101 - a checked-out connection has one
    if conn.in_transaction() and not driver.is_in_transaction():
        # SQLAlchemy begins at its own first statement and sees none of those here: they would commit one by one.
        await conn.exec_driver_sql("select 1")
    try:
        yield driver
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        lost = isinstance(error, OSError) or driver.is_closed() or getattr(error, "sqlstate", None) in LOST
        if lost:
            await conn.invalidate(error)
        raise DBAPIError(sql, None, error, connection_invalidated=lost) from error
