"""One HTTP/1.1 connection, as a protocol over httptools' strict parser.

Assumes a loop that calls it back and one exchange at a time. Promises: an ``Answer`` is whole, as its framing says;
a body that was cut, padded, framed in two ways or beyond the limits is a NetworkError instead; a connection whose
state is in any doubt says so and is not used again. Knows nothing of addresses, redirects or content.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, cast

import httptools

from app.worker.guard import NetworkError

#: Limits of one answer: bytes on the wire in all, bytes and lines of its headers (interim answers included).
MOST_WIRE = 2 * 1024 * 1024
MOST_HEAD = 64 * 1024
MOST_LINES = 100
_PIECE = 64 * 1024  # the parser is fed in pieces, so that an endless header is noticed in time


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, not yet decoded."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """As received, in order; values byte for byte."""
    body: bytes


class Unanswered(NetworkError):
    """The connection ended before the first byte of an answer: a kept connection may have been closed meanwhile."""


class Connection(asyncio.Protocol):
    """Create one per socket; ``exchange`` as long as ``reusable``; then ``close``."""

    most_wire = MOST_WIRE

    def __init__(self) -> None:
        self.reusable = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._ended = False
        self._begin()

    async def exchange(self, request: bytes) -> Answer:
        """Send one request and wait for its answer. Raises NetworkError; Unanswered where not a byte came back."""
        transport = self._transport
        if transport is None or self._ended:
            raise Unanswered("incomplete")
        self._begin()
        self._waiter = asyncio.get_running_loop().create_future()
        transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Drop the connection at once; what is under way in it fails."""
        self.reusable = False
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._status = self._wire = self._head = self._lines = 0
        self._open_ended = self._head_done = self._whole = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from it

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # bytes that nobody asked for must not become the next answer
            return
        try:
            for start in range(0, len(data), _PIECE):
                self._feed(data[start : start + _PIECE])
        except NetworkError as error:
            self._fail(error)
        if self._whole:
            self._finish()

    def eof_received(self) -> None:
        """The source has finished: the end of a body without a length, if TLS does not tell otherwise."""
        if self._open_ended and self._waiter is not None and _announced(self._transport):
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._fail(NetworkError("incomplete") if self._wire else Unanswered("incomplete"))

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._head += len(name) + len(value) + 4
        if self._lines > MOST_LINES or self._head > MOST_HEAD:
            raise NetworkError("too_large")
        if not self._head_done:  # trailers are counted but say nothing
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._status = status = self._parser.get_status_code()
        if status < 200:
            return
        self._head_done = True
        named = {name.lower(): value for name, value in self._headers}
        length, coding = named.get(b"content-length"), named.get(b"transfer-encoding")
        if self._parser.get_http_version() not in ("1.0", "1.1") or (coding or b"chunked").lower() != b"chunked":
            raise NetworkError("protocol")
        bodiless = status in (204, 304)
        if length is not None and int(length) > self.most_wire and not bodiless:
            raise NetworkError("too_large")
        self._open_ended = length is None and coding is None and not bodiless
        self.reusable = not self._open_ended and self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._head_done:
            self._whole = True
        elif self._status == 101:
            raise NetworkError("protocol")  # we never ask to upgrade
        else:
            self._headers.clear()  # an interim answer; the real one follows

    def on_message_begin(self) -> None:
        if self._whole:
            raise NetworkError("protocol")  # a second answer to one request

    # Within.

    def _feed(self, data: bytes) -> None:
        self._wire += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.reusable = False
            if not self._whole:
                cause: Any = error.__context__
                raise cause if isinstance(cause, NetworkError) else NetworkError("protocol") from error
        if self._wire > self.most_wire or (self._wire > MOST_HEAD and not self._head_done):
            raise NetworkError("too_large")

    def _finish(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Answer(self._status, self._headers, b"".join(self._pieces)))

    def _fail(self, error: NetworkError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()


def _announced(transport: asyncio.Transport | None) -> bool:
    """Whether the end of a TLS connection came with close_notify (asyncio's own loop does not say); plain ones pass."""
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    try:
        return tls is None or tls.read(1) == b""
    except ssl.SSLError:  # it would wait for more
        return False
