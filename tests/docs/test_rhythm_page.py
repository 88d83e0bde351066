"""The page about rhythms says what the code does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import chance, deadline
from app.domain.rhythm.fitting import fit
from app.domain.rhythm.readings import Reading
from tests.docs.examples import DOCS

PAGE = (DOCS / "rhythm.md").read_text("utf-8")
START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIVE = [START + day * DAY + 12 * HOUR for day in range(5)]


@pytest.mark.parametrize("word", Reading)
def test_every_word_is_explained(word: Reading) -> None:
    assert re.search(rf"^\| `{word}` \| \S.{{20,}} \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("row", "posts", "now"),
    [
        ("none, watched for a day", [], START + DAY),
        ("none, watched for 100 days", [], START + 100 * DAY),
        ("one post an hour ago, watched since", [START], START + HOUR),
        ("five posts, one a day", FIVE, FIVE[-1] + HOUR),
    ],
)
def test_the_start_from_nothing_is_as_stated(row: str, posts: list[datetime], now: datetime) -> None:
    found = fit(posts, [Interval(START, now)], "UTC", now)
    last = posts[-1] if posts else None
    chances = [f"{chance(found, last, now, now + days * DAY):.2f}"[1:] for days in (1, 7)]
    deadlines = [f"{(deadline(found, now, rate) - now) / DAY:.0f}" for rate in (12, 4, 1)]
    assert f"| {row} | {' / '.join(chances)} | {' / '.join(deadlines)} |" in PAGE


def test_the_formulas_have_the_numbers_of_the_table() -> None:
    planned = (c.LEAD_CONSTANT, c.LEAD_FORECAST, c.LEAD_SILENT_DAYS, c.LEAD_WEEKDAY)
    shown = [f"{abs(number):.2f}" for number in planned]
    assert "(−{} − {} · day + {} · habit + {} · weekday)".format(*shown) in PAGE
    assert f"S({c.WINDOW_PACE}·k·(age + u)) / S({c.WINDOW_PACE}·k·age)" in PAGE
    assert (
        f"{c.SLOW_WEIGHT} · 2^(−age/{c.HALF_LIFE:.0f} d) + {c.FAST_WEIGHT:.0f} · 2^(−age/{c.HALF_LIFE_FAST:.0f} d)"
        in PAGE
    )
