"""Local days against an oracle that knows nothing but each zone's offset at each instant."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from app.domain.calendar import (
    first_instant,
    local_day,
    local_days,
    parse_date,
    parse_edge,
    parse_instant,
    parse_window,
    zone,
)
from app.domain.models import Interval
from tests.domain.making import T0, at, span

DAY = timedelta(days=1)
STEP = timedelta(minutes=1)


def local(moment: datetime, tz: ZoneInfo) -> datetime:
    offset = tz.utcoffset(moment.astimezone(tz))
    assert offset is not None
    return moment.replace(tzinfo=None) + offset


def jumps(tz: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every instant in (start, end] at which the offset changes, to the second."""
    found = []
    at_hour = start
    while at_hour < end:
        low, high = at_hour, at_hour + timedelta(hours=1)
        if local(high, tz) - local(low, tz) != timedelta(hours=1):
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                changed = local(middle, tz) - local(low, tz) != middle - low
                low, high = (low, middle) if changed else (middle, high)
            found.append(high)
        at_hour += timedelta(hours=1)
    return found


def dates_of(tz: ZoneInfo, start: datetime, end: datetime) -> dict[date, datetime]:
    """The first instant of every local date in the span, walking from one piece of constant offset to the next."""
    first: dict[date, datetime] = {}
    edges = [start, *jumps(tz, start, end), end]
    for left, right in pairwise(edges):
        moment = left
        while moment < right:
            shown = local(moment, tz)
            first.setdefault(shown.date(), moment)
            moment += datetime.combine(shown.date() + DAY, datetime.min.time()) - shown
    return first


def test_odd_transitions(corpus: Path) -> None:
    rows = [json.loads(line) for line in (corpus / "corpora/time/odd_transitions.jsonl").read_text().splitlines()]
    assert len(rows) > 1000
    for row in rows:
        check_around(row["zone"], datetime.fromisoformat(row["utc"]), timedelta(seconds=row["delta_s"]))


@pytest.mark.skipif(os.environ.get("QUIETWATCH_PROFILE") != "full", reason="every zone takes half a minute")
def test_every_jump_of_every_zone() -> None:
    """All that this machine's time zone data knows between 1990 and 2037."""
    checked = 0
    for name in sorted(available_timezones()):
        tz, moment = zone(name), datetime(1990, 1, 1, tzinfo=UTC)
        while moment < datetime(2038, 1, 1, tzinfo=UTC):
            following = moment + DAY
            if local(following, tz) - local(moment, tz) != DAY:
                for jump in jumps(tz, moment, following):
                    before = local(jump - timedelta(seconds=1), tz)
                    check_around(name, jump, local(jump, tz) - before - timedelta(seconds=1))
                    checked += 1
            moment = following
    assert checked > 20_000


def check_around(name: str, jump: datetime, shift: timedelta) -> None:
    tz = zone(name)
    first = dates_of(tz, jump - 4 * DAY, jump + 4 * DAY)
    middle = local(jump, tz).date()
    for day in (middle - DAY, middle, middle + DAY):
        span_of_day = local_day(day, name)
        if day not in first:
            assert span_of_day is None, (name, day)
            continue
        following = day + DAY if day + DAY in first else day + 2 * DAY
        assert span_of_day == Interval(first[day], first[following]), (name, day)
        if abs(shift) <= timedelta(hours=2):
            assert timedelta(hours=22) <= span_of_day.length <= timedelta(hours=26), (name, day)


@pytest.mark.parametrize(
    ("name", "day", "start", "length"),
    [
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23),  # 00:00 does not exist
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00:00Z", 25),  # 23:00 twice
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25),  # 00:00 twice
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24),
        ("UTC", "2026-11-22", "2026-11-22T00:00:00Z", 24),
    ],
)
def test_days_by_hand(name: str, day: str, start: str, length: float) -> None:
    begins = datetime.fromisoformat(start)
    assert local_day(date.fromisoformat(day), name) == Interval(begins, begins + timedelta(hours=length))


def test_a_skipped_date_is_absent() -> None:
    assert local_day(date(2011, 12, 30), "Pacific/Apia") is None
    assert first_instant(date(2011, 12, 30), "Pacific/Apia") == datetime(2011, 12, 30, 10, tzinfo=UTC)
    window = Interval(datetime(2011, 12, 29, 12, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC))
    assert [day.day for day, _ in local_days(window, "Pacific/Apia")] == [29, 31, 1]


def test_days_of_a_window_join_without_a_gap() -> None:
    days = local_days(span(0, 24 * 400), "America/Santiago")
    assert all(a.end == b.start for (_, a), (_, b) in pairwise(days))
    assert days[0][1].start <= at(0) < days[0][1].end
    assert days[-1][1].start < at(24 * 400) <= days[-1][1].end


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "Mars/Olympus", "europe/paris", "/UTC", ".*", "\x00"])
def test_bad_zones(name: str) -> None:
    with pytest.raises(ValueError, match="not an IANA time zone"):
        zone(name)


def test_instants() -> None:
    assert parse_instant("2026-11-01T00:00:00Z") == T0
    assert parse_instant("2026-11-01t01:00:00.000000+01:00") == T0
    assert parse_instant("2026-10-31 23:30-0030") == T0
    assert parse_instant("2026-11-01T00:00:00,5z") == T0 + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yesterday", "not an instant"),
        ("2026-11-01T00:00:00", "needs its offset"),
        ("2026-13-01T00:00:00Z", "no such instant"),
        ("2026-11-01T24:30:00Z", "no such instant"),
        ("1970-01-01T00:00:00Z", "between 1990 and 2099"),
        ("9999-12-31T23:59:59Z", "between 1990 and 2099"),
        ("0001-01-01T00:00:00+23:00", "between 1990 and 2099"),
        ("٢٠٢٦-11-01T00:00:00Z", "not an instant"),
        ("2026-11-01T00:00:00Z\x00", "not an instant"),
    ],
)
def test_bad_instants(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_instant(text)


@pytest.mark.parametrize("text", ["2026-1-1", "20261101", "2026-02-30", "2026-W01-1", "1066-10-14", "9999-12-31"])
def test_bad_dates(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a date|dates lie"):
        parse_date(text)


def test_windows() -> None:
    now = at(100)
    day = parse_window("2026-11-01", "2026-11-02", now=now, zone_name="Europe/Paris")
    assert day == span(-1, 23)
    assert parse_window("2026-11-01T10:00:00Z", None, now=now) == span(10, 100)
    assert parse_window(None, None, now=now, length="PT4H") == span(96, 100)
    assert parse_window("2026-11-01T10:00:00Z", None, now=now, length="PT4H") == span(10, 14)
    assert parse_window(None, "2026-11-01T10:00:00Z", now=now, length="PT4H") == span(6, 10)


@pytest.mark.parametrize(
    ("start", "end", "length", "problem"),
    [
        ("2026-11-01", "2026-11-02", None, "needs a time zone"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z", None, "must end after"),
        ("2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z", None, "at most 3653 days"),
        ("2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z", "PT4H", "two of"),
        (None, "2026-11-02T10:00:00Z", None, "start or a length"),
        (None, None, "P100Y", "give days"),
        (None, None, "P36525D", "must lie between"),
    ],
)
def test_bad_windows(start: str | None, end: str | None, length: str | None, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_window(start, end, now=at(100), length=length)


def test_an_edge_may_be_either() -> None:
    assert parse_edge("2026-11-01", "UTC") == parse_edge("2026-11-01T00:00:00Z", None) == T0
