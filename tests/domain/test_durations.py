from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.durations import LONGEST, format_duration, parse_duration


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_what_is_written_is_read_back(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P7D", timedelta(days=7)),
        ("P2W", timedelta(days=14)),
        ("PT36H", timedelta(hours=36)),
        ("P3DT4H", timedelta(days=3, hours=4)),
        ("PT90M", timedelta(minutes=90)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT1,25S", timedelta(seconds=1.25)),
        ("P0D", timedelta(0)),
    ],
)
def test_forms_that_are_understood(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "7D", "p7d", "P7", "P-7D", "-P7D", "P7D ", "P1.5D", "PT1H30", "P٣D", "PT1S1M"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P1Y", "P1M", "P2Y3M", "P1Y2D"])
def test_years_and_months_are_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(ValueError, match="give days"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P100000D", "PT9999999999S", "P999999W", "PT1S"])
def test_bounds(text: str) -> None:
    with pytest.raises(ValueError, match="must lie between PT1M and P3653D"):
        parse_duration(text, least=timedelta(minutes=1))


def test_formats() -> None:
    assert format_duration(timedelta(0)) == "PT0S"
    assert format_duration(timedelta(days=3, hours=4, minutes=1, seconds=30)) == "P3DT4H1M30S"
    assert format_duration(timedelta(days=7)) == "P7D"
    assert format_duration(timedelta(microseconds=1500)) == "PT0.0015S"
    with pytest.raises(ValueError, match="never negative"):
        format_duration(timedelta(seconds=-1))
