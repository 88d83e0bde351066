"""When it is the source that fails, and when it is back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.sources import LATELY, PATIENCE, Scope, Tally, failing, recovered

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOST, PLATFORM, NETWORK = Scope.HOST, Scope.PLATFORM, Scope.NETWORK


@pytest.mark.parametrize(
    ("scope", "tally", "reason"),
    [
        (HOST, Tally(100, looked=50, failing=0), None),
        (HOST, Tally(100, looked=50, failing=14, reason="refused"), None),
        (HOST, Tally(100, looked=50, failing=15, reason="refused"), "refused"),
        (HOST, Tally(100, looked=3, failing=2), None),
        (HOST, Tally(100, looked=3, failing=3), "unreachable"),
        (HOST, Tally(2, looked=2, failing=2, down_since=NOW - timedelta(days=1)), None),
        (HOST, Tally(3, down_since=NOW - PATIENCE + timedelta(seconds=1)), None),
        (HOST, Tally(3, down_since=NOW - PATIENCE), "unreachable"),
        (HOST, Tally(3, waits_until=NOW + LATELY), None),
        (HOST, Tally(3, waits_until=NOW + LATELY + timedelta(seconds=1)), "rate_limited"),
        # A platform is more than one host: else the host stands for itself.
        (PLATFORM, Tally(100, looked=50, failing=30, reason="unreachable", hosts_failing=1), None),
        (PLATFORM, Tally(100, looked=50, failing=30, reason="unreachable", hosts_failing=2), "unreachable"),
        (PLATFORM, Tally(1, canary="canary_silent"), "canary_silent"),
        (NETWORK, Tally(100, hosts=2, hosts_down=2), None),
        (NETWORK, Tally(100, hosts=4, hosts_down=1), None),
        (NETWORK, Tally(100, hosts=4, hosts_down=2), "unreachable"),
    ],
)
def test_a_source_is_degraded_where_many_fail_together(scope: Scope, tally: Tally, reason: str | None) -> None:
    assert failing(scope, tally, NOW) == reason


@pytest.mark.parametrize(
    ("scope", "tally", "back"),
    [
        (HOST, Tally(100), False),
        (HOST, Tally(100, answering=1), True),
        (HOST, Tally(100, answering=7, refusing=3), False),
        (HOST, Tally(100, answering=8, refusing=3), True),
        (HOST, Tally(100, answering=9, down_since=NOW), False),
        (HOST, Tally(100, answering=9, waits_until=NOW + timedelta(seconds=1)), False),
        (HOST, Tally(100, answering=9, waits_until=NOW), True),
        (PLATFORM, Tally(100, answering=9, canary="canary_failing"), False),
        (NETWORK, Tally(100, hosts=4, hosts_down=1, answering=0), False),
        (NETWORK, Tally(100, hosts=4, hosts_down=1, answering=1), True),
        (NETWORK, Tally(100, hosts=4, hosts_down=2, answering=1), False),
    ],
)
def test_a_source_is_back_when_it_is_reached_and_most_are_answered(scope: Scope, tally: Tally, back: bool) -> None:
    assert recovered(scope, tally, NOW) is back


def test_people_who_fall_silent_together_degrade_nothing() -> None:
    assert failing(PLATFORM, Tally(1000, looked=1000, answering=1000, hosts=10), NOW) is None
