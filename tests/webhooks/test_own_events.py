"""What is told about endpoints and sources themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.sources import Scope, Tally
from app.webhooks import housekeeping
from app.webhooks.attempts import ERRORS
from app.webhooks.sources import source_data

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "https://user:secret@hooks.example:8443/secret?key=secret"


@pytest.mark.parametrize("data", [housekeeping.test("whk_1", SECRET), housekeeping.disabled("whk_1", SECRET, "gone")])
def test_of_an_address_no_more_than_its_host_is_told(data: dict[str, object]) -> None:
    assert data["webhook"] == {"id": "whk_1", "host": "hooks.example:8443"}
    assert "secret" not in str(data)


@pytest.mark.parametrize("reason", housekeeping.REASONS)
def test_why_an_endpoint_is_disabled_is_said_in_words(reason: str) -> None:
    data = housekeeping.disabled("whk_1", "https://hooks.example/", reason)
    assert (data["reason"], data["detail"]) == (reason, housekeeping.REASONS[reason])


def test_no_error_tells_more_of_our_own_network_than_that_there_was_no_connection() -> None:
    assert not ERRORS.keys() & {"dns", "refused", "forbidden", "filtered", "private"}


def test_a_source_that_fails_and_is_back() -> None:
    tally = Tally(accounts=40, looked=12, failing=11)
    began = source_data(Scope.HOST, "down.example", tally, reason="http_500", since=NOW)
    assert began == {
        "source": {"scope": "host", "name": "down.example"},
        "reason": "http_500",
        "since": NOW,
        "until": None,
        "accounts": 40,
        "failing": 11,
        "held": 0,
    }
    end = NOW + timedelta(hours=1)
    over = source_data(Scope.HOST, "down.example", tally, reason="http_500", since=NOW, until=end, held=3)
    assert over == began | {"until": end, "held": 3}
