from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.lists import (
    expected_false_flags,
    false_flags_a_day,
    silent_accounts,
    standing,
    usual_reach,
)
from app.domain.rhythm.ranks import rank, rank_deadline
from app.domain.rhythm.readings import Reading, silence_meaning, window_meaning, window_reading
from app.domain.rhythm.state import Rhythm
from tests.domain.rhythms import DAY, HOUR, MONDAY, daily, moments, rhythm, rhythms

STEADY = rhythm(daily(200))
LAST = max(daily(200))
chances = st.lists(st.floats(0, 1), max_size=40)


def test_words_grow_with_the_silence() -> None:
    seen = [silence_meaning(STEADY, LAST, LAST + hours * HOUR).reading for hours in (2, 15, 16, 20 * 24)]
    assert seen == [Reading.TOO_QUIET, Reading.ORDINARY, Reading.UNUSUAL, Reading.RARE]


def test_a_window_has_its_word_its_posts_and_its_basis() -> None:
    found = window_meaning(STEADY, LAST, Interval(LAST, LAST + 2 * DAY))
    assert found.reading is Reading.RARE
    assert found.expected_posts == pytest.approx(6, rel=0.2)
    assert found.posts == 600
    assert found.days == STEADY.observed_days
    short = window_meaning(STEADY, LAST, Interval(LAST + 12 * HOUR, LAST + 15 * HOUR))
    assert short.reading in {Reading.ORDINARY, Reading.TOO_QUIET}
    hidden = window_meaning(STEADY, LAST, Interval(LAST, LAST + 2 * DAY), holes=[Interval(LAST, LAST + 2 * DAY)])
    assert (hidden.chance, hidden.expected_posts, hidden.reading) == (1, 0, Reading.TOO_QUIET)


def test_a_planned_window_is_read_ahead() -> None:
    window = Interval(LAST + 7 * DAY, LAST + 8 * DAY)
    ahead = window_meaning(STEADY, LAST, window, now=LAST)
    assert ahead.reading in {Reading.UNUSUAL, Reading.RARE}
    assert window_meaning(STEADY, LAST, window, now=window.start).chance == window_meaning(STEADY, LAST, window).chance


def test_six_hours_are_never_rare() -> None:
    assert window_reading(STEADY, 0.001, 6 * HOUR) is Reading.UNUSUAL
    assert window_reading(STEADY, 0.001, 7 * HOUR) is Reading.RARE
    assert window_reading(STEADY, 0.03, 7 * DAY) is Reading.UNUSUAL
    assert window_reading(STEADY, 0.6, 7 * DAY) is Reading.TOO_QUIET


@given(rhythms(), moments, st.floats(0, 3000))
def test_little_history_gets_no_sharp_word(found: Rhythm, last: datetime, hours: float) -> None:
    silence = silence_meaning(found, last, last + hours * HOUR)
    window = window_meaning(found, last, Interval(last, last + hours * HOUR))
    for meaning in (silence, window):
        assert (meaning.reading is Reading.NOT_ENOUGH) == (not found.enough)
        if meaning.chance > c.USUAL_SILENCE:
            assert meaning.reading in {Reading.NOT_ENOUGH, Reading.TOO_QUIET}


def test_the_rank_counts_the_silences_of_the_last_90_days() -> None:
    # Saturdays and Sundays off: each week one silence of 63 hours.
    posts = daily(200, skip=(5, 6))
    found = rhythm(posts, MONDAY + 200 * DAY)
    now = MONDAY + 200 * DAY
    assert rank(found, 80 * HOUR, now).rank == 1
    assert rank(found, 40 * HOUR, now).rank == 14
    assert rank(found, 1 * HOUR, now).rank == c.RANKED + 1
    assert rank(found, 40 * HOUR, now + 70 * DAY).rank == 4
    assert rank(found, HOUR, now).days == 90
    assert rank(rhythm(daily(20)), HOUR, MONDAY + 20 * DAY).days == pytest.approx(19.4, abs=0.1)


def test_holes_shorten_the_silence_that_is_ranked() -> None:
    hole = Interval(LAST + DAY, LAST + 2 * DAY)
    whole, holed = silence_meaning(STEADY, LAST, LAST + 3 * DAY), silence_meaning(STEADY, LAST, LAST + 3 * DAY, [hole])
    assert holed.times_a_year > whole.times_a_year
    assert holed.rank.rank >= whole.rank.rank
    later = Interval(LAST + 5 * DAY, LAST + 6 * DAY)
    assert silence_meaning(STEADY, LAST, LAST + 3 * DAY, [later]) == whole


def test_the_rank_rule() -> None:
    posts = daily(390, skip=(5, 6))
    found = rhythm(posts, MONDAY + 390 * DAY)
    last = posts[-1]
    four = rank_deadline(found, last, 4.06)
    assert four is not None
    assert four - last == pytest.approx(timedelta(hours=found.longest[0].hours), abs=timedelta(hours=2))
    more = rank_deadline(found, last, 20.0)
    one = rank_deadline(found, last, 1.0)
    assert more is not None
    assert one is not None
    assert one >= four >= more
    assert rank_deadline(found, last, 0.5) is None, "needs two years"
    assert rank_deadline(found, last, 100.0) is None, "beyond the ranks that are kept"
    assert rank_deadline(rhythm(daily(60)), max(daily(60)), 4.0) is None, "too little is known"


@given(chances, st.floats(0, 1))
def test_false_flags_are_expected_as_often_as_they_come(found: list[float], threshold: float) -> None:
    flags = expected_false_flags(found, threshold)
    assert 0 <= flags <= threshold * len(found) + 1e-9
    assert false_flags_a_day(2.0, 365) == pytest.approx(2, rel=0.01)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.floats(0.01, 0.5))
def test_what_stands_in_a_list_is_silent_rare_and_first(rows: list[tuple[float, bool]], share: float) -> None:
    asked, silent = [row[0] for row in rows], [row[1] for row in rows]
    stands = standing(asked, silent, share)
    kept = [place for place, stand in enumerate(stands) if stand]
    assert all(silent[place] and asked[place] <= len(kept) * share / len(rows) for place in kept)
    left = [asked[place] for place in range(len(rows)) if silent[place] and not stands[place]]
    assert not kept or not left or min(left) >= max(asked[place] for place in kept)


def test_a_list_where_one_of_two_stands() -> None:
    assert standing([0.001, 0.04, 0.2, 0.5], [True, True, True, False], 0.1) == [True, True, False, False]
    assert standing([0.001, 0.04], [False, True], 0.05) == [False, False]
    assert standing([], [], 0.1) == []


@given(chances, st.floats(0, 5))
def test_the_number_of_silent_accounts_lies_around_what_is_expected(found: list[float], reach: float) -> None:
    asked = silent_accounts(found, reach)
    assert 0 <= asked.low <= asked.high + 1 <= len(found) + 1
    assert asked.low - 1 <= asked.expected <= asked.high + 1
    wider = silent_accounts(found, reach + 1)
    assert wider.low <= asked.low
    assert asked.high <= wider.high


def test_the_past_says_how_far_days_stray() -> None:
    half = [0.5] * 100
    assert usual_reach([]) == usual_reach([([1.0, 0.0], 1)]) == pytest.approx(1.645, abs=0.001)
    assert usual_reach([(half, 70)]) == 4
    assert usual_reach([(half, 50 + k) for k in range(19)]) == pytest.approx(17 / 5)
    asked = silent_accounts(half, 1.645)
    assert (asked.low, asked.expected, asked.high) == (42, 50, 58)
