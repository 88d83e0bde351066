"""When people may be woken: quiet hours and pauses postpone, on the days of the zone, also when its clocks are set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import zone
from app.domain.models import Interval
from app.domain.quiet_hours import DAYS, QuietHours, tell_at
from app.errors import BadInput
from tests.domain.making import T0, at

NIGHT = {"from": "22:00", "to": "07:00", "zone": "Europe/Paris"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(**values: Any) -> QuietHours:
    return QuietHours.read({**NIGHT, **values})


def test_they_are_written_as_they_are_read() -> None:
    assert QuietHours.read(NIGHT).written() == {"days": list(DAYS), **NIGHT}
    assert hours(days=["sun", "mon"]).written() == {"days": ["mon", "sun"], **NIGHT}


@pytest.mark.parametrize(
    "wrong",
    [{"days": []}, {"days": ["monday"]}, {"from": "24:00"}, {"from": "7:00"}, {"to": None}, {"to": "07:60"}],
)
def test_what_is_no_time_of_day_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        hours(**wrong)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-11-20T20:59:59", None),
        ("2026-11-20T21:00:00", "2026-11-21T06:00:00"),  # winter: Paris is an hour ahead
        ("2026-11-21T05:59:59", "2026-11-21T06:00:00"),
        ("2026-11-21T06:00:00", None),
        ("2026-07-01T20:00:00", "2026-07-02T05:00:00"),  # summer: two
        ("2026-03-28T22:00:00", "2026-03-29T05:00:00"),  # the clocks go forward in this night
        ("2026-10-24T21:00:00", "2026-10-25T06:00:00"),  # and back in this one
    ],
)
def test_a_night_ends_in_the_morning_of_its_zone(now: str, told: str | None) -> None:
    assert tell_at([hours()], [], moment(now)) == (told and moment(told))


def test_days_are_those_on_which_the_hours_begin() -> None:
    friday = hours(days=["fri"])
    assert tell_at([friday], [], moment("2026-11-21T02:00:00")) == moment("2026-11-21T06:00:00")
    assert tell_at([friday], [], moment("2026-11-22T02:00:00")) is None
    noon = hours(**{"from": "12:00", "to": "13:30"})
    assert tell_at([noon], [], moment("2026-11-21T11:00:00")) == moment("2026-11-21T12:30:00")


def test_an_hour_that_the_clock_skips_begins_at_the_jump() -> None:
    skipped = hours(**{"from": "02:30", "to": "04:00"})
    assert tell_at([skipped], [], moment("2026-03-29T01:45:00")) == moment("2026-03-29T02:00:00")


def test_what_follows_without_a_break_is_one_wait() -> None:
    pause = Interval(moment("2026-11-21T05:30:00"), moment("2026-11-21T11:30:00"))
    noon = hours(**{"from": "12:00", "to": "13:30"})
    now = moment("2026-11-20T23:00:00")
    assert tell_at([hours(), noon], [pause], now) == moment("2026-11-21T12:30:00")


def test_hours_that_leave_no_moment_free_hold_nothing_for_ever() -> None:
    always = [hours(**{"from": "00:00", "to": "12:00"}), hours(**{"from": "12:00", "to": "00:00"})]
    found = tell_at(always, [], T0)
    assert found is not None
    assert T0 + timedelta(days=14) <= found <= T0 + timedelta(days=15)


@given(
    st.integers(0, 365 * 86400).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n)),
    st.integers(0, 23),
    st.integers(0, 23),
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.lists(st.sampled_from(DAYS), unique=True, min_size=1),
)
def test_the_moment_found_is_the_first_that_is_free(now: datetime, first: int, last: int, name: str, days: Any) -> None:
    quiet = hours(**{"from": f"{first:02}:00", "to": f"{last:02}:00", "zone": name, "days": days})
    if first == last:
        return

    def held(moment: datetime) -> bool:
        local = moment.astimezone(zone(name))
        today, yesterday = DAYS[local.weekday()] in days, DAYS[(local.weekday() - 1) % 7] in days
        if first < last:
            return today and first <= local.hour < last
        return (today and local.hour >= first) or (yesterday and local.hour < last)

    found = tell_at([quiet], [], now)
    near = {here.astimezone(zone(name)).utcoffset() for here in (now - timedelta(days=1), now, now + timedelta(days=2))}
    if len(near) > 1:
        return  # near a change of the clock local hours come twice or not at all: the cases above
    assert (found is not None) == held(now)
    assert not held(found or now)
    if found is not None:
        assert held(found - timedelta(microseconds=1))


def test_a_pause_alone() -> None:
    assert tell_at([], [Interval(at(0), at(5))], at(1)) == at(5)
    assert tell_at([], [Interval(at(0), at(5))], at(5)) is None
