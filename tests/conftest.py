"""What tests share: the corpus beside the checkout, and fresh databases on one real PostgreSQL for the whole run.

The server is started once, by pytest itself or by pytest-xdist's controller for all its workers. The real migrations
run once, into a template; a fresh database is a copy of it and costs some 20 ms.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage import migrate
from app.storage.embedded import EmbeddedServer
from app.storage.engine import create_engine

ROOT = Path(__file__).parent.parent
TEMPLATE = "qw_template"
#: A test's database need not survive a power cut.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "autovacuum_naptime": "60",
}
SERVER = pytest.StashKey["TestServer"]()


class TestServer:
    """PostgreSQL for one run of pytest, in a directory that is removed afterwards."""

    __test__ = False

    def __init__(self) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="qw-tests-"))
        self.server = EmbeddedServer.start(self.data_dir, settings=FAST)
        self.address = self.server.url_for("{}", "postgres").replace("%7B%7D", "{}")
        in_thread(self._make_template)

    async def _make_template(self) -> None:
        await run_sql(self.address, f"CREATE DATABASE {TEMPLATE} OWNER quietwatch")
        await migrate.upgrade(as_owner(self.address.format(TEMPLATE)))

    def stop(self) -> None:
        self.server.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)


def as_owner(url: str) -> str:
    return url.replace("postgresql://postgres@", "postgresql://quietwatch@")


def in_thread(work: Callable[[], Any]) -> None:
    """Run a coroutine function to its end, beside whatever event loop the test uses."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()


async def run_sql(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address.format("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def started(config: pytest.Config) -> TestServer:
    if SERVER not in config.stash:
        config.stash[SERVER] = TestServer()
    return config.stash[SERVER]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: the controller starts the server and tells each worker where it is."""
    node.workerinput["quietwatch_address"] = started(node.config).address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: what starts last is short, and the processes end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(SERVER, None)
    if server:
        server.stop()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of specifications and recorded data beside the checkout (QUIETWATCH_CORPUS)."""
    path = Path(os.environ.get("QUIETWATCH_CORPUS") or ROOT.parent / "shared").resolve()
    if not path.is_dir():
        message = f"no corpus at {path}: set QUIETWATCH_CORPUS"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def server_address(request: pytest.FixtureRequest) -> str:
    """The test server, as its superuser, with {} for the database."""
    given = getattr(request.config, "workerinput", {}).get("quietwatch_address")
    return given or started(request.config).address


@pytest.fixture(scope="session")
def new_database(server_address: str) -> Callable[[], str]:
    """Makes a fresh, migrated database and gives its URL. For a module: call it in a module-scoped fixture."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    names = (f"qw_{worker}_{number}" for number in itertools.count(1))

    def make() -> str:
        name = next(names)
        statement = f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER quietwatch STRATEGY FILE_COPY"
        in_thread(lambda: run_sql(server_address, statement))
        return as_owner(server_address.format(name))

    return make


@pytest.fixture(scope="session")
def database_url(new_database: Callable[[], str]) -> str:
    """One migrated database for all tests of the run that can share it. Nothing clears it."""
    return new_database()


@pytest.fixture
async def engine(new_database: Callable[[], str], server_address: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh, migrated database of this test's own."""
    url = new_database()
    engine = create_engine(url, application_name="tests")
    yield engine
    name = engine.url.database
    await engine.dispose()
    await run_sql(server_address, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty data directory with a short path. As root, PostgreSQL's user cannot enter pytest's own directories
    unless they are opened to it; this one is opened alone."""
    path = Path(tempfile.mkdtemp(prefix="qw-data-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
