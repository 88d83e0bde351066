"""Which stretches of time are known, how they grow look by look, and what of them was known at an earlier moment.

Assumes aware UTC datetimes; the time of a look is when its request was sent, by our clock. Promises: coverage grows
only by what a judged look proves; live and read-back coverage stay apart; ``known_at`` never claims too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.intervals import intersect, normalise, subtract
from app.domain.joining import Judgement
from app.domain.models import Interval, Kind, Stretch

#: Consecutive proving looks at most this far apart count as having watched live (a day, and an hour of grace).
LIVE_GAP = timedelta(hours=25)
#: A row takes up looks whose pauses are of one order: none longer than this many times another. What was known at an
#: earlier moment is only bounded by a row's longest pause, so one outage must not blur months of close looks.
PAUSE_ORDER = 2
#: Pauses below this are of one order anyway.
SHORT_PAUSE = timedelta(minutes=15)
ZERO = timedelta(0)
NO_KIND = Kind(0)


@dataclass(frozen=True, slots=True)
class Change:
    """One row to write after a look: in the place of the head that was given, or as a new row."""

    stretch: Stretch
    replaces_head: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The contiguous coverage that ends last. It may be empty (start == end): a look that proved nothing behind it."""

    start: datetime
    end: datetime
    live_from: datetime | None
    """Since when it was seen live without a break; None where its end was read back."""
    looked_at: datetime
    """The last look that proved some of it."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What is known for the kinds of one question. Both sets are normalised and do not overlap."""

    live: tuple[Interval, ...] = ()
    retrospective: tuple[Interval, ...] = ()
    gaps: tuple[tuple[Interval, timedelta], ...] = ()
    """For each stretch the longest time between two looks in it."""
    lag: timedelta = ZERO
    """The most that a look proved short of its own time."""
    unseen_kinds: Kind = NO_KIND
    """Kinds of the question that no look at this account ever showed."""
    last_look: datetime | None = None
    """The last look that proved something, of any kind; None before the first."""

    def all(self) -> tuple[Interval, ...]:
        """Live and retrospective together."""
        return normalise(self.live + self.retrospective) if self.retrospective else self.live

    def largest_gap(self, window: Interval) -> timedelta:
        """The longest time between two looks, over the stretches that touch the window."""
        start, end = window.start, window.end
        return max((gap for piece, gap in self.gaps if piece.start < end and start < piece.end), default=ZERO)


def staleness(age: timedelta | None, lifetime: timedelta | None, apparent: timedelta) -> timedelta:
    """How old an answer may be. ``age``: its Age header. ``lifetime``: s-maxage, else max-age. ``apparent``: our
    request time minus its Date. RFC 9111 gives the age; without one a shared cache may have kept it for a lifetime."""
    return max(age if age is not None else lifetime or ZERO, apparent, ZERO)


def proven_to(
    requested_at: datetime, margin: timedelta, staleness: timedelta = ZERO, skew: timedelta = ZERO
) -> datetime:
    """Up to when a look proves. A clock (``skew``: its Date minus ours) that differs from ours by more than the
    settling margin widens the margin by that difference."""
    widened = margin + abs(skew) if abs(skew) > margin else margin
    return requested_at - widened - max(staleness, ZERO)


def extend(
    head: Stretch | None,
    *,
    looked_at: datetime,
    proven_to: datetime,
    judgement: Judgement,
    kinds: Kind,
    previous_look_at: datetime | None = None,
    live_gap: timedelta = LIVE_GAP,
) -> tuple[Change, ...]:
    """The rows to write after a full page.

    ``head``: the last row of exactly these kinds, None where there is none. ``previous_look_at``: the last proving look
    for these kinds, where it is later than ``head.recorded_to``. What was judged to start before the previous looks
    (a first look) and what fills a pause longer than ``live_gap`` is retrospective.
    """
    if judgement.suspended:
        return ()
    start = judgement.starts_at
    return _grow(head, start, max(start, proven_to), looked_at, proven_to, kinds, previous_look_at, live_gap)


def unchanged(
    head: Stretch | None,
    *,
    looked_at: datetime,
    proven_to: datetime,
    proven: bool,
    kinds: Kind,
    since: datetime | None = None,
    previous_look_at: datetime | None = None,
    live_gap: timedelta = LIVE_GAP,
) -> tuple[Change, ...]:
    """The rows to write after a look that said "unchanged" for these kinds.

    ``proven``: ``PageMemory.proven`` of the last full page; without it nothing is proven. ``since``: end of the
    coverage of these kinds where no row has exactly them (a counter that counts less than a page shows).
    """
    start = since or (head.end if head else None)
    if not proven or start is None:
        return ()
    return _grow(head, start, max(start, proven_to), looked_at, proven_to, kinds, previous_look_at, live_gap)


