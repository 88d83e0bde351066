"""What the benches of webhooks share: endpoints on loopback, a worker as people start it, endpoints on record.

Assumes Linux (memory is read from /proc). Promises: nothing is asked beyond 127.0.0.1; processes end with the bench.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.sealing import Sealer
from app.storage import webhooks
from app.storage.engine import AsyncEngine
from app.storage.webhooks import Sealed, Webhook
from app.webhooks.signing import write_secret

KEY = bytes(range(32))
SEALER = Sealer(lambda: [KEY])
LOOPBACK = "127.0.0.0/8"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it stood on the wire, and when it was whole (``time.time``)."""

    head: bytes
    body: bytes
    at: float

    @property
    def headers(self) -> dict[str, str]:
        """Its headers, names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}

    @property
    def path(self) -> str:
        """Its target."""
        return self.head.split(b" ", 2)[1].decode()

    @property
    def id(self) -> str:
        """Its webhook-id."""
        start = self.head.index(b"webhook-id: ") + 12
        return self.head[start : self.head.index(b"\r", start)].decode()


Tell = Callable[[Message], None]


class Endpoint(asyncio.Protocol):
    """A server of one connection: hands on each message and answers 204, now or after ``delay(message)`` seconds."""

    def __init__(
        self, got: Callable[[Message], None], delay: Callable[[Message], float], done: Callable[[Message], None]
    ):
        self._got, self._delay, self._done = got, delay, done
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        self._transport = transport  # type: ignore[assignment]  # a TCP server's transport

    def data_received(self, data: bytes) -> None:
        """Pieces of requests."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._held, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._held) < whole:
                return
            message = Message(self._held[:end], self._held[end + 4 : whole], time.time())
            self._held = self._held[whole:]
            self._got(message)
            asyncio.get_running_loop().call_later(self._delay(message), self._answer, message)

    def _answer(self, message: Message) -> None:
        self._done(message)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(OK)


@asynccontextmanager
async def serve(
    got: Callable[[Message], None],
    delay: Callable[[Message], float] = lambda message: 0.0,
    done: Callable[[Message], None] = lambda message: None,
) -> AsyncIterator[int]:
    """Listen on a free port and give it."""
    server = await asyncio.get_running_loop().create_server(lambda: Endpoint(got, delay, done), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def add(engine: AsyncEngine, urls: Sequence[str], key: bytes = bytes(24)) -> list[Webhook]:
    """Endpoints that take everything."""
    now = datetime.now(UTC)
    async with engine.begin() as conn:
        return [await webhooks.add(conn, {"url": url}, seal(key), now) for url in urls]


def seal(key: bytes) -> Sealed:
    """A secret as it is kept."""
    return Sealed(*SEALER.seal(write_secret(key).encode()))


@asynccontextmanager
async def worker(url: str, data_dir: Path, *words: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """``quietwatch worker``, or what ``words`` say, on this database, allowed to ask and to send to loopback."""
    settings = {
        "DATABASE_URL": url,
        "DATA_DIR": str(data_dir),
        "ALLOW_NETWORKS": LOOPBACK,
        "SECRET_KEYS": base64.b64encode(KEY).decode(),
        "LOG_LEVEL": "warning",
        "CONTACT": "bench",
    }
    environment = os.environ | {f"QUIETWATCH_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "app", *(words or ("worker",))]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:  # noqa: ASYNC220 - once, and at the start
        try:
            yield process
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, 30)  # endpoints of ours may still have to answer it
            except subprocess.TimeoutExpired:
                process.kill()


def peak_mib(pid: int) -> float:
    """The most memory that a living process ever had, in MiB."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
