"""The stream of events inside this process: the API's own, read without a socket.

May assume an application of ``create_app``. Promises: events leave in order, each once; the stream that was let go
(because the reader was slow) is taken up again where it was; a refusal is the error behind the problem.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NoReturn
from urllib.parse import urlencode

import msgspec

PATH = "/v1/events/stream"


#: How this process asks itself, as the local administrator.
TOKEN = "local"  # noqa: S105 - no secret: nobody outside this process is believed it


class Refused(Exception):
    """The stream did not begin: the status and the body of the answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status, self.body = status, body


async def follow(app: Any, params: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """Events as the log gives them, from now on or behind ``after``, until cancelled. Raises Refused."""
    query = {name: value for name, value in params.items() if value not in (None, (), [])}
    while True:
        async with aclosing(_pieces(app, query)) as pieces:
            async for piece in pieces:
                if event := _data(piece):
                    query["after"] = event["position"]
                    yield event


def _data(piece: bytes) -> dict[str, Any] | None:
    """The event in a piece of the stream; None for a comment."""
    lines = [line[6:] for line in piece.split(b"\n") if line.startswith(b"data: ")]
    return msgspec.json.decode(lines[0]) if lines else None


async def _pieces(app: Any, query: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    """One exchange with the application: every piece of the body as it is sent; the sender waits for its reader.

    Where the stream begins now, ``after`` in the query becomes that position.
    """
    sent: asyncio.Queue[Any] = asyncio.Queue(1)
    status, refusal = 0, b""

    async def run() -> None:
        try:
            await app(_scope(query), _stay, sent.put)
        except Exception as error:
            await sent.put(error)
        await sent.put(None)

    task = asyncio.ensure_future(run())
    try:
        while (message := await sent.get()) is not None:
            if isinstance(message, Exception):
                raise message
            if message["type"] == "http.response.start":
                status, headers = message["status"], dict(message["headers"])
                query.setdefault("after", headers.get(b"quietwatch-position", b"").decode() or None)
            elif status >= 400:
                refusal += message.get("body", b"")
            elif body := message.get("body"):
                yield body
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if status >= 400:
        raise Refused(status, refusal)


async def _stay() -> NoReturn:
    """What the application hears of its client, who never leaves before the task is cancelled."""
    await asyncio.Event().wait()
    raise AssertionError


def _scope(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": urlencode({k: v for k, v in query.items() if v is not None}, doseq=True).encode(),
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
    }
