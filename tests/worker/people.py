"""Where messages arrive: a real mail server and a real HTTP receiver on loopback."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP


@dataclass
class Receiver:
    """``asked`` has every request's head and body; ``status`` is answered, after ``hold`` where it is set."""

    port: int = 0
    status: int = 200
    headers: str = ""
    hold: asyncio.Event | None = None
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
            )
            self.asked.append((head, await reader.readexactly(length)))
            self.arrived.set()
            if self.hold is not None:
                await self.hold.wait()
            answer = f"HTTP/1.1 {self.status} X\r\n{self.headers}Content-Length: 2\r\nConnection: close\r\n\r\nok"
            writer.write(answer.encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver at ``127.0.0.1``."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Mailbox:
    """Mail as it came in."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    greetings: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.greetings.append(session.host_name)
        self.encrypted.append(session.ssl is not None)
        self.mails.append(cast(EmailMessage, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@asynccontextmanager
async def mailbox(tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """A mail server at ``127.0.0.1``; with ``tls`` it takes nothing before STARTTLS."""
    made = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(made, loop=loop, tls_context=tls, require_starttls=tls is not None), "127.0.0.1", 0
    )
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
