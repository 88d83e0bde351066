"""What an answer that is no page means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.models import OutcomeName
from app.platforms.answers import failure_of, is_html, not_wanted
from app.platforms.base import Response

AT = datetime(2026, 8, 1, 13, 46, 0, tzinfo=UTC)
TURNSTILE = b"<!DOCTYPE html><title>Just a moment...</title><script>window._cf_chl_opt={}</script>"


def answer(status: int, body: bytes = b"", url: str = "https://example.test/", **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(url, status, names, body, AT)


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (401, OutcomeName.AUTH_REQUIRED, "http_401"),
        (402, OutcomeName.REFUSED, "http_402"),
        (403, OutcomeName.REFUSED, "http_403"),
        (404, OutcomeName.GONE, "not_found"),
        (408, OutcomeName.UNREACHABLE, "http_408"),
        (410, OutcomeName.GONE, "http_410"),
        (422, OutcomeName.UNREADABLE, "http_422"),
        (429, OutcomeName.RATE_LIMITED, "http_429"),
        (451, OutcomeName.REFUSED, "http_451"),
        (500, OutcomeName.UNREACHABLE, "http_500"),
        (503, OutcomeName.UNREACHABLE, "http_503"),
        (522, OutcomeName.UNREACHABLE, "http_522"),
        (204, OutcomeName.UNREADABLE, "http_204"),
        (206, OutcomeName.UNREADABLE, "http_206"),
        (302, OutcomeName.UNREADABLE, "http_302"),
        (999, OutcomeName.UNREADABLE, "http_999"),
    ],
)
def test_each_status_has_one_meaning(status: int, outcome: OutcomeName, reason: str) -> None:
    failure = failure_of(answer(status))
    assert failure is not None
    assert (failure.outcome, failure.reason) == (outcome, reason)
    assert failure.stop is (status == 410)


@pytest.mark.parametrize("status", [200, 304])
def test_a_usable_answer_is_left_to_the_platform(status: int) -> None:
    assert failure_of(answer(status, b"[]")) is None


def test_every_other_status_proves_nothing() -> None:
    for status in range(100, 1000):
        if status not in (200, 304):
            failure = failure_of(answer(status))
            assert failure is not None
            assert failure.outcome not in (OutcomeName.PAGE, OutcomeName.UNCHANGED)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("-1", 0), ("1000000000000", 604_800), ("Sat, 01 Aug 2026 13:47:00 GMT", 60), ("later", None)],
)
def test_the_wish_to_wait_is_passed_on(status: int, text: str, seconds: float | None) -> None:
    failure = failure_of(answer(status, retry_after=text))
    assert failure is not None
    assert failure.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_a_budget_stands_in_for_the_missing_wish() -> None:
    failure = failure_of(answer(429, x_ratelimit_remaining="0", x_ratelimit_reset="2026-08-01T13:50:00.458292Z"))
    assert failure is not None
    assert failure.retry_after is not None
    assert timedelta(minutes=4) <= failure.retry_after <= timedelta(minutes=4, seconds=2)


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_challenge_is_a_refusal_whatever_its_status(status: int) -> None:
    failure = failure_of(answer(status, cf_mitigated="challenge"))
    assert failure is not None
    assert (failure.outcome, failure.reason) == (OutcomeName.REFUSED, "challenge")


def test_a_challenge_is_known_by_its_page() -> None:
    found = [
        failure_of(answer(403, TURNSTILE)),
        failure_of(answer(503, TURNSTILE)),
        not_wanted(answer(200, TURNSTILE), "json"),
    ]
    assert [failure and failure.reason for failure in found] == ["challenge"] * 3


def test_a_login_wall_is_where_we_were_sent() -> None:
    page = b"<html><body><form>"
    sent = Response("https://example.test/accounts/login/?next=x", 200, {}, page, AT, ((302, "https://example.test/"),))
    assert not_wanted(sent, "json").reason == "login_wall"
    assert not_wanted(answer(200, page), "json").reason == "html"


@pytest.mark.parametrize(
    ("body", "reason"), [(b"", "empty"), (b" \n", "empty"), (b"{]", "not_json"), (b"<rss/>", "not_json")]
)
def test_what_it_is_instead(body: bytes, reason: str) -> None:
    failure = not_wanted(answer(200, body), "json")
    assert (failure.outcome, failure.reason) == (OutcomeName.UNREADABLE, reason)


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (b"\xef\xbb\xbf <!DOCTYPE HTML>", True),
        (b"<html lang=en>", True),
        (b'<?xml version="1.0"?><html xmlns="x">', True),
        (b'<?xml version="1.0"?><rss><channel>', False),
        (b"<feed>", False),
        (b"<!-- hello --> <html>", True),
        (b"<rss><description><![CDATA[<html>]]></description>", False),
        (b"<header>", False),
        (b'[{"a": "<html>"}]', False),
    ],
)
def test_html_is_known_by_its_start(body: bytes, html: bool) -> None:
    assert is_html(body) is html
