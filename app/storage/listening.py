"""News from the database: one connection that waits for PostgreSQL's NOTIFY, for as long as its task runs.

    await listen(engine, events.CHANNEL, lambda payload: wake.set())

May assume a running loop. Promises: the connection is one of its own, outside the pool; a server that was restarted,
replaced or cut off is left within ``PING_S`` and asked again every ``RETRY_S``; whoever waits is told after every
connecting that something may have been missed, so nobody misses anything who then looks for himself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

#: How often a silent connection is asked whether it lives, and how long it may take to say so.
PING_S = 10.0
#: How long to wait after a connection was lost or could not be made.
RETRY_S = 0.5

#: Called in the loop with the payload of a NOTIFY, or with None after each connecting: look for what came meanwhile.
#: It must not block or raise; setting an ``asyncio.Event`` is what it is for.
Heard = Callable[[str | None], None]


async def listen(engine: AsyncEngine, channel: str, heard: Heard) -> NoReturn:
    """Call ``heard`` for every NOTIFY on ``channel``, and with None after each connecting, until cancelled.

    Never raises because of the database: it tries again until it is cancelled.
    """
    while True:
        # The next attempt tells; a database that is away is shown by readiness, not by each of its clients.
        with suppress(SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            await _listen_once(engine, channel, heard)
        await asyncio.sleep(RETRY_S)


async def _listen_once(engine: AsyncEngine, channel: str, heard: Heard) -> None:
    """One connection from its beginning to its end."""
    lost = asyncio.Event()
    async with engine.connect() as conn:
        raw = await conn.get_raw_connection()
        driver: asyncpg.Connection[Any] | None = raw.driver_connection
        raw.detach()  # ours alone: the pool makes itself another, and closing it really closes it
        assert driver is not None  # noqa: S101 - a checked-out connection has one
        driver.add_termination_listener(lambda _: lost.set())
        await driver.add_listener(channel, lambda _conn, _pid, _channel, payload: heard(str(payload)))
        heard(None)
        while not lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await lost.wait()
            if not lost.is_set():
                await driver.execute("select 1", timeout=PING_S)
