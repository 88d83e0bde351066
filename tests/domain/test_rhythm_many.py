"""Many windows at once say what each says by itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import Interval
from app.domain.rhythm import many
from app.domain.rhythm.many import window_meanings
from app.domain.rhythm.readings import window_meaning
from app.domain.rhythm.state import Rhythm
from tests.domain.rhythms import DAY, HOUR, daily, rhythm, rhythms


def compare(
    found: list[Rhythm], last_posts: list[datetime | None], windows: list[Interval], now: datetime
) -> list[float | None]:
    stored = [each.to_bytes() for each in found]
    together = window_meanings(stored, last_posts, windows, now)
    for one, value, last, window in zip(together, stored, last_posts, windows, strict=True):
        alone = Rhythm.from_bytes(value)
        if window.start.timestamp() < alone.since:
            assert one is None
            continue
        said = window_meaning(alone, last, window, now)
        assert one is not None
        assert (one.reading, one.posts, one.days) == (said.reading, said.posts, said.days)
        assert one.chance == pytest.approx(said.chance, rel=1e-9, abs=1e-300)
        assert one.expected_posts == pytest.approx(said.expected_posts, rel=1e-9, abs=1e-12)
    return [None if one is None else one.chance for one in together]


@given(
    st.lists(rhythms(), min_size=1, max_size=5),
    st.floats(-60, 400),
    st.floats(0.01, 4000),
    st.floats(-800, 800),
    st.floats(0, 4000),
)
def test_many_windows_say_what_each_says(
    found: list[Rhythm], wait: float, length: float, ahead: float, ago: float
) -> None:
    start = datetime.fromtimestamp(max(each.fitted_at for each in found), UTC) + wait * HOUR
    windows = [Interval(start, start + length * HOUR)] * len(found)
    last_posts = [None if number % 3 == 2 else start - ago * HOUR / (number + 1) for number in range(len(found))]
    compare(found, last_posts, windows, start - ahead * HOUR)


def test_zones_that_change_their_clocks_and_windows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "GROUP", 7)  # several groups
    rng = random.Random(4)  # noqa: S311 - the same every time
    posts = daily(200)
    zones = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
    found = [rhythm(posts, zone=zone) for zone in zones for _ in range(4)]
    now = max(posts) + 30 * DAY
    for _ in range(20):
        starts = [now + rng.uniform(-200, 200) * DAY for _ in found]
        windows = [Interval(start, start + timedelta(days=rng.choice((0.1, 1, 7, 400)))) for start in starts]
        last_posts = [min(start, now) - rng.uniform(0, 30) * DAY for start in starts]
        chances = compare(found, list(last_posts), windows, now)
        assert any(each is not None for each in chances)


def test_nobody_asked_about() -> None:
    assert window_meanings([], [], [], datetime(2026, 1, 1, tzinfo=UTC)) == []
