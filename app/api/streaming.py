"""Server-sent events: the stream as bytes, and the answer that sends them for as long as both sides live.

Promises: ``id`` is the event's position, so a client that comes back with ``Last-Event-ID`` continues without loss or
repetition; a comment every ``HEARTBEAT_S`` shows that the stream lives; a client that does not read, a revoked key and
a stop of the service end it. Nothing is held for a client but what its seat holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog
from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.live import BATCH, Live, Seat
from app.api.problems import of_database
from app.api.replies import Row, encode
from app.storage import event_log
from app.storage.event_log import Event

HEARTBEAT_S = 15.0
#: How long a client may take to take a piece.
SEND_S = 30.0
#: How long a browser waits before it connects again.
RETRY_MS = 2000
MEDIA_TYPE = "text/event-stream"
log = structlog.get_logger("api")
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second: a proxy must not gather it


def frame(event: Event, shown: Row) -> bytes:
    """One event on the wire."""
    return f"id: {event.id}\nevent: {event.type}\ndata: ".encode() + encode(shown) + b"\n\n"


async def frames(
    live: Live,
    seat: Seat,
    engine: Any,
    position: int,
    show: Callable[[Event], Row],
    alive: Callable[[], Awaitable[bool]],
) -> AsyncIterator[bytes]:
    """What came after ``position``, then what comes, until the seat or the key is taken away."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    if not seat.begun:  # the bulk of what was missed, before anything has to wait for this reader
        async for event in _missed(engine, seat, position, None):
            position = event.id
            yield frame(event, show(event))
    async for event in _missed(engine, seat, position, live.begin(seat)):
        yield frame(event, show(event))
    while not seat.over.is_set():
        if await _woken(seat):
            while seat.waiting:
                event = seat.waiting.popleft()
                yield frame(event, show(event))
        elif await alive():
            yield b": \n\n"
        else:
            return


async def _woken(seat: Seat) -> bool:
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            await seat.wake.wait()
    except TimeoutError:
        return False
    seat.wake.clear()
    return True


async def _missed(engine: Any, seat: Seat, position: int, upto: int | None) -> AsyncIterator[Event]:
    """Events behind a position; no connection is held while a client takes them."""
    while True:
        async with engine.connect() as conn:
            found = await event_log.page(conn, seat.wanted, after=position, upto=upto, oldest_first=True, limit=BATCH)
        for event in found:
            position = event.id
            yield event
        if len(found) < BATCH:
            return


class EventStream(Response):
    """Sends ``pieces`` until they end, the client leaves, or the seat is taken away; then gives the seat back."""

    media_type = MEDIA_TYPE

    def __init__(self, live: Live, seat: Seat, pieces: AsyncIterator[bytes], position: int) -> None:
        super().__init__(headers={**_HEADERS, "Quietwatch-Position": str(position)}, media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._live, self._seat, self._pieces = live, seat, pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole exchange."""
        sending = asyncio.ensure_future(self._send(send, bare=bool(scope.get("bare"))))
        over = [asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self._seat.over.wait())]
        try:
            await asyncio.wait({sending, *over}, return_when=asyncio.FIRST_COMPLETED)
            if self._seat.over.is_set():  # a client that reads gets the end of the stream
                await asyncio.wait({sending}, timeout=1)
        finally:
            self._live.leave(self._seat)
            for task in (sending, *over):
                task.cancel()
            ended, *_ = await asyncio.gather(sending, *over, return_exceptions=True)
            if isinstance(ended, Exception) and of_database(ended) is None:  # that includes a client that takes nothing
                log.error("a stream broke", error=type(ended).__name__, exc_info=ended)

    async def _send(self, send: Send, bare: bool) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if not bare:
            async for piece in self._pieces:
                await _within(SEND_S, send, {"type": "http.response.body", "body": piece, "more_body": True})
        await _within(SEND_S, send, {"type": "http.response.body", "body": b"", "more_body": False})


async def _within(seconds: float, send: Send, message: Message) -> None:
    async with asyncio.timeout(seconds):
        await send(message)


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
