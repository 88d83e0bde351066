"""Endpoints of others on loopback, and a world in which they are told things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.events import EventType, NewEvent
from app.domain.models import Identity
from app.platforms import platforms
from app.sealing import Sealer
from app.storage import accounts, events, webhooks
from app.storage.events import Recorded
from app.storage.webhooks import Sealed, Webhook
from app.webhooks.signing import write_secret
from app.worker.clock import Clock
from app.worker.context import Context
from app.worker.deliver import Deliverer
from app.worker.guard import Guard
from app.worker.post import Poster

LOOPBACK = "127.0.0.0/8"
AGENT = "Quietwatch/0.1 (+https://quietwatch.example/contact)"
SEALER = Sealer(lambda: [bytes(range(32))])


@dataclass(frozen=True, slots=True)
class Message:
    """One request as an endpoint saw it."""

    headers: dict[str, str]
    body: bytes
    line: str = ""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = tuple[int, dict[str, str], bytes]
#: What an endpoint answers; None closes the connection without a word.
Behaviour = Callable[[Message], Awaitable[Answer | None] | Answer | None]


@dataclass
class Receiver:
    """An endpoint that keeps what it got and answers as it is told."""

    behaviour: Behaviour = lambda message: (200, {}, b"")
    got: list[Message] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                message = Message(headers, body, head[0])
                self.got.append(message)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    answer = self.behaviour(message)
                    if isinstance(answer, Awaitable):
                        answer = await answer
                finally:
                    self.at_once -= 1
                if answer is None:
                    return
                status, extra, content = answer
                extra = {"Content-Length": str(len(content))} | extra
                lines = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1") + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(behaviour: Behaviour | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(behaviour) if behaviour else Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()


@dataclass
class World:
    """A database, a clock, and a worker that delivers."""

    engine: AsyncEngine
    clock: Clock
    guard: Guard = field(default_factory=lambda: Guard([LOOPBACK]))
    reach: float = 5.0
    posters: list[Poster] = field(default_factory=list)

    def worker(self) -> Deliverer:
        poster = Poster(self.guard, AGENT, reach_seconds=self.reach)
        self.posters.append(poster)
        ctx = Context(self.engine, None, platforms(), self.clock, sealer=SEALER, poster=poster)  # type: ignore[arg-type]
        return Deliverer(ctx, poster)

    async def endpoint(self, url: str, key: bytes = bytes(24), **values: Any) -> Webhook:
        async with self.engine.begin() as conn:
            return await webhooks.add(conn, {"url": url, **values}, seal(key), self.clock.now())

    async def account(self, name: str = "a") -> int:
        identity = Identity("feed", f"https://{name}.example/f", name, f"{name}.example", f"https://{name}.example/")
        async with self.engine.begin() as conn:
            return (await accounts.add(conn, identity, now=self.clock.now()))[0].id

    async def tell(self, account: int | None = None, number: int = 1, **values: Any) -> list[Recorded]:
        now = self.clock.now()
        news = [NewEvent(EventType.QUIET, now, {"n": n}, account, **values) for n in range(number)]
        async with self.engine.begin() as conn:
            return await events.record(conn, news, now)

    async def deliver(self, worker: Deliverer | None = None) -> None:
        """Send what is due now."""
        deliverer = worker or self.worker()
        await deliverer.tick()
        await deliverer.drain()

    async def rows(self, sql: str, **values: object) -> Sequence[Any]:
        async with self.engine.begin() as conn:
            return (await conn.execute(text(sql), values)).all()

    async def change(self, sql: str, **values: object) -> None:
        async with self.engine.begin() as conn:
            await conn.execute(text(sql), values)

    def close(self) -> None:
        for poster in self.posters:
            poster.close()


def seal(key: bytes) -> Sealed:
    return Sealed(*SEALER.seal(write_secret(key).encode()))


def later(message: Message, **headers: str) -> Message:
    return replace(message, headers=message.headers | headers)


def stamp(message: Message) -> int:
    return int(message.headers["webhook-timestamp"])


def moments(found: Sequence[Any]) -> list[datetime]:
    return [row[0] for row in found]
