"""The benches of politeness and of counters, small: every offence counts, the figures of chance do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.worker.buckets import bucket_of
from bench.limited import limited_host
from bench.politeness import politeness, scopes
from bench.requests import measure


@pytest.mark.long
async def test_a_day_with_every_habit_of_servers_is_without_offence(new_database: Callable[[], str]) -> None:
    figures = await politeness(new_database(), feeds=112, days=1.0, step=timedelta(minutes=12))
    assert figures["examples"] == {}
    assert figures["A1_unconditional_exactly_once"] == figures["A1_feeds"] > 0
    assert figures["A2_echoed"] == figures["A2_etags"] == 40
    assert figures["A9_extra_requests"] == 0
    assert figures["A12_requests_after_410"] in (0, None)
    assert figures["A14_most_requests_per_source"] <= 1


async def test_a_budget_of_a_host_is_never_overdrawn(new_database: Callable[[], str]) -> None:
    figures = await limited_host(new_database(), 400)
    assert figures["A15_looked_at"] == 400
    assert figures["A15_429_provoked"] == 0
    assert figures["A15_most_in_flight"] == 1


async def test_counters_save_requests_at_the_same_delay(new_database: Callable[[], str]) -> None:
    figures = await measure(new_database(), number=100, hours=2, rate=1.0, servers=2)
    assert figures["times_fewer"] >= 8


@pytest.mark.parametrize(
    ("host", "platform", "bucket"),
    [
        ("a.tumblr.com", "feed", "tumblr.com"),
        ("A.Tumblr.com", "feed", "tumblr.com"),
        ("tumblr.com:8080", "feed", "tumblr.com:8080"),
        ("nottumblr.com", "feed", "nottumblr.com"),
        ("a.example.org", "feed", "a.example.org"),
        ("a.tumblr.com", "mastodon", "a.tumblr.com"),
        ("10.0.0.1:8080", "feed", "10.0.0.1:8080"),
    ],
)
def test_only_known_services_share_a_limit(host: str, platform: str, bucket: str) -> None:
    assert bucket_of(host, platform) == bucket
    assert all(scopes().values())
