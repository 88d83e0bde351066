"""Kills in the middle of a migration (battery E11): whoever starts next finds nothing half done, and converges.

Each round begins with an empty database, is killed (SIGKILL) at one statement of the migration, at another one in each
round, and then migrates as at a start of the service. The schema has to be what a run without a kill makes.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from sqlalchemy import Engine, event, text

from app.storage import migrate
from app.storage.engine import create_engine
from bench.faults_child import child, kill

_SCHEMA = text("""
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
    SELECT table_name || column_name || data_type || is_nullable AS line
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT version_num FROM alembic_version) AS lines
""")
_TABLES = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")


def run(url: str, kills: int) -> dict[str, Any]:
    """Kill so often, each time at another place of the migration; compare."""
    statements, wanted = asyncio.run(_whole(url))
    killed, faults = 0, []
    for turn in range(kills):
        statement = 1 + turn * statements // kills
        asyncio.run(_empty(url))
        killed += child(functools.partial(migrate.upgrade, url), functools.partial(_arm, statement))
        left = asyncio.run(_tables(url))
        if left:
            faults.append(f"killed at statement {statement}: {left} tables are left")
        child(functools.partial(migrate.upgrade, url))
        if asyncio.run(_schema(url)) != wanted:
            faults.append(f"killed at statement {statement}: the schema is another one")
    return {
        "statements": statements,
        "crashes": killed,
        "never_reached": kills - killed,
        "differences": len(faults),
        "examples": faults[:5],
    }


def _arm(statement: int) -> None:
    seen = 0

    def before(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            kill()

    event.listen(Engine, "before_cursor_execute", before)


async def _whole(url: str) -> tuple[int, str]:
    """How many statements a migration of an empty database is, and what it makes."""
    seen = 0

    def before(*_: object) -> None:
        nonlocal seen
        seen += 1

    await _empty(url)
    event.listen(Engine, "before_cursor_execute", before)
    try:
        await migrate.upgrade(url)
    finally:
        event.remove(Engine, "before_cursor_execute", before)
    return seen, await _schema(url)


async def _empty(url: str) -> None:
    engine = create_engine(url, statement_timeout=None)
    async with engine.begin() as conn:
        await conn.execute(text("DROP SCHEMA IF EXISTS public CASCADE"))
        await conn.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


async def _tables(url: str) -> int:
    return int(await _one(url, _TABLES))


async def _schema(url: str) -> str:
    return str(await _one(url, _SCHEMA))


async def _one(url: str, query: Any) -> Any:
    engine = create_engine(url, statement_timeout=None)
    try:
        async with engine.connect() as conn:
            return (await conn.execute(query)).scalar_one()
    finally:
        await engine.dispose()
