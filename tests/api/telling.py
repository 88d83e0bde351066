"""Events on record, as the worker would write them, and a reader of streams."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.events import EventType, NewEvent
from app.storage import events
from app.storage.accounts import Account
from tests.api.conftest import NOW


def data_of(account: Account | None, /, **more: object) -> Mapping[str, object]:
    """Data as events have them."""
    if account is None:
        return {"source": {"scope": "host", "name": "social.example"}, **more}
    short = {"id": account.public_id, "platform": account.platform, "handle": account.handle, "subject": None}
    streak = {"since": NOW - timedelta(days=2), "proven": "P2D", "proven_seconds": 172800}
    base = {"account": short, "rule": None, "streak": streak, "deadline": NOW, "state": "quiet"}
    return {**base, **more}


async def tell(
    engine: AsyncEngine,
    account: Account | None,
    type_: EventType = EventType.QUIET,
    /,
    *,
    at: datetime = NOW,
    rule_id: int | None = None,
    times: int = 1,
    **more: object,
) -> list[events.Recorded]:
    """Record events in one transaction."""
    news = [
        NewEvent(type_, at, data_of(account, **more), account.id if account else None, rule_id) for _ in range(times)
    ]
    async with engine.begin() as conn:
        return await events.record(conn, news, at)


class Reader:
    """One client of the stream on a socket of its own."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.status, self.head, self.last = 0, "", ""
        self.comments = 0

    async def open(self, query: str = "", last: str | None = None) -> Reader:
        """Connect, and read the head of the answer."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        more = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        head = f"GET /v1/events/stream{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key}\r\n"
        self.writer.write(f"{head}{more}\r\n".encode())
        self.head = (await self.within(self.reader.readuntil(b"\r\n\r\n"))).decode()
        self.status = int(self.head.split()[1])
        return self

    async def within(self, what: object) -> bytes:
        found: bytes = await asyncio.wait_for(what, 20)  # type: ignore[arg-type]
        return found

    async def chunk(self) -> bytes:
        """One piece as it was sent; empty at the end of the stream."""
        size = int(await self.within(self.reader.readuntil(b"\r\n")), 16)
        return (await self.within(self.reader.readexactly(size + 2)))[:-2]

    async def event(self) -> dict[str, str] | None:
        """The next event by its fields; None at the end of the stream."""
        while piece := (await self.chunk()).decode():
            found = dict(line.split(": ", 1) for line in piece.splitlines() if line and not line.startswith(":"))
            self.comments += piece.startswith(":")
            if "data" in found:
                self.last = found["id"]
                return found
        return None

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """The application on a real socket; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # pytest keeps them
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            app.state.context.live.close()
            server.should_exit = True
            await serving
