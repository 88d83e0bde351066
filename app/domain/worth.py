"""What a silence or a window is worth, as it may be said: figures cut to what they can carry, and sentences to print.

Assumes meanings of ``rhythm.readings`` or of stored marks. Promises: without enough history there is no figure but what
it is based on; no chance below LEAST_CHANCE is said, none below LEAST_CHANCE_SHORT for up to RARE_HOURS, and nothing
rarer than "less than once a year" in words; sentences speak of visible posts, because others are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.domain.intervals import subtract
from app.domain.marks import Marks
from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.readings import Reading, SilenceMeaning, WindowMeaning
from app.domain.silence import Streak

LEAST_CHANCE: Final = 0.0001
#: Windows of a few hours have the weakest tail, see docs/rhythm.md.
LEAST_CHANCE_SHORT: Final = 0.01
LEAST_TIMES: Final = 0.1
MOST_TIMES: Final = 52.0
SHORT: Final = timedelta(hours=c.RARE_HOURS)


@dataclass(frozen=True, slots=True)
class Worth:
    """What a silence is worth. ``length``: of its longest observed part, which the figures are about."""

    reading: Reading
    length: timedelta
    posts: int
    """Posts and observed days that it is based on."""
    days: float
    chance: float | None
    """Of a silence at least this long after a post."""
    times_a_year: float | None
    """How often a year one this long comes; None beside a chance: more often than MOST_TIMES."""
    expected_posts: float | None
    rank: int | None = None
    """1: longer than all that ended in its last ``rank_days`` days."""
    rank_days: float | None = None


def weigh(meaning: SilenceMeaning, length: timedelta) -> Worth:
    """What is said of a silence of one account."""
    ranked = meaning.rank.rank <= c.RANKED
    return cut(
        Worth(
            meaning.reading,
            length,
            meaning.posts,
            meaning.days,
            meaning.chance,
            meaning.times_a_year,
            meaning.expected_posts,
            meaning.rank.rank if ranked else None,
            meaning.rank.days,
        )
    )


def observed(streak: Streak, at: datetime) -> timedelta:
    """The longest observed part of an open streak, which its worth is about; 0 where no post is known."""
    start = streak.starts_at
    pieces = subtract([Interval(start, at)], streak.unobserved) if start is not None and start < at else ()
    return max((piece.length for piece in pieces), default=timedelta(0))


def by_marks(marks: Marks, length: timedelta) -> Worth:
    """What is said of a silence of this length in a list: from its marks, without a rank."""
    at = marks.last_post + length
    expected = marks.posts_a_day * (length / timedelta(days=1))
    chance, times = marks.chance(at), marks.times_a_year(at)
    return cut(Worth(marks.reading(at), length, marks.posts, marks.days, chance, times, expected))


def cut(worth: Worth) -> Worth:
    """The figures without what they cannot carry."""
    if worth.reading is Reading.NOT_ENOUGH:
        return Worth(worth.reading, worth.length, worth.posts, worth.days, None, None, None)
    times = worth.times_a_year
    if times is not None:
        least = c.RARE_TIMES if worth.length <= SHORT else LEAST_TIMES
        times = None if times > MOST_TIMES else max(times, least)
    return Worth(
        worth.reading,
        worth.length,
        worth.posts,
        worth.days,
        None if worth.chance is None else cut_chance(worth.chance, worth.length),
        times,
        worth.expected_posts,
        worth.rank,
        worth.rank_days,
    )


def cut_chance(chance: float, length: timedelta) -> float:
    """The chance that may be said for a window or a silence of this length."""
    return max(chance, LEAST_CHANCE_SHORT if length <= SHORT else LEAST_CHANCE)


def figures(worth: Worth) -> dict[str, Any]:
    """The figures as answers and events carry them."""
    return {
        "reading": worth.reading.value,
        "p_silent": rounded(worth.chance),
        "times_a_year": rounded(worth.times_a_year),
        "expected_posts": rounded(worth.expected_posts),
        "rank": worth.rank,
        "rank_days": rounded(worth.rank_days),
        "based_on": {"posts": worth.posts, "days_observed": round(worth.days, 1)},
    }


def window_figures(meaning: WindowMeaning, length: timedelta) -> dict[str, Any]:
    """The figures of a window in which nothing is posted. Without enough history there are none."""
    enough = meaning.reading is not Reading.NOT_ENOUGH
    return {
        "reading": meaning.reading.value,
        "p_silent": rounded(cut_chance(meaning.chance, length)) if enough else None,
        "expected_posts": rounded(meaning.expected_posts) if enough else None,
        "based_on": {"posts": meaning.posts, "days_observed": round(meaning.days, 1)},
    }


def rounded(value: float | None) -> float | None:
    """Three significant figures: more are not known."""
    return None if value is None else float(f"{value:.3g}")
