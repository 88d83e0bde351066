"""The only clocks. Everything below the shell gets ``now`` as a parameter.

Promises: ``now`` is aware UTC; durations between our own acts come from ``monotonic``, which no one can set. A virtual
clock moves only when it is told to, or to where somebody sleeps until.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

#: A wall clock that moved by more than this against the monotonic one was set, not late.
STEP = timedelta(seconds=60)


class Clock(Protocol):
    """What the worker needs of time."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return at ``when`` by the wall clock, at once where that is past."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, never set back."""
        return time.monotonic()

    async def sleep_until(self, when: datetime) -> None:
        """Sleep for the time that is left now; a clock set meanwhile does not stretch it."""
        await asyncio.sleep(max((when - self.now()).total_seconds(), 0))


class VirtualClock:
    """A clock for replays: a sleeper takes it forward at once."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start

    def now(self) -> datetime:
        """The virtual moment."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self._now - self._start).total_seconds()

    def advance_to(self, when: datetime) -> None:
        """Move forward; a moment that is past changes nothing."""
        self._now = max(self._now, when)

    async def sleep_until(self, when: datetime) -> None:
        """Take the clock to ``when`` and let others run."""
        self.advance_to(when)
        await asyncio.sleep(0)


class StepWatch:
    """Says by how much the wall clock was set since the last question."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._monotonic = clock.now(), clock.monotonic()

    def stepped(self) -> timedelta | None:
        """The step, forward or back, where it is longer than STEP; None where time went on as it should."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        step = (wall - self._wall) - timedelta(seconds=monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        return step if abs(step) > STEP else None
