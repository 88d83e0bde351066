"""The migrations against the definition of the tables, on a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import ConfigError
from app.storage import migrate
from app.storage.engine import create_engine
from app.storage.tables import metadata

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
