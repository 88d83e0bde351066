"""Whether chances come true, on histories of which it is known."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import calibration
from app.domain.calibration import BINS, KEPT, LEAST, Record, Tally, bin_of, bounds, drift, error_of, settle

CHANCES = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=9)


def tossed(rng: random.Random, chances: list[float], shift: float = 0.0) -> tuple[bool, ...]:
    """What comes where each chance is off by so much in log-odds."""
    true = [1 / (1 + math.exp(-(math.log(each / (1 - each)) + shift))) for each in chances]
    return tuple(rng.random() < each for each in true)


def weights_of(chances: tuple[float, ...]) -> list[float]:
    """How likely each number of silent windows is, from all their outcomes."""
    weights = [0.0] * (len(chances) + 1)
    for case in product((False, True), repeat=len(chances)):
        weights[sum(case)] += math.prod(c if came else 1 - c for c, came in zip(chances, case, strict=True))
    return weights


@given(CHANCES, st.data())
def test_the_likelihood_of_a_record_is_that_of_all_its_outcomes(chances: list[float], data: st.DataObject) -> None:
    silences = data.draw(st.lists(st.booleans(), min_size=len(chances), max_size=len(chances)))
    record = Record(tuple(chances), tuple(silences))
    tails = []
    for span in {min(7, len(chances)), len(chances)}:
        weights, silent = weights_of(record.chances[-span:]), sum(silences[-span:])
        tails.append(2 * min(sum(weights[: silent + 1]), sum(weights[silent:])))
    expected = min(1.0, 3 * min(tails)) if len(chances) >= LEAST else 1.0
    assert record.likelihood == pytest.approx(expected, abs=1e-9)
    assert len(record.oddest.chances) in {7, len(chances)}
    low, high = record.usual()
    weights = weights_of(record.chances)
    assert 0 <= low <= high <= len(chances)
    assert sum(weights[:low]) <= 0.025 + 1e-9
    assert sum(weights[high + 1 :]) <= 0.025 + 1e-9


def test_a_record_keeps_the_last_windows() -> None:
    record = Record()
    for number in range(100):
        record = record.and_then(number / 100, number % 2 == 0)
    assert len(record.chances) == len(record.silences) == KEPT
    assert record.chances[-1] == 0.99


@given(st.floats(0, 1))
def test_every_chance_is_in_its_bin(chance: float) -> None:
    low, high = bounds(bin_of(chance))
    assert 0 <= bin_of(chance) < BINS
    assert low <= chance <= high


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40))
def test_sums_do_not_depend_on_how_they_are_split(windows: list[tuple[float, bool]]) -> None:
    record, whole, parts = Record(), Tally(), [Tally()] * BINS
    for chance, silent in windows:
        one = settle(record, chance, silent)
        whole, parts[bin_of(chance)] = whole + one, parts[bin_of(chance)] + one
        record = record.and_then(chance, silent)
    together = sum(parts, Tally())
    assert (together.windows, together.silent, together.compared) == (whole.windows, whole.silent, whole.compared)
    assert together.squares == pytest.approx(whole.squares)
    assert whole.compared == max(0, len(windows) - LEAST)


@pytest.mark.parametrize("seed", range(3))
def test_right_chances_are_called_right_and_wrong_ones_are_not(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    for shift in (0.0, 0.8):
        bins = [Tally()] * BINS
        for _ in range(400):
            record, level = Record(), rng.uniform(-3, 3)
            for _ in range(40):
                chance = 1 / (1 + math.exp(-(level + rng.gauss(0, 1))))
                [silent] = tossed(rng, [chance], shift)
                bins[bin_of(chance)] += settle(record, chance, silent)
                record = record.and_then(chance, silent)
        whole, error = sum(bins, Tally()), error_of(bins)
        assert error is not None
        assert whole.skill is not None
        assert whole.deviation is not None
        if shift:
            assert error > 0.06
            assert whole.deviation > 10
        else:
            assert error < 0.02
            assert abs(whole.deviation) < 3.5
            assert whole.skill > 0.03


def test_steady_accounts_drift_once_in_a_hundred_and_changed_ones_do() -> None:
    rng = random.Random(11)  # noqa: S311 - no secret
    steady = changed = 0
    for _ in range(2000):
        chances = [rng.uniform(0.05, 0.4) for _ in range(KEPT)]
        steady += Record(tuple(chances), tossed(rng, chances)).drifts
        changed += Record(tuple(chances), tossed(rng, chances, 2.5)).drifts
    assert steady <= 20
    assert changed >= 1800


def day(rng: random.Random, shift: float = 0.0) -> Tally:
    """A day of 200 accounts, which share their weather."""
    weather = rng.gauss(0, 0.25)
    said = [rng.uniform(0.05, 0.6) for _ in range(200)]
    tally = Tally()
    for chance, silent in zip(said, tossed(rng, said, weather + shift), strict=True):
        tally += settle(Record(), chance, silent)
    return tally


def test_all_accounts_drift_where_they_change_together() -> None:
    rng = random.Random(3)  # noqa: S311 - no secret
    days = [day(rng) for _ in range(200)]
    found = [drift(days[:number]) for number in range(20, 201)]
    assert sum(each is not None and each.side != 0 for each in found) <= 1
    for shift, side in ((1.5, 1), (-1.5, -1)):
        after = drift([*days, *(day(rng, shift) for _ in range(calibration.RUN))])
        assert after is not None
        assert after.side == side
        assert not after.low <= after.last.silent <= after.high
    calm = drift([*days, *(day(rng, 1.5) for _ in range(calibration.RUN - 1))])
    assert calm is not None
    assert calm.side == 0


def test_little_evidence_is_no_drift() -> None:
    rng = random.Random(4)  # noqa: S311 - no secret
    few = [day(rng, 3.0) for _ in range(calibration.LEAST_PAST + calibration.RUN - 1)]
    assert drift(few) is None
    assert drift([Tally(3, 3, 0.03, 0.03, 3.0)] * 100) is None
    assert not Record((0.001,) * (LEAST - 1), (True,) * (LEAST - 1)).drifts
    assert (Tally().brier, Tally().skill, error_of([Tally()])) == (None, None, None)
