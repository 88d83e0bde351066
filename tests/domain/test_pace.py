from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import OutcomeName
from app.domain.pace import (
    CONFIRM_WITHIN,
    FLOOR,
    JITTER,
    LONGEST_GONE,
    NextLook,
    Rest,
    Situation,
    confirm_after,
    first_poll_offset,
    next_interval,
    next_look,
    uniform,
)
from tests.domain.making import HOUR, MINUTE, at

DAY = timedelta(days=1)
NOW = at(1000)
GOOD = Situation(account_id=7, turn=3, outcome=OutcomeName.PAGE, paged_at=NOW)


def wait(situation: Situation) -> timedelta:
    plan = next_look(situation, NOW)
    assert plan.at is not None
    return plan.at - NOW


def test_phases_are_spread_evenly_over_the_hour() -> None:
    """Ten thousand accounts in sixty minutes: chi-square with 59 degrees of freedom under its 99th percentile."""
    for ids in (range(10_000), range(0, 80_000, 8), range(1_000_000, 1_010_000)):
        minutes = Counter(int(first_poll_offset(n) / MINUTE) for n in ids)
        mean = 10_000 / 60
        assert sum((minutes[n] - mean) ** 2 / mean for n in range(60)) < 87.2
        assert max(minutes.values()) <= 1.3 * mean


def test_jitter_is_the_same_every_time_and_differs_between_turns() -> None:
    assert uniform(1, 2) == uniform(1, 2)
    assert len({uniform(1, turn) for turn in range(1000)}) == 1000
    assert next_look(GOOD, NOW) == next_look(GOOD, NOW)


def test_the_usual_interval_is_an_hour() -> None:
    assert next_interval(GOOD, NOW) == HOUR
    assert HOUR <= wait(GOOD) <= HOUR * (1 + JITTER)


def test_busy_accounts_more_often_slow_ones_less_within_bounds() -> None:
    rates = [0, 0.1, 1, 4, 16, 64, 1e6]
    waits = [next_interval(replace(GOOD, posts_per_day=rate), NOW) for rate in rates]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] == 2 * HOUR
    assert waits[3] == HOUR
    assert waits[-1] == FLOOR


def test_an_account_that_posts_right_now_gets_half_the_interval() -> None:
    assert next_interval(replace(GOOD, last_post_at=NOW - HOUR), NOW) == HOUR / 2
    assert next_interval(replace(GOOD, last_post_at=NOW - HOUR, posts_per_day=0.1), NOW) == HOUR / 2
    assert next_interval(replace(GOOD, last_post_at=NOW - DAY), NOW) == HOUR


def test_what_the_source_asks_for_binds() -> None:
    assert wait(replace(GOOD, least_interval=5 * HOUR, posts_per_day=1e6)) >= 5 * HOUR
    assert next_interval(replace(GOOD, least_interval=timedelta(0)), NOW) == HOUR


@given(st.integers(1, 10**6))
def test_a_confirming_look_comes_just_after_the_margin(account_id: int) -> None:
    after = confirm_after(account_id, 10 * MINUTE)
    assert 10 * MINUTE <= after <= 10 * MINUTE + CONFIRM_WITHIN
    assert confirm_after(account_id, 10 * MINUTE) == after


def test_counters_every_quarter_hour_and_a_page_a_day() -> None:
    batch = replace(GOOD, batch=True)
    assert FLOOR <= wait(batch) <= FLOOR * (1 + JITTER)
    assert not next_look(batch, NOW).full_page
    assert not next_look(replace(batch, paged_at=NOW - 18 * HOUR), NOW).full_page
    assert next_look(replace(batch, paged_at=NOW - 23.8 * HOUR), NOW).full_page
    assert next_look(replace(batch, paged_at=None), NOW).full_page
    assert next_look(GOOD, NOW).full_page


def test_daily_pages_are_never_late_and_not_all_at_once() -> None:
    due = Counter[int]()
    for account in range(200):
        hours = next(
            n
            for n in range(24 * 4)
            if next_look(
                Situation(account, n, OutcomeName.UNCHANGED, batch=True, paged_at=NOW), NOW + n * FLOOR
            ).full_page
        )
        due[hours] += 1
    assert max(due) * FLOOR + FLOOR <= DAY
    assert max(due.values()) < 40


