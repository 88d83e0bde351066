"""One connection to an origin: HTTP/1.1 as far as looks need it.

Assumes a running asyncio loop. Promises: what is no HTTP ends the connection; an answer that is cut ends it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import cast

import httptools

from app.demo.answers import Answer

#: Gets the target and the headers of a GET; None closes the connection without an answer.
Answering = Callable[[str, dict[str, str]], Answer | None]
_REASONS = {200: "OK", 304: "Not Modified", 401: "Unauthorized", 404: "Not Found", 410: "Gone", 422: "Unprocessable"}


class Connection(asyncio.Protocol):
    """HTTP/1.1, GET only, keep-alive."""

    def __init__(self, answer: Answering, now: Callable[[], datetime], open_: set[asyncio.Transport]) -> None:
        """``open_``: where the connection stands as long as it lasts."""
        self._answer = answer
        self._now = now
        self._open = open_
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._headers: dict[str, str] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a TCP server hands out nothing else
        self._open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.abort()

    def on_message_begin(self) -> None:
        self._target, self._headers = b"", {}

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_message_complete(self) -> None:
        if self._transport is None:
            return
        answer = self._answer(self._target.decode("latin-1"), self._headers)
        if answer is None:
            self._transport.abort()
            return
        self._transport.write(_encoded(answer, self._now()))
        if answer.cut:
            self._transport.close()


def _encoded(answer: Answer, at: datetime) -> bytes:
    body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Answer')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"date: {format_datetime(at, usegmt=True)}", f"content-length: {len(answer.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
