"""The judge of the rule: behind a first page that proves nothing a quiet is due when it is provable, not before."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.demo.answers import Served
from app.demo.world import Event, Persona
from bench.replay_oracle import Oracle
from bench.replay_rules import FAULTS, LENGTH, Verdict, judge_account

FIRST = datetime(2020, 7, 11, 0, 11, tzinfo=UTC)
"""The first look."""
MARGIN = timedelta(minutes=15)
HOUR = timedelta(hours=1)
END = FIRST + 6 * 24 * HOUR
PROVABLE = FIRST - MARGIN + LENGTH


def judged(told: list[datetime], *posts: datetime, form: str = "rss", until: datetime = END) -> Counter[str]:
    """What the judge says of quiets told at these times to an account that posted then and is looked at hourly."""
    persona = Persona("one", form, [Event(f"p{n}", at, at) for n, at in enumerate(posts)])
    served = []
    for look in (FIRST + n * HOUR for n in range(24 * 6)):
        shown = [at for at in posts if at <= look]
        served.append(Served("one", look, min(shown, default=None), complete=True, shown=len(shown)))
    found = Verdict()
    log: list[dict[str, Any]] = [
        {"type": "quiet", "at": at, "recorded": at + HOUR, "data": {"retrospective": False}} for at in told
    ]
    judge_account(found, log, Oracle(persona, served, MARGIN), FIRST - timedelta(minutes=10), until)
    return Counter({name: found.counts[name] for name in (*FAULTS, "true_crossings", "unprovable", "provable_later")})


def faults(found: Counter[str]) -> dict[str, int]:
    return {name: found[name] for name in FAULTS if found[name]}


@pytest.mark.parametrize("hours", [3, 14, 47, 100], ids=str)
def test_a_silence_behind_a_short_first_page_is_due_when_that_long_was_seen(hours: int) -> None:
    post = FIRST - hours * HOUR
    told = judged([PROVABLE], post)
    assert not faults(told)
    assert told["true_crossings"] == told["provable_later"] == 1
    assert faults(judged([], post)) == {"missed": 1}
    assert faults(judged([PROVABLE + timedelta(seconds=1)], post)) == {"missed": 1, "at_another_time": 1}


@pytest.mark.parametrize("hours", [3, 14, 47], ids=str)
def test_at_its_own_deadline_it_is_told_without_proof(hours: int) -> None:
    post = FIRST - hours * HOUR
    assert faults(judged([post + LENGTH], post)) == {"missed": 1, "at_another_time": 1}


def test_a_silence_that_ended_before_it_was_provable_is_not_to_be_told() -> None:
    posts = FIRST - 14 * HOUR, PROVABLE - HOUR
    assert not faults(judged([posts[1] + LENGTH], *posts))
    assert judged([posts[1] + LENGTH], *posts)["unprovable"] == 1
    assert faults(judged([posts[0] + LENGTH, posts[1] + LENGTH], *posts)) == {"at_another_time": 1}
    assert faults(judged([PROVABLE, posts[1] + LENGTH], *posts)) == {"invented": 1}


def test_a_page_of_more_posts_than_can_float_and_one_in_a_guaranteed_order_prove_the_deadline() -> None:
    posts = [FIRST - n * HOUR for n in (4, 5, 6, 7)]
    due = posts[0] + LENGTH
    assert not faults(judged([due], *posts))
    assert faults(judged([PROVABLE], *posts)) == {"missed": 1, "at_another_time": 1}
    assert not faults(judged([due], posts[0], form="mastodon"))
    assert faults(judged([PROVABLE], posts[0], form="mastodon")) == {"missed": 1, "at_another_time": 1}


def test_what_was_posted_after_the_first_look_is_due_at_its_deadline() -> None:
    posts = FIRST - 3 * HOUR, FIRST + 10 * HOUR
    assert not faults(judged([posts[1] + LENGTH], *posts))
    assert judged([posts[1] + LENGTH], *posts)["provable_later"] == 0
    assert faults(judged([], *posts)) == {"missed": 1}


def test_what_the_end_leaves_no_time_to_prove_is_not_asked_for() -> None:
    assert not judged([], FIRST - 14 * HOUR, until=PROVABLE - HOUR)["true_crossings"]
