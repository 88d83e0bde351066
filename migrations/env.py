"""How Alembic reaches the database.

With a connection of the service's (app/storage/migrate.py) it uses that one; on the command line it opens its own, to
``-x url=...`` or to QUIETWATCH_DATABASE_URL. All migrations of a run are one transaction: they happen or they do not.
"""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from app.config import Settings
from app.errors import ConfigError
from app.storage import rhythm_tables  # noqa: F401 - its tables belong to the same metadata
from app.storage.engine import create_engine
from app.storage.event_tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_on_own_connection() -> None:
    url = context.get_x_argument(as_dictionary=True).get("url") or Settings().database_address
    if not url:
        raise ConfigError("no database named", hint="alembic -x url=postgresql://... or QUIETWATCH_DATABASE_URL")
    engine = create_engine(url, statement_timeout=None, application_name="quietwatch-migrate")
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_on_own_connection())
