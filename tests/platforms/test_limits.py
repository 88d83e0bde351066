"""The headers on waiting, budgets, caches and clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platforms.limits import LONGEST_AGE, LONGEST_WAIT, budget, http_date, retry_after, skew, staleness

AT = datetime(2026, 8, 1, 13, 46, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
HEADERS = (
    "retry-after",
    "date",
    "age",
    "cache-control",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit-remaining",
    "ratelimit-reset",
)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 120 ", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("1.5", timedelta(seconds=1.5)),
        ("-5", timedelta(0)),
        ("1000000000000", WEEK),
        ("9" * 5000, WEEK),
        ("-" + "9" * 5000, timedelta(0)),
        ("Sat, 01 Aug 2026 13:47:00 GMT", timedelta(seconds=60)),
        ("Sat, 01 Aug 2026 13:45:00 GMT", timedelta(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", WEEK),
        ("Sat, 01 Aug 2026 15:47:00 +0200", timedelta(seconds=60)),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("\u0661\u0662", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("1" + ", 2" * 50_000, None),
    ],
)
def test_retry_after(text: str, wait: timedelta | None) -> None:
    assert retry_after({"retry-after": text}, AT) == wait


def test_no_retry_after() -> None:
    assert retry_after({}, AT) is None


@pytest.mark.parametrize(
    ("headers", "remaining", "reset"),
    [
        ({"x-ratelimit-remaining": "299", "x-ratelimit-reset": "2026-08-01T13:50:00.458292Z"}, 299, 241.458292),
        ({"ratelimit-remaining": "2999", "ratelimit-reset": str(int(AT.timestamp()) + 30)}, 2999, 31),
        ({"x-ratelimit-remaining": "594.0", "x-ratelimit-reset": "17"}, 594, 17),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(AT.timestamp()) * 1000 + 5000)}, 0, 6),
        ({"x-ratelimit-remaining": "-3", "x-ratelimit-reset": "2020-01-01T00:00:00Z"}, 0, 0),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "9" * 40}, None, None),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "99999999"}, 5, WEEK.total_seconds()),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "9999-12-31T23:59:59-14:00"}, None, None),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "whenever it is convenient"}, None, None),
        ({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "17"}, None, None),
        ({"x-ratelimit-remaining": "5"}, None, None),
        ({}, None, None),
    ],
)
def test_budget(headers: dict[str, str], remaining: int | None, reset: float | None) -> None:
    found = budget({"x-ratelimit-limit": "300", **headers}, AT)
    assert (found and found.remaining) == remaining
    assert (found and (found.reset_at - AT).total_seconds()) == reset


def test_budget_limit() -> None:
    headers = {"ratelimit-limit": "3000", "ratelimit-remaining": "7", "ratelimit-reset": "30"}
    found = budget(headers, AT)
    assert found is not None
    assert found.limit == 3000
    bare = budget({"ratelimit-remaining": "7", "ratelimit-reset": "30"}, AT)
    assert bare is not None
    assert bare.limit is None


def test_a_reset_on_a_slow_clock_is_moved_to_ours() -> None:
    headers = {
        "date": "Sat, 01 Aug 2026 13:43:00 GMT",  # three minutes behind
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "2026-08-01T13:45:00.000000Z",
    }
    found = budget(headers, AT)
    assert found is not None
    assert timedelta(minutes=2) <= found.reset_at - AT <= timedelta(minutes=2, seconds=2)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"age": "40"}, 40),
        ({"age": "40", "cache-control": "max-age=600"}, 40),
        ({"cache-control": "max-age=15, public, stale-while-revalidate=30"}, 15),
        ({"cache-control": 'public, s-maxage="90", max-age=15'}, 90),
        ({"cache-control": "no-cache"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"age": "-5", "cache-control": "max-age=15"}, 15),
        ({"age": "old"}, 0),
        ({"age": "3, 70"}, 70),
        ({"age": "10", "date": "Sat, 01 Aug 2026 13:45:00 GMT"}, 60),
        ({"age": "100", "date": "Sat, 01 Aug 2026 13:45:00 GMT"}, 100),
        ({"date": "Sat, 01 Aug 2026 13:50:00 GMT"}, 0),
        ({"date": "Thu, 01 Jan 1970 00:00:00 GMT"}, LONGEST_AGE.total_seconds()),
        ({"age": "9" * 400}, LONGEST_AGE.total_seconds()),
    ],
)
def test_staleness(headers: dict[str, str], seconds: float) -> None:
    assert staleness(headers, AT) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"date": "Sat, 01 Aug 2026 13:50:00 GMT"}, 240),
        ({"date": "Sat, 01 Aug 2026 13:45:00 GMT"}, -60),
        ({"date": "Sat, 01 Aug 2026 13:45:00 GMT", "age": "60"}, 0),
        ({"date": "yesterday"}, 0),
        ({"date": "Thu, 01 Jan 1970 00:00:00 GMT"}, -LONGEST_AGE.total_seconds()),
    ],
)
def test_skew(headers: dict[str, str], seconds: float) -> None:
    assert skew(headers, AT) == timedelta(seconds=seconds)


def test_a_date_without_zone_is_utc() -> None:
    assert http_date("Sun, 06 Nov 1994 08:49:37 -0000") == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@given(
    st.dictionaries(
        st.sampled_from(HEADERS),
        st.text("0123456789.,-+:=TZ GMTSunAug maxge\u0663\u00b2\x00", max_size=70),
    )
)
def test_no_header_breaks_anything(headers: dict[str, str]) -> None:
    wait = retry_after(headers, AT)
    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT
    found = budget(headers, AT)
    assert found is None or (found.remaining >= 0 and AT <= found.reset_at <= AT + LONGEST_WAIT)
    assert timedelta(0) <= staleness(headers, AT) <= LONGEST_AGE
    assert -LONGEST_AGE <= skew(headers, AT) <= LONGEST_AGE
