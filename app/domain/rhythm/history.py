"""A history as arrays: the posts that lie in coverage, the gaps between them, and how long was observed.

Assumes epoch seconds; posts in any order, repeated or not; stretches of coverage in any order, overlapping or not.
Promises: a hole in the coverage is never bridged: it ends no gap, adds to no exposure, and a gap across one only counts
as at least as long as the longest part of it that was observed; an account begins with its first post, and what was
observed before is no exposure either: a page read to its end covers all the years before, which say nothing of habits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.domain.rhythm import constants as c
from app.domain.rhythm.clock import DAY, Clock

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class History:
    """What the last MEMORY_DAYS hold. All arrays ascend."""

    posts: Floats
    """Different moments of posts in coverage, at most MEMORY_POSTS."""
    starts: Floats
    ends: Floats
    """Coverage: disjoint stretches."""
    at: float
    whole: NDArray[np.bool_]
    """For each post but the last: whether no hole lies between it and the next."""

    def observed(self, start: float, end: float) -> float:
        """Observed days between two moments."""
        pieces = np.minimum(self.ends, end) - np.maximum(self.starts, start)
        return float(np.maximum(pieces, 0.0).sum()) / DAY

    def faded(self, half_life: float) -> float:
        """Observed days, each weighted by its age; ``half_life`` in days."""
        rate = math.log(2) / (half_life * DAY)
        return float((np.exp(rate * (self.ends - self.at)) - np.exp(rate * (self.starts - self.at))).sum()) / rate / DAY

    def rate(self, days: float, end: float) -> float:
        """Posts per observed day in the ``days`` up to ``end``, TEMPO_PRIOR added to both."""
        start = end - days * DAY
        posts = np.searchsorted(self.posts, end, side="right") - np.searchsorted(self.posts, start, side="right")
        return float(posts + c.TEMPO_PRIOR) / (self.observed(start, end) + c.TEMPO_PRIOR)

    def cut_short(self, clock: Clock) -> tuple[Floats, Floats]:
        """Each gap with a hole in it: the longest part that was observed, in rhythm hours, and the next post."""
        across = np.flatnonzero(~self.whole)
        longest = [self._longest_part(clock, self.posts[i], self.posts[i + 1]) for i in across]
        return np.array(longest, dtype=np.float64), self.posts[across + 1]

    def _longest_part(self, clock: Clock, start: float, end: float) -> float:
        first = int(np.searchsorted(self.ends, start))
        last = int(np.searchsorted(self.starts, end, side="right"))
        parts = zip(self.starts[first:last].tolist(), self.ends[first:last].tolist(), strict=True)
        return max((clock.elapsed(max(a, start), min(b, end)) for a, b in parts), default=0.0)


def history(posts: ArrayLike, coverage: Iterable[tuple[float, float]], at: float) -> History:
    """The part of a history that counts at ``at``; of the posts before it, one is enough."""
    since = at - c.MEMORY_DAYS * DAY
    found = np.asarray(posts, dtype=np.float64)
    if np.any(found[1:] <= found[:-1]):
        found = np.unique(found)
    starts, ends = _merged(coverage, max(since, float(found[0])) if len(found) else since, at)
    found = found[np.searchsorted(found, since) : np.searchsorted(found, at, side="right")]
    stretch = np.searchsorted(starts, found, side="right") - 1
    covered = (stretch >= 0) & (found <= np.append(ends, -np.inf)[stretch])
    found, stretch = found[covered][-c.MEMORY_POSTS :], stretch[covered][-c.MEMORY_POSTS :]
    if len(found) == c.MEMORY_POSTS:
        starts, ends = np.maximum(starts, found[0])[stretch[0] :], ends[stretch[0] :]
        stretch = stretch - stretch[0]
    return History(found, starts, ends, at, stretch[1:] == stretch[:-1])


def _merged(coverage: Iterable[tuple[float, float]], least: float, most: float) -> tuple[Floats, Floats]:
    pieces: list[tuple[float, float]] = []
    for start, end in sorted((max(start, least), min(end, most)) for start, end in coverage):
        if pieces and start <= pieces[-1][1]:
            pieces[-1] = pieces[-1][0], max(end, pieces[-1][1])
        elif start < end:
            pieces.append((start, end))
    both = np.array(pieces, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
