"""The migrations against the definition of the tables, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from alembic import command
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import ConfigError
from app.storage import migrate, rhythm_tables  # noqa: F401 - its tables belong to the same metadata
from app.storage.engine import create_engine
from app.storage.event_tables import metadata

CATALOGUE = text("""
SELECT 'column' AS what, table_name || '.' || column_name AS name, data_type || ' ' || is_nullable AS detail
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'storage', relname, array_to_string(reloptions, ',') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY 1, 2, 3
""")


def run(connection: Connection, step: Callable[..., None], *words: str) -> None:
    config = migrate.config()
    config.attributes["connection"] = connection
    step(config, *words)


async def catalogue(engine: AsyncEngine) -> list[tuple[str, ...]]:
    async with engine.connect() as connection:
        rows = await connection.execute(CATALOGUE)
        return [tuple(row) for row in rows if "alembic" not in row.name]


async def test_upgrade_and_downgrade_make_a_round_trip(engine: AsyncEngine) -> None:
    before = await catalogue(engine)
    assert before
    async with engine.begin() as connection:
        await connection.run_sync(run, command.downgrade, "base")
    assert await catalogue(engine) == []
    async with engine.begin() as connection:
        await connection.run_sync(run, command.upgrade, "head")
    assert await catalogue(engine) == before


async def test_migrations_make_what_the_tables_say(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(run, command.check)


async def test_migrations_agree_with_the_tables_in_what_alembic_does_not_compare(engine: AsyncEngine) -> None:
    """Check constraints, storage parameters, index definitions: made once by migration, once from the definition."""
    migrated = await catalogue(engine)
    async with engine.begin() as connection:
        await connection.run_sync(run, command.downgrade, "base")
        await connection.run_sync(metadata.create_all)
    assert await catalogue(engine) == migrated


async def test_upgrade_of_a_current_database_changes_nothing(database_url: str) -> None:
    assert await migrate.upgrade(database_url) is False
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        assert await migrate.current(connection) == migrate.newest()
    await engine.dispose()


async def test_a_database_of_a_newer_version_is_refused(new_database: Callable[[], str]) -> None:
    url = new_database()
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(ConfigError, match="9999"):
        await migrate.upgrade(url)


@pytest.fixture
async def empty_url(new_database: Callable[[], str]) -> str:
    """A database as an operator hands it over: nothing in it."""
    url = new_database()
    engine = create_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(run, command.downgrade, "base")
        await connection.execute(text("DROP TABLE alembic_version"))
    await engine.dispose()
    return url


async def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    changed = await asyncio.gather(*(migrate.upgrade(empty_url) for _ in range(4)))
    assert sorted(changed) == [False, False, False, True]


class BrokenOff(Exception):
    """What a kill is to the server: the transaction ends without a commit."""


async def upgrade_with(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(run, command.upgrade, "head")


@pytest.mark.parametrize("statement", [1, 2, 5, 15, 25])
async def test_a_migration_that_breaks_off_leaves_nothing_and_runs_again(empty_url: str, statement: int) -> None:
    engine = create_engine(empty_url)
    seen = 0

    def break_off(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise BrokenOff

    event.listen(engine.sync_engine, "before_cursor_execute", break_off)
    with pytest.raises(BrokenOff):
        await upgrade_with(engine)
    event.remove(engine.sync_engine, "before_cursor_execute", break_off)
    assert await catalogue(engine) == []
    await engine.dispose()
    assert await migrate.upgrade(empty_url) is True
