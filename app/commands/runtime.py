"""What a command needs before it can do anything: settings, a migrated database, and errors a person can read.

May read the settings. Promises: a database server that this process started is stopped by it; one that another process
runs in the same data directory is used and left alone; every QuietwatchError ends in one line and a non-zero exit.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import typer
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from app import config
from app.config import Settings
from app.errors import BadInput, ConfigError, Forbidden, NotFound, QuietwatchError, Unavailable
from app.storage import migrate
from app.storage.embedded import EmbeddedServer
from app.storage.engine import create_engine

#: Exit codes that scripts can use, most special first.
EXIT_CODES: tuple[tuple[type[QuietwatchError], int], ...] = (
    (NotFound, 4),
    (BadInput, 2),
    (ConfigError, 78),
    (Forbidden, 77),
    (Unavailable, 75),
    (QuietwatchError, 1),
)


def now() -> datetime:
    """The clock, read once per command at the edge."""
    return datetime.now(UTC)


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a command's coroutine on the fast loop; a known error becomes one line and an exit code."""
    try:
        return uvloop.run(main())
    except QuietwatchError as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(error: QuietwatchError) -> NoReturn:
    """Say what is wrong in one line and end with the error's exit code."""
    print(f"quietwatch: {error}", file=sys.stderr)
    for line in getattr(error, "tried", ()):
        print(f"  tried: {line}", file=sys.stderr)
    raise typer.Exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))


def settings(**given: Any) -> Settings:
    """The settings of the environment, options taking precedence; a bad one ends the command."""
    try:
        return config.load(**given)
    except QuietwatchError as error:
        fail(error)


@asynccontextmanager
async def database(options: Settings) -> AsyncIterator[AsyncEngine]:
    """A migrated database: the operator's, the one a running ``serve`` has, or our own for as long as this lasts."""
    async with database_address(options) as address:
        engine = create_engine(address, statement_timeout=None)
        try:
            yield engine
        finally:
            await engine.dispose()


@asynccontextmanager
async def database_address(options: Settings, *, exclusive: bool = False) -> AsyncIterator[str]:
    """The address of that database. ``exclusive`` refuses to share a server that another process runs."""
    if options.database_address is not None:
        await _migrated(options.database_address)
        yield options.database_address
        return
    running = None if exclusive else EmbeddedServer.find(options.data_dir)
    server = running if running is not None else await asyncio.to_thread(EmbeddedServer.start, options.data_dir)
    try:
        await _migrated(server.url)
        yield server.url
    finally:
        if running is None:
            await asyncio.to_thread(server.stop)


async def _migrated(address: str) -> None:
    try:
        await migrate.upgrade(address)
    except OSError as error:
        raise Unavailable("the database does not answer", hint="check QUIETWATCH_DATABASE_URL") from error
