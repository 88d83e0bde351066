"""Rhythm time: a clock that runs fast when an account usually posts and slowly when it usually sleeps.

A week has 168 rhythm hours for everybody. Assumes epoch seconds and the shape of an account's week. Promises: rhythm
time never runs backwards, not even where the zone's own clock does; one hour of it is never longer than 1 / SLOWEST
hours.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

from app.domain.rhythm.zones import Offsets, offsets_of

HOUR = 3600.0
DAY = 86400.0
WEEK = 604800.0
HOURS = 168
#: The epoch began on a Thursday; weeks of local time begin on Monday.
MONDAY = 3 * DAY


@dataclass(frozen=True, slots=True)
class Clock:
    """The rhythm time of one account. ``speeds``: for each hour of the local week, Monday first; none is 0, their mean
    is 1."""

    zone: str
    speeds: tuple[float, ...]
    _offsets: Offsets = field(init=False, repr=False, compare=False)
    _reached: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_offsets", offsets_of(self.zone))
        object.__setattr__(self, "_reached", tuple(accumulate(self.speeds, initial=0.0)))

    def local(self, at: float) -> float:
        """What the wall clocks of the zone show, in seconds since the Monday before the epoch."""
        return at + self._offsets.offsets[self._offsets.index(at)] + MONDAY

    def elapsed(self, start: float, end: float) -> float:
        """Rhythm hours from ``start`` to ``end``; negative where the end comes first."""
        if end < start:
            return -self.elapsed(end, start)
        table = self._offsets
        i, j = table.index(start), table.index(end)
        passed = self._at(end + table.offsets[j]) - self._at(start + table.offsets[i])
        for k in range(i, j):
            passed -= self.jump(k)
        return max(passed, 0.0)

    def after(self, start: float, hours: float) -> float:
        """The moment that comes ``hours`` (>= 0) of rhythm time after ``start``."""
        table = self._offsets
        i = table.index(start)
        reached = self._at(start + table.offsets[i]) + hours
        while True:
            at = self._when(reached) - table.offsets[i]
            if i == len(table.changes) or at <= table.changes[i]:
                return max(at, start)
            reached += self.jump(i)
            i += 1

    def jump(self, change: int) -> float:
        """By how much the wall clock moves at a change of the offset, in rhythm hours."""
        table, at = self._offsets, self._offsets.changes[change]
        return self._at(at + table.offsets[change + 1]) - self._at(at + table.offsets[change])

    def _at(self, local: float) -> float:
        weeks, rest = divmod(local + MONDAY, WEEK)
        hour = min(int(rest // HOUR), HOURS - 1)
        return weeks * self._reached[-1] + self._reached[hour] + self.speeds[hour] * (rest / HOUR - hour)

    def _when(self, reached: float) -> float:
        weeks, rest = divmod(reached, self._reached[-1])
        hour = min(max(bisect_right(self._reached, rest) - 1, 0), HOURS - 1)
        return weeks * WEEK + (hour + (rest - self._reached[hour]) / self.speeds[hour]) * HOUR - MONDAY
