"""The streaks worth keeping to know the longest one of any window that ends now.

A streak is kept only while no later streak of the account is at least as long: about eight rows an account instead of
all its posts. Assumes aware UTC datetimes and the effective times of counted posts. Promises: gaps are sorted by their
end and each is longer than all that follow; for a window that ends now the answer equals a look at every post.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from app.domain.models import Interval


def append(gaps: Sequence[Interval], new_gap: Interval) -> tuple[Interval, ...]:
    """Add the streak that a new last post ends; it starts where the last one ended, or later. An empty one changes
    nothing."""
    if new_gap.start >= new_gap.end:
        return tuple(gaps)
    kept = len(gaps)
    while kept and gaps[kept - 1].length <= new_gap.length:
        kept -= 1
    return (*gaps[:kept], new_gap)


def rebuild(posts: Iterable[datetime]) -> tuple[Interval, ...]:
    """The gaps of an account from the times of all its counted posts, in any order (after a read-back or an insert)."""
    gaps: list[Interval] = []
    times = sorted(posts)
    for start, end in pairwise(times):
        gap = Interval(start, end)
        while gaps and gaps[-1].length <= gap.length:
            gaps.pop()
        if start < end:
            gaps.append(gap)
    return tuple(gaps)


def longest_since(
    gaps: Sequence[Interval], window_start: datetime, now: datetime, last_post: datetime | None
) -> Interval | None:
    """The longest streak with a part in [window_start, now), whole, the open one included; of equals the latest.

    None where no post is known: time before the first known post is unknown, not silence.
    """
    if last_post is None:
        return None
    best = Interval(last_post, max(now, last_post))
    for gap in gaps:
        if gap.end > window_start:
            return gap if gap.length > best.length else best
    return best
