"""Events as they are recorded, handed to everybody in this process who waits for them.

May assume ``storage.listening``. Promises: however many wait, the database is asked once and by one connection, which
exists only while somebody waits; whoever does not keep up is let go rather than buffered for; a restart of the
database costs nobody an event; ``close`` lets everybody go.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog

from app.api.problems import of_database
from app.errors import TooMany, Unavailable
from app.storage import event_log, listening
from app.storage.event_log import Event, Filter
from app.storage.events import CHANNEL

#: Streams that one key may have open in this process.
MOST_PER_KEY = 10
#: Events that wait for one reader at most.
MOST_WAITING = 1000
#: Events read at once.
BATCH = 500
READY_S = 5.0
RETRY_S = 0.5
log = structlog.get_logger("api")


class Seat:
    """One reader. ``wake`` is set when events wait for him or when he is let go (``over``)."""

    def __init__(self, key: str, wanted: Filter) -> None:
        self.key, self.wanted = key, wanted
        self.waiting: deque[Event] = deque()
        self.wake, self.over = asyncio.Event(), asyncio.Event()
        self.begun_at: int | None = None

    @property
    def begun(self) -> bool:
        """Whether he is handed what comes."""
        return self.begun_at is not None

    def offer(self, events: Sequence[Event]) -> None:
        """Hand over what he wants, or let him go where too much waits already."""
        if not self.begun or self.over.is_set():
            return
        self.waiting.extend(event for event in events if self.wanted.admits(event))
        if len(self.waiting) > MOST_WAITING:
            self.let_go()
        elif self.waiting:
            self.wake.set()

    def let_go(self) -> None:
        """End his stream; what waits for him is dropped, for he resumes where he was."""
        self.waiting.clear()
        self.over.set()
        self.wake.set()


class Live:
    """The readers of this process and the one who reads the database for them."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._seats: set[Seat] = set()
        self._task: asyncio.Task[None] | None = None
        self._news, self._ready = asyncio.Event(), asyncio.Event()
        self._at: int | None = None
        self._closed = False

    async def join(self, key: str, wanted: Filter) -> Seat:
        """A seat for a reader with this key; ``leave`` it. Raises TooMany, Unavailable."""
        if self._closed:
            raise Unavailable("The service is stopping.", hint="Connect again in a few seconds.")
        if Counter(seat.key for seat in self._seats)[key] >= MOST_PER_KEY:
            hint = "Close one, or use another key."
            wait = timedelta(seconds=30)
            raise TooMany(f"This key has {MOST_PER_KEY} streams open.", retry_after=wait, hint=hint)
        seat = Seat(key, wanted)
        self._seats.add(seat)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except BaseException as error:
            self.leave(seat)
            if isinstance(error, TimeoutError):
                raise Unavailable("The database does not answer now.", hint="Try again in a few seconds.") from None
            raise
        return seat

    def begin(self, seat: Seat) -> int:
        """The position from which on the seat is handed what comes; everything up to it is to be read."""
        if seat.begun_at is None:
            seat.begun_at = self._at or 0  # known before join returns
        return seat.begun_at

    def leave(self, seat: Seat) -> None:
        """Give the seat back; the last one ends the reading of the database."""
        self._seats.discard(seat)
        if not self._seats and self._task is not None:
            self._task.cancel()
            self._task, self._at = None, None
            self._news, self._ready = asyncio.Event(), asyncio.Event()

    def close(self) -> None:
        """Let everybody go and nobody in: the process stops."""
        self._closed = True
        for seat in self._seats:
            seat.let_go()

    async def _run(self) -> None:
        news = self._news
        ears = asyncio.ensure_future(listening.listen(self._engine, CHANNEL, lambda _: news.set()))
        try:
            while True:
                await news.wait()
                news.clear()
                if not await self._read():
                    await asyncio.sleep(RETRY_S)
                    news.set()
        finally:
            ears.cancel()

    async def _read(self) -> bool:
        """Hand on what is new; False where the database has to be asked again."""
        try:
            async with self._engine.connect() as conn:
                if self._at is None:
                    self._at = await event_log.newest(conn)
                    self._ready.set()
                while found := await event_log.page(conn, after=self._at, oldest_first=True, limit=BATCH):
                    self._at = found[-1].id
                    for seat in self._seats:
                        seat.offer(found)
        except Exception as error:
            if of_database(error) is None:
                log.error("events could not be read", error=type(error).__name__, exc_info=error)
            return False
        return True
