from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.models import Interval
from app.domain.rhythm.chances import chance, deadline, expected_posts, longer, planned, times_a_year
from app.domain.rhythm.clock import Clock
from app.domain.rhythm.state import Rhythm
from app.domain.rhythm.zones import offsets_of
from tests.domain.rhythms import DAY, HOUR, MONDAY, daily, moments, pieces, rhythm, rhythms, zones

hours = st.floats(0, 24 * 400, allow_nan=False)
rates = st.floats(0.01, 400)
CLOSE = 1e-9


@given(rhythms(), moments, hours, hours, hours, hours)
def test_chance_falls_when_the_window_grows(
    found: Rhythm, last: datetime, wait: float, lead: float, length: float, more: float
) -> None:
    now = last + wait * HOUR
    start = now + lead * HOUR
    end, later = start + length * HOUR, start + (length + more) * HOUR
    for asked, wider in (
        (chance(found, last, start, end), chance(found, last, start, later)),
        (planned(found, last, now, start, end), planned(found, last, now, start, later)),
    ):
        assert 0 <= wider <= asked + CLOSE <= 1 + 2 * CLOSE


@given(rhythms(), moments, hours, hours)
def test_a_window_that_starts_now_is_not_planned(found: Rhythm, last: datetime, wait: float, length: float) -> None:
    now = last + wait * HOUR
    end = now + length * HOUR
    assert planned(found, last, now, now, end) == chance(found, last, now, end)
    assert planned(found, None, now, now, now) == chance(found, None, now, now) == 1


@given(rhythms(), moments, rates, rates)
def test_the_deadline_grows_when_fewer_false_alarms_are_wanted(
    found: Rhythm, last: datetime, one: float, other: float
) -> None:
    often, seldom = deadline(found, last, max(one, other)), deadline(found, last, min(one, other))
    assert last + HOUR <= often <= seldom


@given(rhythms(), moments, st.floats(0.05, 50))
def test_the_deadline_is_where_such_silences_come_so_many_times_a_year(
    found: Rhythm, last: datetime, rate: float
) -> None:
    at = deadline(found, last, rate)
    assume(last + HOUR < at < last + 300 * DAY)
    assert times_a_year(found, last, at) == pytest.approx(rate, rel=0.01)


@given(rhythms(), moments, hours, hours, st.lists(pieces, min_size=1, max_size=4))
def test_a_hole_never_makes_a_silence_rarer(
    found: Rhythm, last: datetime, wait: float, length: float, holes: list[Interval]
) -> None:
    start = last + wait * HOUR
    end = start + length * HOUR
    assert chance(found, last, start, end, holes) >= chance(found, last, start, end) - CLOSE
    assert times_a_year(found, last, end, holes) >= times_a_year(found, last, end) * (1 - CLOSE)
    assert expected_posts(found, start, end, holes) <= expected_posts(found, start, end) + CLOSE


@given(rhythms(), hours, hours)
def test_longer_gaps_are_rarer(found: Rhythm, one: float, other: float) -> None:
    assert longer(found, max(one, other)) <= longer(found, min(one, other)) + CLOSE


def test_a_window_wholly_in_a_hole_says_nothing() -> None:
    found = rhythm(daily(60))
    last = max(daily(60))
    window = Interval(last + DAY, last + 2 * DAY)
    assert chance(found, last, window.start, window.end, [window]) == 1
    assert expected_posts(found, window.start, window.end, [window]) == 0
    assert times_a_year(found, last, window.end, [Interval(last, window.end)]) > 1000


def test_a_hole_before_the_window_leaves_open_when_the_last_post_was() -> None:
    found = rhythm(daily(60))
    last = max(daily(60))
    start = last + 10 * DAY
    hole = Interval(last + DAY, start - HOUR)
    assert chance(found, last, start, start + DAY, [hole]) == chance(found, last, start, start + DAY)
    assert chance(found, last, start, start + DAY, [Interval(last - DAY, last)]) == chance(
        found, last, start, start + DAY
    )


def test_what_no_curve_knows_is_bounded() -> None:
    found = rhythm(daily(300, tuple(range(24))))
    last = max(daily(300, (23,)))
    far = deadline(found, last, 1e-9)
    assert last + 300 * DAY < far < last + 10 * 366 * DAY
    assert chance(found, last, last, last + 3000 * DAY) < 1e-6
    assert deadline(found, last, 1e9) == last + HOUR


@given(zones, moments, hours, st.lists(st.floats(0.08, 9), min_size=168, max_size=168))
def test_rhythm_time_never_runs_backwards_and_can_be_undone(
    zone: str, start: datetime, wait: float, speeds: list[float]
) -> None:
    clock = Clock(zone, tuple(speeds))
    low = start.timestamp()
    high = low + wait * 3600
    passed = clock.elapsed(low, high)
    assert passed >= 0
    assert clock.elapsed(high, low) == -passed
    middle = (low + high) / 2
    assert clock.elapsed(low, middle) + clock.elapsed(middle, high) == pytest.approx(passed, abs=1e-6)
    assert clock.after(low, passed) == pytest.approx(high, abs=1)


@pytest.mark.parametrize(
    ("zone", "before", "hours"),
    [
        ("Europe/Paris", datetime.fromisoformat("2024-03-31T00:30:00+00:00"), 2),
        ("America/New_York", datetime.fromisoformat("2024-11-03T05:30:00+00:00"), 2),
        ("Pacific/Apia", datetime.fromisoformat("2011-12-30T09:30:00+00:00"), 3),
    ],
)
def test_a_change_of_the_clocks_takes_no_time(zone: str, before: datetime, hours: int) -> None:
    clock = Clock(zone, (1.0,) * 168)
    assert clock.elapsed(before.timestamp(), (before + hours * HOUR).timestamp()) == pytest.approx(hours)


def test_a_zone_is_a_table_of_its_changes() -> None:
    table = offsets_of("Europe/Paris")
    assert set(table.offsets) == {3600.0, 7200.0}
    assert table.offsets[table.index(datetime.fromisoformat("2024-03-31T00:59:59+00:00").timestamp())] == 3600
    assert table.offsets[table.index(datetime.fromisoformat("2024-03-31T01:00:00+00:00").timestamp())] == 7200
    assert offsets_of("UTC").changes == ()


def test_moments_beyond_the_calendar_are_taken_to_its_ends() -> None:
    found = rhythm(daily(60))
    far = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
    assert chance(found, far, far, far) == 1
    assert deadline(found, far, 1.0).year == 2100
    assert deadline(found, MONDAY - timedelta(days=365 * 1000), 1.0).year == 1990
