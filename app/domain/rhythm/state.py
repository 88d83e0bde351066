"""The rhythm of an account as one value that is stored: everything the questions need, without its posts.

Promises: a value read back from its bytes equals the one that was written (numbers are of single precision from the
start); it takes at most MOST_BYTES; bytes of another version are refused, so that a refit replaces them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.domain.rhythm import constants as c
from app.domain.rhythm.clock import HOURS, Clock

#: Changes whenever the layout or the meaning of a number does.
VERSION: Final = 2
MOST_BYTES: Final = 2048
EDGES: Final = c.BINS + 1
HEAD: Final = struct.Struct("<BBBH4d5f")
SCALARS: Final = (
    *("fitted_at", "since", "last_post", "observed_days"),
    *("long_share", "long_a_day", "tempo", "posts_a_day", "silent_days"),
)
#: How many speeds, survivals, weekdays, hours, days and quantiles follow the zone.
PARTS: Final = (HOURS, EDGES, 7, 24, 7, len(c.QUANTILES))
FLOATS: Final = sum(PARTS)


def has_enough(observed_days: float, posts: int) -> bool:
    """Whether that is history enough to say anything sharp. MEMORY_POSTS are, however few days they took."""
    return (observed_days >= c.ENOUGH_DAYS or posts >= c.MEMORY_POSTS) and posts >= c.ENOUGH_POSTS


@dataclass(frozen=True, slots=True)
class LongGap:
    """One of the longest gaps on record, without a hole in it."""

    ended_at: float
    """The post that ended it, epoch seconds."""
    hours: float
    """Elapsed time."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What an account's history up to ``fitted_at`` says. Times are epoch seconds; see docs/rhythm.md for the maths."""

    clock: Clock
    """Rhythm time."""
    fitted_at: float
    since: float
    """Since when it is known: the start of the coverage that was used."""
    last_post: float
    """The last post that was used; ``since`` where there is none."""
    observed_days: float
    """Days of coverage that were used; holes are not in it."""
    posts: int
    """Different moments of posts that were used."""
    long_share: float
    """Share of the gaps that are no bursts (at least SHORT hours of rhythm time)."""
    long_a_day: float
    """How many gaps at least SHORT long begin a day."""
    tempo: float
    """How much faster than usual it went before the last post."""
    posts_a_day: float
    """Posts a day lately."""
    silent_days: float
    """Log-odds of a local day without a post lately; of half and half where no whole day was observed."""
    survival: tuple[float, ...]
    """ln P(gap >= edge | gap >= SHORT) at the edges of the bins."""
    weekdays: tuple[float, ...]
    """For Monday to Sunday: by how much the log-odds of a silent day differ from those of all days."""
    hours: tuple[float, ...]
    """Share of the posts in each hour of the local day."""
    days: tuple[float, ...]
    """Share of the posts on Monday to Sunday, each day having been observed alike."""
    quantiles: tuple[float, ...]
    """Gaps in hours of elapsed time, at the shares ``constants.QUANTILES``; 0 where there is no gap."""
    longest: tuple[LongGap, ...]
    """The RANKED longest gaps of the last RANK_DAYS and of MEMORY_DAYS, longest first."""
    posting: Clock = field(init=False, repr=False, compare=False)
    """A clock that runs as posts come: half of an account's posts of a week take half of its week."""

    def __post_init__(self) -> None:
        speeds = tuple([HOURS * day * hour for day in self.days for hour in self.hours])
        object.__setattr__(self, "posting", Clock(self.clock.zone, speeds))

    @property
    def enough(self) -> bool:
        """Whether there is history enough to say anything sharp."""
        return has_enough(self.observed_days, self.posts)

    def to_bytes(self) -> bytes:
        """The value as it is stored."""
        zone = self.clock.zone.encode()
        scalars = [getattr(self, name) for name in SCALARS]
        head = HEAD.pack(VERSION, len(zone), len(self.longest), self.posts, *scalars)
        numbers = self.clock.speeds + self.survival + self.weekdays + self.hours + self.days + self.quantiles
        gaps = [number for gap in self.longest for number in (gap.ended_at, gap.hours)]
        return head + zone + struct.pack(f"<{FLOATS}f", *numbers) + struct.pack("<" + "df" * len(self.longest), *gaps)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Rhythm:
        """The value that was stored. Raises ValueError for anything else than ``to_bytes`` of this VERSION wrote."""
        if not stored or stored[0] != VERSION:
            raise ValueError("a rhythm of another version")
        try:
            return cls._read(stored)
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError("not a rhythm") from error

    @classmethod
    def _read(cls, stored: bytes) -> Rhythm:
        _, zone_length, ranked, posts, *scalars = HEAD.unpack_from(stored)
        at = HEAD.size + zone_length
        numbers = struct.unpack_from(f"<{FLOATS}f", stored, at)
        speeds, survival, weekdays, hours, days, quantiles = _split(numbers, PARTS)
        gaps = struct.unpack_from("<" + "df" * ranked, stored, at + 4 * FLOATS)
        return cls(
            clock=Clock(stored[HEAD.size : at].decode(), speeds),
            posts=posts,
            survival=survival,
            weekdays=weekdays,
            hours=hours,
            days=days,
            quantiles=quantiles,
            longest=tuple([LongGap(gaps[i], gaps[i + 1]) for i in range(0, 2 * ranked, 2)]),
            **dict(zip(SCALARS, scalars, strict=True)),
        )


def _split(numbers: Sequence[float], lengths: Sequence[int]) -> list[tuple[float, ...]]:
    found, at = [], 0
    for length in lengths:
        found.append(tuple(numbers[at : at + length]))
        at += length
    return found
