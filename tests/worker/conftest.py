"""A host on loopback that answers as it is told, and a worker's context on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.platforms import platforms
from app.storage import event_tables, rhythm_tables  # noqa: F401 - tables of the same metadata
from app.worker.clients import Clients
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Asked:
    """One request as the host saw it."""

    path: str
    headers: dict[str, str]
    at: datetime


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], Reply]


class Host:
    """``answers`` by path; what is not there is a 404. Every request is kept in ``asked``."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.asked: list[Asked] = []
        self.answers: dict[str, Answer | Reply] = {}
        self.base = ""
        self.hold: asyncio.Event | None = None  # answers wait for it
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
                asked = Asked(path, headers, self.clock.now())
                self.asked.append(asked)
                if self.hold is not None:
                    await self.hold.wait()
                answer = self.answers.get(path, Reply(404))
                self._write(writer, answer if isinstance(answer, Reply) else answer(asked))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _write(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        headers = {"Date": format_datetime(self.clock.now(), usegmt=True), **reply.headers}
        if reply.status != 304:
            headers["Content-Length"] = str(len(reply.body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} OK\r\n{lines}\r\n".encode("latin-1") + reply.body)


def rss(items: list[tuple[str, datetime | None]], extra: str = "") -> bytes:
    """A feed of (id, date) items."""
    rows = "".join(
        f"<item><guid isPermaLink='false'>{name}</guid><title>{name}</title><link>http://example.org/{name}</link>"
        + (f"<pubDate>{format_datetime(at)}</pubDate>" if at else "")
        + "</item>"
        for name, at in items
    )
    return f"<rss version='2.0'><channel><title>t</title>{extra}{rows}</channel></rss>".encode()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
async def host(clock: VirtualClock) -> AsyncIterator[Host]:
    served = Host(clock)
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def ctx(engine: AsyncEngine, clock: VirtualClock) -> AsyncIterator[Context]:
    clients = Clients(Guard(allow_networks=["127.0.0.0/8"]))
    fetcher = Fetcher(clients, "Quietwatch/0.1 (+https://quietwatch.example/contact)")
    options = Options(group_wait=timedelta(milliseconds=5))
    yield Context(engine, fetcher, platforms(), clock, options=options)
    clients.close()


@pytest.fixture
def rows(engine: AsyncEngine) -> Callable[..., Any]:
    """All rows of a table as dictionaries, by its first column's order."""

    async def read(name: str) -> list[dict[str, Any]]:
        table = event_tables.metadata.tables[name]
        async with engine.connect() as conn:
            found = await conn.execute(select(table).order_by(table.columns[0]))
            return [dict(row._mapping) for row in found]

    return read
