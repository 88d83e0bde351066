"""Servers on loopback that send exactly the bytes they are told to, for tests and benches of the fetcher.

Assumes a running event loop. Promises: nothing listens beyond 127.0.0.1; everything is closed at the end.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.worker.clients import Clients
from app.worker.fetch import Fetcher
from app.worker.guard import Guard

#: Gets the request's head and the connection; returns whether the connection stays open for another.
Script = Callable[[bytes, asyncio.StreamWriter], Awaitable[bool]]
LOOPBACK = "127.0.0.0/8"


@dataclass
class RawServer:
    """A server that is listening, and what it was asked."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    secure: bool = False

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}/"


def always(*parts: bytes, close: bool = False) -> Script:
    """A script that sends these bytes to every request."""

    async def script(head: bytes, writer: asyncio.StreamWriter) -> bool:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return not close

    return script


def answer(status: str = "200 OK", *headers: str, body: bytes = b"") -> bytes:
    """A well-formed answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@asynccontextmanager
async def serve(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Listen on a free port of 127.0.0.1 and play the script for each request."""
    tasks: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                state.requests.append(head)
                if not await script(head, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    state = RawServer(server.sockets[0].getsockname()[1], secure=tls is not None)
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def loopback_fetcher(tls: ssl.SSLContext | None = None, deadline_seconds: float = 30.0) -> tuple[Fetcher, Clients]:
    """A fetcher that may reach 127.0.0.0/8 and nothing else that is special."""
    clients = Clients(Guard(allow_networks=[LOOPBACK]), tls=tls)
    return Fetcher(clients, "Quietwatch/test (+https://example.org/contact)", deadline_seconds), clients
