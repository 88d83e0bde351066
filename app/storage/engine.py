"""The way to the database: one pool of asyncpg connections under SQLAlchemy Core.

May assume a PostgreSQL of version 15 or newer. Promises: no statement runs longer than its limit, no transaction stays
open for long with nothing asked in it; a server that was restarted, replaced or made read-only is noticed at the first
failing statement, and the whole pool is then given up, so that the next attempt, seconds later, has fresh connections;
addresses in the form of libpq are understood (``postgres://``, sockets, several hosts, ``sslmode``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.errors import ConfigError

#: The two types are here for those who hold a connection and speak no SQL themselves.
__all__ = ["AsyncConnection", "AsyncEngine", "create_engine"]

#: States of a server that will not do, though the connection looks sound: read-only after a demotion (25006), and
#: shutting down, crashed or starting (57P01 to 57P03).
LOST = frozenset({"25006", "57P01", "57P02", "57P03"})
#: A pooled connection that was idle for longer is asked whether it lives before it is used.
PING_AFTER_S = 1.0
#: A process that was frozen in the midst of a transaction holds its row locks for no longer: then others go on.
IDLE_IN_TRANSACTION_S = 30
_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password: the message does not repeat it.
        raise ConfigError("the database address cannot be read", field="database_url") from error
    if parsed.drivername not in _SCHEMES:
        raise ConfigError(
            f"the database address starts with {parsed.drivername}://",
            field="database_url",
            hint="only PostgreSQL is supported: postgresql://user:password@host:5432/name",
        )
    return parsed


def _note_lost(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) in LOST:
        context.is_disconnect = True


def create_engine(
    url: str,
    *,
    statement_timeout: timedelta | None = timedelta(seconds=5),
    application_name: str = "quietwatch",
    pool_size: int = 10,
    max_overflow: int = 5,
    pool_timeout: timedelta = timedelta(seconds=5),
    server_settings: Mapping[str, str] | None = None,
) -> AsyncEngine:
    """An engine for ``url``. Connects at first use.

    ``statement_timeout`` is PostgreSQL's own limit for one statement (None: no limit, for migrations and exports);
    the client gives up 5 s later in case the server is no longer there. ``pool_timeout`` is how long a caller waits
    for a free connection. Raises ConfigError for an address that is no PostgreSQL address.
    """
    parsed = _read_url(url)
    dsn = "postgresql" + url[url.index("://") :]  # otherwise as given: asyncpg reads it as libpq would
    limit = statement_timeout or timedelta(0)
    settings = {
        "application_name": application_name,
        "statement_timeout": str(int(limit.total_seconds() * 1000)),
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S}s",
        "timezone": "UTC",
        **(server_settings or {}),
    }

    async def connect() -> asyncpg.Connection[Any]:
        return await asyncpg.connect(
            dsn,
            timeout=5,
            command_timeout=limit.total_seconds() + 5 if limit else None,
            server_settings=settings,
        )

    engine = create_async_engine(
        parsed.set(drivername="postgresql+asyncpg", query={}),
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout.total_seconds(),
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
    )
    event.listen(engine.sync_engine, "handle_error", _note_lost)
    _ping_idle_connections(engine.sync_engine)
    return engine


def _ping_idle_connections(engine: Engine) -> None:
    """Ask a pooled connection whether it lives only where it was idle for a while.

    SQLAlchemy's own ping asks at every use and costs three round trips, more than most answers. A connection that the
    server ended is known to be closed without asking; only one that was cut off silently has to be asked.
    """

    def note_use(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    def check(connection: Any, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server ended this connection")
        if time.monotonic() - record.info.get("used_at", math.inf) > PING_AFTER_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError("this connection was cut off") from error

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", check)
