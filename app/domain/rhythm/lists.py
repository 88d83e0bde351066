"""Many accounts at once: how many false flags to expect, how many silent accounts, and which flags stand together.

Assumes for each account of a list, silent or not, the chance of silence in one window. Promises: order changes nothing
but the order of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from app.domain.rhythm import constants as c


@dataclass(frozen=True, slots=True)
class Silent:
    """How many accounts of a list are silent on an ordinary day."""

    expected: float
    low: int
    high: int
    """The usual range, both ends in it."""


def expected_false_flags(chances: Sequence[float], threshold: float) -> float:
    """How many accounts an ordinary window flags where a silence of chance <= ``threshold`` is flagged.

    Exact: each account that can be flagged at all is flagged with just its chance.
    """
    return math.fsum(chance for chance in chances if chance <= threshold)


def false_flags_a_day(false_alarms_per_year: float, accounts: int) -> float:
    """The same for deadlines: how many false alarms a day a rule at F a year raises over this many accounts."""
    return false_alarms_per_year * accounts / c.DAYS_A_YEAR


def standing(chances: Sequence[float], silent: Sequence[bool], share: float) -> list[bool]:
    """Benjamini and Hochberg's view of a list: the silent accounts of which at most ``share`` (expected) are ordinary.

    ``chances`` and ``silent`` are of the whole list: the accounts that posted count too. Sorted by chance, the k-th
    silence stands where it or a later one is at most k * share / n.
    """
    order = sorted((chance, place) for place, chance in enumerate(chances) if silent[place])
    last = max((k for k, (chance, _) in enumerate(order, 1) if chance <= k * share / len(chances)), default=0)
    stands = [False] * len(chances)
    for _, place in order[:last]:
        stands[place] = True
    return stands


def silent_accounts(chances: Sequence[float], reach: float) -> Silent:
    """How many of the accounts are silent, if the window is an ordinary one.

    ``reach``: how many standard deviations of independent accounts the range extends, see ``usual_reach``.
    """
    expected = math.fsum(chances)
    width = reach * spread(chances)
    low, high = math.ceil(expected - width), math.floor(expected + width)
    return Silent(expected, max(low, 0), min(high, len(chances)))


def usual_reach(past: Sequence[tuple[Sequence[float], int]], level: float = 0.9) -> float:
    """How far the number of silent accounts strays from what is expected, at most, with probability ``level``.

    ``past``: ordinary windows of the same list, each with its chances and the number that was silent. Accounts share
    weekends, holidays and news, so the past says it better than independence would: of n windows it is the
    ceil(level * (n + 1))-th smallest deviation. With too few of them it is the normal one, or the largest seen.
    """
    return reach_of(
        [abs(silent - math.fsum(chances)) / spread(chances) for chances, silent in past if spread(chances) > 0],
        level,
    )


def reach_of(strayed: Sequence[float], level: float) -> float:
    """The same from how many standard deviations each of the past windows strayed, at least 0 each."""
    place = math.ceil(level * (len(strayed) + 1))
    if place <= len(strayed):
        return sorted(strayed)[place - 1]
    return max([NormalDist().inv_cdf((1 + level) / 2), *strayed])


def spread(chances: Sequence[float]) -> float:
    """The standard deviation of the number of silent accounts, if they were independent."""
    return math.sqrt(math.fsum(chance * (1 - chance) for chance in chances))
