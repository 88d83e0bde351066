"""Local clocks as a table of changes, so that thousands of stamps and single ones turn local without a calendar.

Assumes IANA names and epoch seconds. Promises: between EARLIEST and LATEST (domain.calendar) every change of the
zone's offset is in the table, to the second; outside, the nearest known offset goes on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from app.domain.calendar import EARLIEST, LATEST, zone

#: No zone has ever changed twice within this many seconds of local history since 1990 (Morocco: about 30 days).
_STEP = 7 * 86400


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of one zone from UTC, in seconds; ``offsets[i]`` holds from ``changes[i - 1]`` to ``changes[i]``."""

    changes: tuple[float, ...]
    offsets: tuple[float, ...]

    def index(self, at: float) -> int:
        """Which offset holds at this moment."""
        return bisect_right(self.changes, at)


@lru_cache(maxsize=1024)
def offsets_of(name: str) -> Offsets:
    """The table of a zone. Raises ValueError where there is no such zone."""
    tz = zone(name)

    def offset(at: int) -> float:
        found = datetime.fromtimestamp(at, UTC).astimezone(tz).utcoffset()
        return found.total_seconds() if found is not None else 0.0

    first, last = int(EARLIEST.timestamp()), int(LATEST.timestamp())
    changes: list[float] = []
    offsets = [offset(first)]
    for low in range(first, last, _STEP):
        high = min(low + _STEP, last)
        if offset(high) != offsets[-1]:
            changes.append(float(_first_change(offset, low, high)))
            offsets.append(offset(high))
    return Offsets(tuple(changes), tuple(offsets))


def _first_change(offset: Callable[[int], float], low: int, high: int) -> int:
    before = offset(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == before else (low, middle)
    return high
