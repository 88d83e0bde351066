"""Half-open stretches of time and their algebra.

Assumes aware UTC datetimes. Promises: every result is sorted, without overlap, without touching neighbours and without
empty members; every function costs O(n log n) at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from operator import attrgetter

from app.domain.models import Interval

_START = attrgetter("start")


def normalise(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as sorted, disjoint, non-touching intervals."""
    merged: list[Interval] = []
    for piece in sorted([piece for piece in intervals if piece.start < piece.end], key=_START):
        if merged and piece.start <= merged[-1].end:
            if piece.end > merged[-1].end:
                merged[-1] = Interval(merged[-1].start, piece.end)
        else:
            merged.append(piece)
    return tuple(merged)


def union(*sets: Iterable[Interval]) -> tuple[Interval, ...]:
    """Every instant that lies in at least one of the sets."""
    return normalise(piece for pieces in sets for piece in pieces)


def intersect(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Every instant that lies in both sets."""
    ours, theirs = normalise(left), normalise(right)
    common: list[Interval] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        start = max(ours[i].start, theirs[j].start)
        end = min(ours[i].end, theirs[j].end)
        if start < end:
            common.append(Interval(start, end))
        if ours[i].end <= theirs[j].end:
            i += 1
        else:
            j += 1
    return tuple(common)


def subtract(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Every instant that lies in the left set and not in the right one."""
    ours, theirs = normalise(left), normalise(right)
    rest: list[Interval] = []
    j = 0
    for piece in ours:
        at = piece.start
        while j < len(theirs) and theirs[j].end <= at:
            j += 1
        k = j
        while k < len(theirs) and theirs[k].start < piece.end:
            if theirs[k].start > at:
                rest.append(Interval(at, theirs[k].start))
            at = theirs[k].end
            k += 1
        if at < piece.end:
            rest.append(Interval(at, piece.end))
    return tuple(rest)


def clip(intervals: Iterable[Interval], window: Interval) -> tuple[Interval, ...]:
    """What of the set lies inside the window."""
    start, end = window.start, window.end
    return normalise(
        Interval(max(piece.start, start), min(piece.end, end))
        for piece in intervals
        if piece.start < end and piece.end > start
    )


def covers(intervals: Iterable[Interval], window: Interval) -> bool:
    """Whether the whole window lies inside the set. An empty window always does."""
    return not holes(intervals, window)


def holes(intervals: Iterable[Interval], window: Interval) -> tuple[Interval, ...]:
    """What of the window the set leaves open."""
    open_parts: list[Interval] = []
    at, end = window.start, window.end
    for piece in normalise(intervals):
        if piece.start >= end:
            break
        if piece.start > at:
            open_parts.append(Interval(at, piece.start))
        at = max(at, piece.end)
    if at < end:
        open_parts.append(Interval(at, end))
    return tuple(open_parts)


def total(intervals: Iterable[Interval]) -> timedelta:
    """Elapsed time of the set; overlaps count once."""
    return sum((piece.end - piece.start for piece in normalise(intervals)), timedelta(0))
