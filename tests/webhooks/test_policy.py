"""What an attempt means (battery D5, D6, D7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.webhooks.policy import (
    LONGEST_REST,
    MOST_ATTEMPTS,
    REST,
    SCHEDULE,
    Fate,
    Verdict,
    is_hopeless,
    judge,
    read_retry_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def first(status: int | None, retry_after: str | None = None) -> Verdict:
    return judge(status, retry_after, 1, 0.5, NOW, NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_success_is_success(status: int) -> None:
    assert first(status) == Verdict(Fate.DELIVERED)


AGAIN = [None, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414, 415]
AGAIN += [418, 421, 422, 425, 428, 431, 451, 500, 501, 505, 507, 508, 511, 520, 599]


@pytest.mark.parametrize("status", AGAIN)
def test_failures_are_tried_again(status: int | None) -> None:
    assert first(status, "999") == Verdict(Fate.PENDING, NOW + 5 * SECOND)  # their Retry-After says nothing


def test_gone_holds_what_was_not_delivered() -> None:
    assert first(410) == Verdict(Fate.HELD)


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_that_asks_for_time_gets_it(status: int) -> None:
    assert first(status, "120") == Verdict(Fate.PENDING, NOW + 120 * SECOND, NOW + 120 * SECOND)
    assert first(status, "0") == Verdict(Fate.PENDING, NOW + 5 * SECOND, NOW)
    assert first(status) == first(status, "soon") == Verdict(Fate.PENDING, NOW + REST, NOW + REST)
    assert first(status, "1" * 30).rest_until == NOW + LONGEST_REST
    assert judge(status, "60", MOST_ATTEMPTS, 0.5, NOW, NOW) == Verdict(Fate.FAILED, rest_until=NOW + 60 * SECOND)


@pytest.mark.parametrize("status", [502, 504])
def test_an_overloaded_endpoint_rests(status: int) -> None:
    assert first(status) == Verdict(Fate.PENDING, NOW + REST, NOW + REST)


def test_the_schedule_is_the_specifications() -> None:
    at, number, found = NOW, 1, []
    while (verdict := judge(500, None, number, 0.5, at, at)).fate is Fate.PENDING:
        assert verdict.next_at is not None
        found.append(verdict.next_at - at)
        at, number = verdict.next_at, number + 1
    assert verdict == Verdict(Fate.FAILED)
    assert (found, number) == (list(SCHEDULE), 10)
    assert at - NOW >= timedelta(hours=75)


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True), st.floats(0, 15))
def test_jitter_stays_within_a_fifth(number: int, chance: float, took: float) -> None:
    ended = NOW + took * SECOND
    verdict = judge(None, None, number, chance, NOW, ended)
    assert verdict.next_at is not None
    planned = SCHEDULE[number - 1]
    assert verdict.next_at >= ended
    assert 0.8 * planned <= verdict.next_at - NOW <= max(1.2 * planned, took * SECOND)


def test_retry_after_is_read_in_both_forms() -> None:
    assert read_retry_after(" 7 ", NOW) == 7 * SECOND
    assert read_retry_after(format_datetime(NOW + 90 * SECOND, usegmt=True), NOW) == 90 * SECOND
    assert read_retry_after("Sun, 22 Nov 2026 12:01:00 -0000", NOW) == 60 * SECOND
    assert read_retry_after(format_datetime(NOW - 90 * SECOND, usegmt=True), NOW) == timedelta(0)
    for bad in (None, "", "-5", "1.5", "²", "Sun, 99 Nov 2026 12:00:00 GMT", "x" * 100):
        assert read_retry_after(bad, NOW) is None


def test_an_endpoint_is_hopeless_after_five_days_of_failure() -> None:
    assert not is_hopeless(None, NOW)
    assert not is_hopeless(NOW - timedelta(days=5) + SECOND, NOW)
    assert is_hopeless(NOW - timedelta(days=5), NOW)
