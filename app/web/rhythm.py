"""How an account usually posts, for its page: the chart of its week, the same as numbers, and its gaps.

Assumes a rhythm as it was stored; nothing is fitted here. Promises: what needs history is None without it; the chart is
places and strengths alone (x and widths in per cent, y and heights in pixels), so that it fits every screen and stays
right in light, in the dark and when it is saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import deadline
from app.domain.rhythm.state import Rhythm

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Of how many false alarms a year the deadline is told: the usual choice of an adaptive rule.
USUAL_ALARMS = 2.0
#: Gaps that are told: shares of ``constants.QUANTILES``, with their words.
_GAPS = {0.5: "Half of its gaps", 0.9: "Nine gaps in ten", 0.99: "99 gaps in 100"}

# The chart: names of days, 24 columns, a bar for each day; above it a bar for each hour, below it the hours' names.
_LEFT, _COLUMN, _BAR_LEFT, _BAR_MOST = 11.0, 3.1, 86.5, 13.5
_TOP, _ROW, _CELL = 50, 17, 15
HEIGHT = _TOP + 7 * _ROW + 20
#: Between two cells, in per cent of the width.
_SPACE = 0.3
#: The faintest cell can still be seen.
_FAINTEST = 0.06


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the chart. ``strength``: how opaque, at most 1."""

    x: float
    y: float
    width: float
    height: float
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Label:
    """A word of the chart at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Week:
    """The local week of an account: ``speeds`` by hour, then by day; 1 is the mean of all."""

    boxes: tuple[Box, ...]
    days: tuple[Label, ...]
    hours: tuple[Label, ...]
    speeds: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]
    """Of all posts, in each hour of the day."""
    busiest_hour: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """What the page shows. ``told_from``: None without enough history."""

    zone: str
    since: datetime
    posts: int
    observed_days: float
    enough: bool
    posts_a_day: float
    by_day: tuple[tuple[str, float], ...]
    """Posts on such a day, the busiest first."""
    gaps: tuple[tuple[str, timedelta], ...]
    longest: tuple[datetime, timedelta] | None
    """When the longest gap on record ended, and how long it was; it has no hole in it."""
    told_from: datetime | None
    week: Week


def portrait(rhythm: Rhythm, last_post: datetime) -> Portrait:
    """How the account posts, as of the last fit; ``last_post`` is where its present silence begins."""
    by_day = [(name, 7 * share * rhythm.posts_a_day) for name, share in zip(DAYS, rhythm.days, strict=True)]
    quantiles = dict(zip(c.QUANTILES, rhythm.quantiles, strict=True))
    longest = max(rhythm.longest, key=lambda gap: gap.hours, default=None)
    return Portrait(
        zone=rhythm.clock.zone,
        since=_moment(rhythm.since),
        posts=rhythm.posts,
        observed_days=rhythm.observed_days,
        enough=rhythm.enough,
        posts_a_day=rhythm.posts_a_day,
        by_day=tuple(sorted(by_day, key=lambda day: -day[1])),
        gaps=tuple((words, timedelta(hours=quantiles[share])) for share, words in _GAPS.items() if quantiles[share]),
        longest=(_moment(longest.ended_at), timedelta(hours=longest.hours)) if longest else None,
        told_from=deadline(rhythm, last_post, USUAL_ALARMS) if rhythm.enough else None,
        week=_week(rhythm),
    )


def _week(rhythm: Rhythm) -> Week:
    speeds = rhythm.clock.speeds
    return Week(
        boxes=(*_above(rhythm.hours), *_cells(speeds), *_beside(rhythm.days)),
        days=tuple(Label(0, _TOP + _ROW * day + 12, name) for day, name in enumerate(DAYS)),
        hours=tuple(Label(_column(hour), HEIGHT - 5, str(hour)) for hour in range(0, 24, 6)),
        speeds=tuple(speeds[hour::24] for hour in range(24)),
        shares=rhythm.hours,
        busiest_hour=max(range(24), key=lambda hour: rhythm.hours[hour]),
    )


def _cells(speeds: tuple[float, ...]) -> list[Box]:
    """One for each hour of the week, the busiest full."""
    most = max(speeds)
    return [
        Box(
            _column(number % 24),
            _TOP + _ROW * (number // 24),
            round(_COLUMN - _SPACE, 2),
            _CELL,
            round(max(speed / most, _FAINTEST), 2),
        )
        for number, speed in enumerate(speeds)
    ]


def _above(shares: tuple[float, ...]) -> list[Box]:
    heights = [round((_TOP - 6) * share / max(shares), 1) for share in shares]
    return [
        Box(_column(hour), round(_TOP - 4 - height, 1), round(_COLUMN - _SPACE, 2), height)
        for hour, height in enumerate(heights)
    ]


def _beside(shares: tuple[float, ...]) -> list[Box]:
    return [
        Box(_BAR_LEFT, _TOP + _ROW * day, round(_BAR_MOST * share / max(shares), 2), _CELL)
        for day, share in enumerate(shares)
    ]


def _column(hour: int) -> float:
    return round(_LEFT + _COLUMN * hour, 2)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), UTC)
