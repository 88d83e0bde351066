"""The pool against a server that is restarted, demoted or slow."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import ConfigError
from app.storage.embedded import EmbeddedServer
from app.storage.engine import IDLE_IN_TRANSACTION_S, create_engine


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_every_form_of_the_scheme_is_understood(database_url: str, scheme: str) -> None:
    engine = create_engine(database_url.replace("postgresql", scheme, 1))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


@pytest.mark.parametrize("url", ["mysql://a/b", "sqlite:///x", "nonsense", "", "postgresql://h:port/x"])
def test_another_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create_engine(url)
    assert caught.value.field == "database_url"


def test_a_password_shows_nowhere() -> None:
    engine = create_engine("postgresql://anna:geheim@127.0.0.1/x?sslmode=require")
    assert "geheim" not in repr(engine) + str(engine.url)


async def test_a_statement_ends_at_its_limit(database_url: str) -> None:
    engine = create_engine(database_url, statement_timeout=timedelta(milliseconds=50))
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(text("SELECT pg_sleep(5)"))
    assert getattr(caught.value.orig, "sqlstate", None) == "57014"
    await engine.dispose()


async def test_locks_of_a_process_that_is_frozen_in_a_transaction_are_given_up(database_url: str) -> None:
    usual = create_engine(database_url)
    async with usual.connect() as connection:
        shown = await connection.scalar(text("SHOW idle_in_transaction_session_timeout"))
        assert shown == f"{IDLE_IN_TRANSACTION_S}s"
    await usual.dispose()
    engine = create_engine(database_url, server_settings={"idle_in_transaction_session_timeout": "100ms"})
    async with engine.connect() as frozen, engine.connect() as other:
        lock = text("SELECT pg_advisory_xact_lock(7)")
        await frozen.execute(lock)
        await other.execute(lock)
        with pytest.raises(DBAPIError):
            await frozen.execute(text("SELECT 1"))
    await engine.dispose()


async def test_json_and_times_come_back_as_they_went(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        value = await connection.scalar(text('SELECT \'{"a": [1, null, "ü"]}\'::jsonb'))
        assert value == {"a": [1, None, "ü"]}
        assert await connection.scalar(text("SHOW timezone")) == "UTC"
    await engine.dispose()


async def test_a_restarted_server_is_found_again_within_seconds(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir, settings={"fsync": "off"})
    engine = create_engine(server.url)
    try:
        async with engine.connect() as one, engine.connect() as two:
            await one.execute(text("SELECT 1"))
            await two.execute(text("SELECT 1"))
        server.stop()
        with pytest.raises((DBAPIError, OSError)):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        server = EmbeddedServer.start(data_dir, settings={"fsync": "off"})
        began = time.monotonic()
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        assert time.monotonic() - began < 10
    finally:
        await engine.dispose()
        server.stop()


async def test_connections_to_a_demoted_server_are_given_up(database_url: str) -> None:
    """A server that turned read-only answers pings: only its refusal to write shows that another one leads now."""
    engine = create_engine(database_url, pool_size=1, max_overflow=0)
    async with engine.connect() as connection:
        first = await connection.scalar(text("SELECT pg_backend_pid()"))
        await connection.execute(text("SET default_transaction_read_only = on"))
        await connection.commit()
    with pytest.raises(DBAPIError) as caught:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (a int)"))
    assert caught.value.connection_invalidated
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) != first
    await engine.dispose()