def _grow(
    head: Stretch | None,
    start: datetime,
    end: datetime,
    looked_at: datetime,
    proven_to: datetime,
    kinds: Kind,
    previous_look_at: datetime | None,
    live_gap: timedelta,
) -> tuple[Change, ...]:
    looks = [at for at in (previous_look_at, head.recorded_to if head else None) if at is not None]
    gap = max(looked_at - max(looks), ZERO) if looks else ZERO
    live = bool(looks) and gap <= live_gap
    lag = max(looked_at - proven_to, ZERO)
    alike = head is not None and _alike(gap, head.largest_gap)
    if head is not None and head.kinds == kinds and head.end == start and end == start and not alike:
        return ()
    if head is not None and head.kinds == kinds and head.end == start and alike and (head.live == live or end == start):
        grown = replace(
            head,
            end=end,
            recorded_to=max(head.recorded_to, looked_at),
            largest_gap=max(head.largest_gap, gap),
            lag=max(head.lag, lag),
        )
        return (Change(grown, True),)
    fresh = Stretch(start, end, kinds, live, looked_at, looked_at, gap, lag)
    empty = head is not None and head.kinds == kinds and head.start == head.end
    return (Change(fresh, empty),)


def _alike(one: timedelta, other: timedelta) -> bool:
    return max(one, other) <= PAUSE_ORDER * max(min(one, other), SHORT_PAUSE)


def known_at(stretches: Iterable[Stretch], as_of: datetime | None, kinds: Kind) -> Covered:
    """What was known at ``as_of`` (None: everything on record) about posts of all these kinds: a lower bound.

    A stretch that grew until after ``as_of`` had at that moment a look at most ``largest_gap`` old, which proved all
    but ``lag``. For each kind the stretches that show it are joined; what all kinds share is known.
    """
    rows = [(known, row) for row in stretches if (known := _recorded(row, as_of)) is not None]
    # int's own "and": IntFlag's costs more than all the rest.
    relevant = [(known, row) for known, row in rows if int.__and__(row.kinds, kinds)]
    if all(int.__and__(row.kinds, kinds) == kinds for _, row in relevant):
        seen_live = [known for known, row in relevant if row.live]
        live = normalise(seen_live)
        whole = live if len(seen_live) == len(relevant) else normalise([known for known, _ in relevant])
        unseen = NO_KIND if relevant or not rows else kinds
    else:
        live = _shared([[known for known, row in relevant if row.live and kind & row.kinds] for kind in kinds])
        whole = _shared([[known for known, row in relevant if kind & row.kinds] for kind in kinds])
        unseen = kinds
        for _, row in relevant:
            unseen &= ~row.kinds
    return Covered(
        live=live,
        retrospective=() if whole == live else subtract(whole, live) if live else whole,
        gaps=tuple([(known, row.largest_gap) for known, row in relevant]),
        lag=max([row.lag for _, row in relevant], default=ZERO),
        unseen_kinds=unseen,
        last_look=max([_looked(row, as_of) for _, row in rows], default=None),
    )


def _recorded(row: Stretch, as_of: datetime | None) -> Interval | None:
    if as_of is None or as_of >= row.recorded_to:
        return Interval(row.start, row.end)
    if as_of < row.recorded_from:
        return None
    return Interval(row.start, min(row.end, _looked(row, as_of) - row.lag))


def _looked(row: Stretch, as_of: datetime | None) -> datetime:
    if as_of is None or as_of >= row.recorded_to:
        return row.recorded_to
    return max(row.recorded_from, as_of - row.largest_gap)


def _shared(sets: Sequence[Sequence[Interval]]) -> tuple[Interval, ...]:
    shared = normalise(sets[0])
    for pieces in sets[1:]:
        shared = intersect(shared, pieces)
    return shared


def head_of(stretches: Iterable[Stretch], kinds: Kind) -> Head | None:
    """The contiguous coverage of all these kinds that ends last; None before the first look that showed them all."""
    rows = list(stretches)
    if len(rows) == 1:
        return _head_of_one(rows[0], kinds)
    looked_at = _last_look(rows, kinds)
    if looked_at is None:
        return None
    covered = known_at(rows, None, kinds)
    whole = covered.all()
    points = [row.end for row in rows if row.start == row.end and row.kinds & kinds == kinds]
    if points and (not whole or max(points) > whole[-1].end):
        return Head(max(points), max(points), None, looked_at)
    if not whole:
        return None
    start, end = whole[-1].start, whole[-1].end
    live = covered.live[-1] if covered.live and covered.live[-1].end == end else None
    return Head(start, end, max(live.start, start) if live else None, looked_at)


def _head_of_one(row: Stretch, kinds: Kind) -> Head | None:
    """The same of a single row: the usual case, and asked for several times a look."""
    if not kinds or row.start > row.end or int.__and__(row.kinds, kinds) != kinds:
        return None
    return Head(row.start, row.end, row.start if row.live and row.start < row.end else None, row.recorded_to)


def _last_look(rows: Sequence[Stretch], kinds: Kind) -> datetime | None:
    """The last look by which each of the kinds was seen; None where one never was."""
    if not rows or not kinds:
        return None
    if all(int.__and__(row.kinds, kinds) == kinds for row in rows):  # the usual case, without taking kinds apart
        return max([row.recorded_to for row in rows])
    looks = [max((row.recorded_to for row in rows if kind & row.kinds), default=None) for kind in kinds]
    known = [at for at in looks if at is not None]
    return min(known) if len(known) == len(looks) else None
