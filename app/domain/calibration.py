"""Do chances come true? What was said of windows before they began, against what came.

Assumes windows that were watched without a hole, each of which began no earlier than the one before it of the same
account had ended: given what was said, each is then a toss of its own coin, and sums of them have a known spread.
Promises: little evidence is never called drift.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from app.domain.rhythm.lists import reach_of

#: Upper ends of the bins of a reliability diagram; the last bin ends at 1.
EDGES: Final = (0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
BINS: Final = len(EDGES) + 1
#: Windows of an account that are remembered: four weeks, if each lasts a day.
KEPT: Final = 28
#: Fewer windows of an account than this have no share of their own, and are not called drift.
LEAST: Final = 7
#: An account drifts where chance alone would bring what came of its last windows, or anything as far off, this rarely:
#: of a hundred steady accounts at most one looks so at any time, which is told beside their number ...
RARE: Final = 0.01
#: ... of so many last windows: a rhythm follows a change within some days, and what was wrong in between is diluted.
SPANS: Final = (7, 14, KEPT)
#: All accounts together drift when they lie on the same side of the usual range on so many days one after another ...
RUN: Final = 3
#: ... the range that ``LEVEL`` of the days before kept to, of which at most PAST and at least LEAST_PAST are taken.
LEVEL: Final = 0.95
PAST: Final = 40
LEAST_PAST: Final = 14
#: A day with less spread is too small to be judged: some accounts, or none in doubt.
LEAST_SPREAD: Final = 1.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What was said and what came, summed over windows."""

    windows: int = 0
    silent: int = 0
    expected: float = 0.0
    """The sum of the chances of silence."""
    spread: float = 0.0
    """The variance of the number of silent windows, were the chances right and the windows independent."""
    squares: float = 0.0
    """The sum of the squared errors of the chances."""
    compared: int = 0
    """Windows of accounts with a share of silent windows of their own ..."""
    compared_squares: float = 0.0
    """... their squared errors ..."""
    share_squares: float = 0.0
    """... and those of that share."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def deviation(self) -> float | None:
        """By how many standard deviations more windows were silent than expected; None where there are too few."""
        if self.spread < LEAST_SPREAD:
            return None
        return (self.silent - self.expected) / math.sqrt(self.spread)

    @property
    def brier(self) -> float | None:
        """The mean squared error of the chances."""
        return self.squares / self.windows if self.windows else None

    @property
    def skill(self) -> float | None:
        """How much of the squared error is gone that each account's own share of silent windows makes; at most 1."""
        return 1 - self.compared_squares / self.share_squares if self.share_squares > 0 else None


@dataclass(frozen=True, slots=True)
class Record:
    """What was said of an account's last windows, and what came."""

    chances: tuple[float, ...] = ()
    silences: tuple[bool, ...] = ()

    def and_then(self, chance: float, silent: bool) -> Record:
        """With one more window, without those beyond KEPT."""
        return Record((*self.chances, chance)[-KEPT:], (*self.silences, silent)[-KEPT:])

    @property
    def share(self) -> float | None:
        """The account's own share of silent windows; None where there are too few."""
        count = len(self.silences)
        return (sum(self.silences) + 0.5) / (count + 1) if count >= LEAST else None

    @property
    def expected(self) -> float:
        """How many of the windows would be silent."""
        return math.fsum(self.chances)

    @property
    def oddest(self) -> Record:
        """The last windows, as many as one of SPANS, that were the furthest off; all of them where there are few."""
        spans = {min(span, len(self.chances)) for span in SPANS} - {0}
        return min((Record(self.chances[-span:], self.silences[-span:]) for span in spans), key=_tail, default=self)

    @property
    def likelihood(self) -> float:
        """How likely it is, were the chances right, that any of SPANS is as far off as this; 1 where too few."""
        return min(1.0, len(SPANS) * _tail(self.oddest)) if len(self.chances) >= LEAST else 1.0

    @property
    def drifts(self) -> bool:
        """Whether the account no longer keeps to the rhythm that is known of it."""
        return self.likelihood <= RARE

    def usual(self, level: float = LEVEL) -> tuple[int, int]:
        """The range of the number of silent windows, each end of it cut off where it is unlikelier than chance asks."""
        numbers, tail = _numbers(self.chances), (1 - level) / 2
        low, below = 0, numbers[0]
        while below <= tail:
            low += 1
            below += numbers[low]
        high, above = len(self.chances), numbers[-1]
        while above <= tail:
            high -= 1
            above += numbers[high]
        return low, high


def settle(record: Record, chance: float, silent: bool) -> Tally:
    """What one more window of an account adds to a sum."""
    error, share = (silent - chance) ** 2, record.share
    tally = Tally(1, int(silent), chance, chance * (1 - chance), error)
    return (
        tally
        if share is None
        else tally + Tally(compared=1, compared_squares=error, share_squares=(silent - share) ** 2)
    )


def bin_of(chance: float) -> int:
    """The bin of a chance, from 0."""
    return bisect_right(EDGES, chance)


def bounds(number: int) -> tuple[float, float]:
    """The chances of a bin: from, to."""
    edges = (0.0, *EDGES, 1.0)
    return edges[number], edges[number + 1]


def error_of(bins: Sequence[Tally]) -> float | None:
    """The calibration error: how far chances and shares of a bin are apart, in the mean over all windows."""
    windows = sum(each.windows for each in bins)
    return math.fsum(abs(each.silent - each.expected) for each in bins) / windows if windows else None


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether all accounts together still do what is expected of them."""

    side: int
    """1: too many are silent, on each of the last RUN days; -1: too few; 0: neither, or not to tell."""
    last: Tally
    """The last of these days ..."""
    low: int
    high: int
    """... and the usual range of its number of silent accounts."""


def drift(days: Sequence[Tally]) -> Drift | None:
    """From days in order, none of which still waits for a look; None where there are too few to tell.

    Accounts share weekends, holidays and news: days stray further than independent accounts would. How far is usual is
    taken from the days before those that are judged, see ``lists.usual_reach``.
    """
    judged = [(day, deviation) for day in days if (deviation := day.deviation) is not None]
    past, run = judged[:-RUN][-PAST:], judged[-RUN:]
    if len(past) < LEAST_PAST:
        return None
    reach = reach_of([abs(deviation) for _, deviation in past], LEVEL)
    strayed = [deviation for _, deviation in run]
    side = 1 if min(strayed) > reach else -1 if max(strayed) < -reach else 0
    last = run[-1][0]
    width = reach * math.sqrt(last.spread)
    low, high = math.ceil(last.expected - width), math.floor(last.expected + width)
    return Drift(side, last, max(low, 0), min(high, last.windows))


def _tail(record: Record) -> float:
    """How likely it is, were the chances right, to be as far off as this: exact, two-sided."""
    numbers, silent = _numbers(record.chances), sum(record.silences)
    return min(1.0, 2 * min(math.fsum(numbers[: silent + 1]), math.fsum(numbers[silent:])))


def _numbers(chances: Sequence[float]) -> list[float]:
    """How likely each number of silent windows is, from 0 to all of them."""
    numbers = [1.0]
    for chance in chances:
        more = [number * chance for number in numbers]
        less = [number * (1 - chance) for number in numbers]
        numbers = [a + b for a, b in zip((*less, 0.0), (0.0, *more), strict=True)]
    return numbers
