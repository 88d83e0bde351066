"""Waiting for NOTIFY across a database that is restarted and a connection that is ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage import listening
from app.storage.embedded import EmbeddedServer
from app.storage.engine import create_engine

CHANNEL = "quietwatch_test"


async def notify(engine: AsyncEngine, payload: str) -> None:
    async with engine.begin() as conn:
        await conn.execute(text("select pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


@contextlib.asynccontextmanager
async def listening_to(engine: AsyncEngine) -> AsyncIterator[asyncio.Queue[str | None]]:
    """What is heard, from the first connecting on."""
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    task = asyncio.ensure_future(listening.listen(engine, CHANNEL, heard.put_nowait))
    try:
        assert await asyncio.wait_for(heard.get(), 10) is None
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_notified_is_heard_between_two_pings_and_the_pool_stays_whole(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PING_S", 0.01)
    pinged = "select count(*) from pg_stat_activity where datname = current_database() and query = 'select 1'"
    async with listening_to(engine) as heard:
        await notify(engine, "7")
        assert await asyncio.wait_for(heard.get(), 10) == "7"
        async with asyncio.timeout(10), engine.connect() as conn:
            while not (await conn.execute(text(pinged))).scalar_one():
                await conn.rollback()
        await notify(engine, "8")
        assert await asyncio.wait_for(heard.get(), 10) == "8"
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_a_connection_that_the_server_ends_is_made_anew(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "RETRY_S", 0.01)
    mine = "datname = current_database() and query like 'LISTEN%'"
    kill = f"select pg_terminate_backend(pid) from pg_stat_activity where {mine}"  # noqa: S608 - a constant
    async with listening_to(engine) as heard:
        async with engine.connect() as conn:
            await conn.execute(text(kill))
        assert await asyncio.wait_for(heard.get(), 10) is None, "something may have been missed: look"
        await notify(engine, "8")
        assert await asyncio.wait_for(heard.get(), 10) == "8"


async def test_a_database_that_is_restarted_is_found_again(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir, settings={"fsync": "off"})
    engine = create_engine(server.url)
    try:
        async with listening_to(engine) as heard:
            await asyncio.to_thread(server.stop)
            server = await asyncio.to_thread(EmbeddedServer.start, data_dir, settings={"fsync": "off"})
            assert await asyncio.wait_for(heard.get(), 20) is None
            await notify(engine, "9")
            assert await asyncio.wait_for(heard.get(), 10) == "9"
    finally:
        await engine.dispose()
        server.stop()
