"""Statements that go straight to the driver belong to the transaction around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.storage import raw

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INSERT = "insert into erased (digest, erased_at) values ($1, $2)"


async def by_fetch(conn: AsyncConnection) -> None:
    await raw.fetch(conn, INSERT, b"a", NOW)


async def by_executemany(conn: AsyncConnection) -> None:
    await raw.executemany(conn, INSERT, [(b"a", NOW), (b"b", NOW)])


async def by_copy(conn: AsyncConnection) -> None:
    await raw.copy_rows(conn, "erased", ("digest", "erased_at"), [(b"a", NOW)])


async def count(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        number: int = (await raw.fetch(conn, "select count(*) from erased"))[0][0]
    return number


@pytest.mark.parametrize("write", [by_fetch, by_executemany, by_copy])
async def test_a_write_that_comes_first_goes_with_its_transaction(
    engine: AsyncEngine, write: Callable[[AsyncConnection], Awaitable[None]]
) -> None:
    async with engine.begin() as conn:
        await write(conn)
        await conn.rollback()
    assert await count(engine) == 0
    async with engine.begin() as conn:
        await write(conn)
    assert await count(engine) > 0


async def test_a_question_alone_begins_nothing(engine: AsyncEngine) -> None:
    """Two round trips less for every answer of the API."""
    async with engine.connect() as conn:
        await raw.fetch(conn, "select 1")
        driver = (await conn.get_raw_connection()).driver_connection
        assert driver is not None
        assert not driver.is_in_transaction()
