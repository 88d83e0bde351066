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
    """With the asked chance the number lies in [low, high]."""


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


def silent_accounts(chances: Sequence[float], excess: float = 1.0, level: float = 0.9) -> Silent:
    """How many of the accounts are silent, if the window is an ordinary one.

    ``excess``: by how much the variance exceeds that of independent accounts, see ``excess_variance``: accounts share
    weekends, holidays and news.
    """
    expected = math.fsum(chances)
    spread = math.sqrt(max(excess, 1.0) * math.fsum(chance * (1 - chance) for chance in chances))
    reach = NormalDist().inv_cdf((1 + level) / 2) * spread
    low, high = math.ceil(expected - reach - 0.5), math.floor(expected + reach + 0.5)
    return Silent(expected, max(low, 0), min(high, len(chances)))


def excess_variance(days: Sequence[tuple[Sequence[float], int]]) -> float:
    """From past windows, each with its chances and the number that was silent: the mean square of the standardised
    difference. 1 for independent accounts, and where nothing can be said."""
    squares = []
    for chances, silent in days:
        spread = math.fsum(chance * (1 - chance) for chance in chances)
        if spread > 0:
            squares.append((silent - math.fsum(chances)) ** 2 / spread)
    return math.fsum(squares) / len(squares) if squares else 1.0
