from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.gaps import append, longest_since, rebuild
from app.domain.models import Interval
from tests.domain.making import at, hours, span

times = st.lists(st.integers(0, 50).map(at), max_size=25)


def longest_by_hand(posts: list[datetime], window_start: datetime, now: datetime) -> Interval | None:
    """Look at every pair of neighbours, as lag() over the posts does."""
    ordered = sorted(posts)
    if not ordered:
        return None
    streaks = [Interval(a, b) for a, b in pairwise(ordered) if b > window_start]
    return max([*streaks, Interval(ordered[-1], max(now, ordered[-1]))], key=lambda gap: (gap.length, gap.start))


@given(times, hours, st.integers(50, 70))
def test_kept_gaps_answer_like_every_post(posts: list[datetime], start: int, now: int) -> None:
    last = max(posts, default=None)
    assert longest_since(rebuild(posts), at(start), at(now), last) == longest_by_hand(posts, at(start), at(now))


@given(times)
def test_appending_post_by_post_equals_rebuilding(posts: list[datetime]) -> None:
    grown: tuple[Interval, ...] = ()
    for earlier, later in pairwise(sorted(posts)):
        grown = append(grown, Interval(earlier, later))
    assert grown == rebuild(posts)
    assert all(a.length > b.length and a.end <= b.start for a, b in pairwise(grown))


def test_time_before_the_first_post_is_no_streak() -> None:
    assert longest_since((), at(0), at(100), None) is None
    assert longest_since((), at(0), at(100), at(90)) == span(90, 100)