def test_an_unproven_page_is_read_again_soon() -> None:
    plan = next_look(replace(GOOD, batch=True, proven_page=False), NOW)
    assert plan.full_page
    assert plan.at is not None
    assert plan.at - NOW <= FLOOR * (1 + JITTER)


def failed(outcome: OutcomeName, failures: int, **more: object) -> Situation:
    return replace(GOOD, outcome=outcome, failures=failures, **more)  # type: ignore[arg-type]


def test_failures_double_the_wait_to_a_day_and_never_give_up() -> None:
    waits = [wait(failed(OutcomeName.UNREACHABLE, n)) for n in (1, 2, 3, 4, 5, 6, 500)]
    for found, hours in zip(waits, [1, 2, 4, 8, 16, 24, 24], strict=True):
        assert hours * HOUR <= found <= hours * HOUR * (1 + JITTER)


def test_limits_without_a_date_hold_half_an_hour_doubled() -> None:
    for situation in (failed(OutcomeName.RATE_LIMITED, 1), failed(OutcomeName.UNREACHABLE, 1, reason="http_503")):
        assert 30 * MINUTE <= wait(situation) <= 36 * MINUTE
    assert 2 * HOUR <= wait(failed(OutcomeName.RATE_LIMITED, 3)) <= 2.4 * HOUR
    assert wait(failed(OutcomeName.RATE_LIMITED, 99)) >= DAY


def test_retry_after_binds_up_to_a_week() -> None:
    assert wait(failed(OutcomeName.RATE_LIMITED, 1, retry_after=3 * DAY)) >= 3 * DAY
    assert 7 * DAY <= wait(failed(OutcomeName.REFUSED, 1, retry_after=400 * DAY)) <= 7 * DAY * (1 + JITTER)
    assert wait(failed(OutcomeName.RATE_LIMITED, 1, retry_after=timedelta(seconds=-5))) >= 30 * MINUTE


def test_gone_accounts_are_looked_at_ever_more_rarely() -> None:
    for failures, days in ((1, 1), (2, 2), (3, 4), (6, 30), (40, 30)):
        found = wait(failed(OutcomeName.GONE, failures, outcome_since=NOW - 3 * DAY))
        assert days * DAY <= found <= days * DAY * (1 + JITTER)


def test_not_found_for_a_week_means_no_look_in_thirty_days() -> None:
    plan = next_look(failed(OutcomeName.GONE, 4, outcome_since=NOW - 7 * DAY), NOW)
    assert plan.rest is Rest.PAUSED
    assert plan.at is not None
    assert plan.at >= NOW + LONGEST_GONE
    assert next_look(failed(OutcomeName.GONE, 2, outcome_since=NOW - 7 * DAY), NOW).rest is Rest.WATCHED


def test_410_stops() -> None:
    assert next_look(failed(OutcomeName.GONE, 1, stop=True), NOW) == NextLook(None, True, Rest.STOPPED)


situations = st.builds(
    Situation,
    account_id=st.integers(1, 10**6),
    turn=st.integers(0, 10**6),
    outcome=st.sampled_from(OutcomeName),
    failures=st.integers(0, 60),
    outcome_since=st.none() | st.integers(0, 1000).map(at),
    retry_after=st.none() | st.integers(-5, 10**7).map(lambda s: timedelta(seconds=s)),
    least_interval=st.none() | st.integers(0, 10**6).map(lambda s: timedelta(seconds=s)),
    posts_per_day=st.none() | st.floats(0, 1e4),
    last_post_at=st.none() | st.integers(0, 1000).map(at),
    batch=st.booleans(),
    paged_at=st.none() | st.integers(0, 1000).map(at),
    proven_page=st.booleans(),
)


@given(situations)
def test_nobody_is_asked_too_early_or_never(situation: Situation) -> None:
    plan = next_look(situation, NOW)
    assert plan.at is not None
    assert plan.at - NOW >= max(FLOOR, situation.least_interval or FLOOR)
    asked = min(situation.retry_after or timedelta(0), 7 * DAY)
    if situation.failures and situation.outcome not in (OutcomeName.PAGE, OutcomeName.UNCHANGED):
        assert plan.at - NOW >= asked
    assert plan.at - NOW <= 37 * DAY
