"""The quick way to write a duration says what the domain says."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.api.shapes import iso, seconds
from app.domain.durations import format_duration


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))
def test_a_duration_is_written_as_the_domain_writes_it(length: timedelta) -> None:
    assert iso(length) == format_duration(length)
    assert iso(whole := timedelta(seconds=length // timedelta(seconds=1))) == format_duration(whole)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))
def test_seconds_are_exact(length: timedelta) -> None:
    assert timedelta(seconds=seconds(length)) == length
