"""The marks of a silence: the same words as the whole rhythm gives, without it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.marks import STEPS, marks_of
from app.domain.rhythm.chances import chance, deadline, times_a_year, unlikely_from
from app.domain.rhythm.constants import RARE_HOURS
from app.domain.rhythm.readings import Reading, silence_meaning
from app.domain.rhythm.state import Rhythm
from tests.domain.rhythms import DAY, HOUR, MONDAY, daily, rhythm

BUSY = rhythm(daily(60, tuple(range(6, 23))))
USUAL = rhythm(daily(60))
SLOW = rhythm(daily(200, (12,), skip=(0, 1, 2, 4, 5, 6)))
LAST = MONDAY + 59 * DAY + 18 * HOUR


@pytest.mark.parametrize("found", [BUSY, USUAL, SLOW])
def test_the_marks_are_deadlines(found: Rhythm) -> None:
    made = marks_of(found, LAST)
    assert made.moments == tuple(deadline(found, LAST, step) for step in STEPS)
    assert list(made.moments) == sorted(made.moments)


@given(st.sampled_from([BUSY, USUAL, SLOW]), st.floats(1.1, 24 * 400))
def test_the_words_are_those_of_the_whole_rhythm(found: Rhythm, hours: float) -> None:
    at = LAST + timedelta(hours=hours)
    whole = silence_meaning(found, LAST, at)
    made = marks_of(found, LAST)
    edges = (*made.moments, made.even_at, LAST + timedelta(hours=RARE_HOURS))
    if all(abs(at - edge) > timedelta(seconds=1) for edge in edges):
        assert made.reading(at) is whole.reading


@given(st.sampled_from([BUSY, USUAL, SLOW]), st.floats(1.1, 24 * 400))
def test_figures_between_two_marks_lie_between_their_steps(found: Rhythm, hours: float) -> None:
    at = LAST + timedelta(hours=hours)
    made = marks_of(found, LAST)
    times, likely = made.times_a_year(at), made.chance(at)
    exact = times_a_year(found, LAST, at)
    if times is None or likely is None:
        assert at < made.moments[0]
    elif at >= made.moments[-1]:
        assert times == STEPS[-1]
        assert exact <= times * (1 + 1e-6)
    elif max(mark for mark in made.moments if mark <= at) > LAST + HOUR:  # no deadline comes earlier: marks pile up
        passed = max(i for i, mark in enumerate(made.moments) if mark <= at)
        low, high = STEPS[passed + 1] * (1 - 1e-6), STEPS[passed] * (1 + 1e-6)
        assert low <= times <= high
        assert low <= exact <= high
        exactly = chance(found, LAST, LAST, at)
        assert made.chances[passed + 1] * (1 - 1e-6) <= exactly <= made.chances[passed] * (1 + 1e-6)
        assert made.chances[passed + 1] * (1 - 1e-6) <= likely <= made.chances[passed] * (1 + 1e-6)


@given(st.sampled_from([BUSY, USUAL, SLOW]), st.floats(0.01, 0.99))
def test_a_silence_becomes_unlikely_when_its_chance_says_so(found: Rhythm, likely: float) -> None:
    at = unlikely_from(found, LAST, likely)
    assert chance(found, LAST, LAST, at) == pytest.approx(likely, abs=1e-4)


def test_little_history_never_gets_a_sharp_word() -> None:
    few = rhythm([MONDAY, MONDAY + DAY])
    made = marks_of(few, MONDAY + DAY)
    assert {made.reading(MONDAY + days * DAY) for days in (1, 10, 100, 1000)} == {Reading.NOT_ENOUGH}


def test_a_last_post_of_long_ago_is_no_trouble() -> None:
    made = marks_of(USUAL, datetime(1990, 1, 1, tzinfo=MONDAY.tzinfo))
    assert made.times_a_year(MONDAY) == STEPS[-1]
