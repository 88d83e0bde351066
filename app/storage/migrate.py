"""The schema brought up to date, by the service itself at its start.

May assume a role that owns the database. Promises: processes that start together migrate once (an advisory lock makes
the others wait); a run that is killed leaves the schema as it was; a database newer than the program is refused.
"""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.errors import ConfigError
from app.storage.engine import create_engine

#: Any number that nobody else uses; "quietwat" in ASCII.
LOCK = 0x7175696574776174


def config() -> Config:
    """Alembic's configuration for the migrations that belong to this version."""
    found = Config()
    found.set_main_option("script_location", str(files("migrations")))
    return found


def newest() -> str:
    """The revision that this version of the program needs."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise ConfigError("the installation has no migrations")
    return head


async def current(connection: AsyncConnection) -> str | None:
    """The revision that the database has; None where it is empty."""
    return await connection.run_sync(_current)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def upgrade(url: str) -> bool:
    """Bring the database at ``url`` to the newest revision; whether anything changed.

    Raises ConfigError where the database is newer than the program.
    """
    engine = create_engine(url, statement_timeout=None, application_name="quietwatch-migrate", pool_size=1)
    try:
        return await _upgrade(engine)
    finally:
        await engine.dispose()


async def _upgrade(engine: AsyncEngine) -> bool:
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        before = await current(connection)
        if before is not None and before not in known:
            raise ConfigError(
                f"the database has revision {before}, which this version does not know",
                field="database_url",
                hint="a newer version has used it: run that one",
            )
        if before == newest():
            return False
        await connection.run_sync(_to_newest)
    return True


def _to_newest(connection: Connection) -> None:
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
