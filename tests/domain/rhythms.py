"""Histories for the tests of rhythms: regular ones, and any that hypothesis can think of."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from app.domain.models import Interval
from app.domain.rhythm.fitting import fit
from app.domain.rhythm.state import Rhythm

#: A Monday.
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ZONES = (
    *("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"),
    *(
        "Africa/Casablanca",
        "America/Caracas",
        "Asia/Pyongyang",
        "Europe/Moscow",
        "Antarctica/Troll",
        "Pacific/Kiritimati",
    ),
)


def daily(days: int, hours: tuple[int, ...] = (9, 12, 18), skip: tuple[int, ...] = ()) -> list[datetime]:
    """Posts at these hours UTC, a few minutes off, on all weekdays but those of ``skip`` (0 is Monday)."""
    wobble = (timedelta(minutes=7 * day * day % 41) for day in range(days))
    return [
        MONDAY + day * DAY + hour * HOUR + late
        for day, late in enumerate(wobble)
        if day % 7 not in skip
        for hour in hours
    ]


def rhythm(
    posts: list[datetime], at: datetime | None = None, zone: str = "UTC", holes: tuple[Interval, ...] = ()
) -> Rhythm:
    """The rhythm of an account that has been watched since MONDAY, but for the holes."""
    now = at or max(posts, default=MONDAY) + HOUR
    start, pieces = MONDAY, []
    for hole in sorted(holes):
        pieces.append(Interval(start, hole.start))
        start = max(start, hole.end)
    return fit(posts, [*pieces, Interval(start, now)], zone, now)


def sane(found: Rhythm) -> bool:
    """Whether every number in it is one, and the curve falls."""
    numbers = (found.long_share, found.long_a_day, found.tempo, found.posts_a_day, found.silent_days)
    rows = (numbers, found.survival, found.weekdays, found.hours, found.days, found.clock.speeds, found.quantiles)
    falls = all(low >= high for low, high in zip(found.survival, found.survival[1:], strict=False))
    return falls and all(math.isfinite(number) for row in rows for number in row) and found.survival[0] <= 0


moments = st.integers(0, 500 * 86400).map(lambda seconds: MONDAY + timedelta(seconds=seconds))
#: Bursts, repeats, stamps that are equal, and long silences, in any order.
bursts = st.tuples(moments, st.integers(1, 12), st.sampled_from((0, 1, 60, 1800, 86400))).map(
    lambda drawn: [drawn[0] + timedelta(seconds=drawn[2] * i) for i in range(drawn[1])]
)
histories = st.lists(bursts, max_size=25).map(lambda parts: [at for part in parts for at in part])
pieces = st.tuples(moments, moments).map(lambda pair: Interval(min(pair), max(pair)))
#: Overlapping, empty, more holes than coverage.
coverages = st.lists(pieces, max_size=6)
zones = st.sampled_from(ZONES)
END = MONDAY + 500 * DAY


@st.composite
def rhythms(draw: st.DrawFn) -> Rhythm:
    """A rhythm of any history at any moment."""
    whole = draw(st.booleans())
    coverage = [Interval(MONDAY, END)] if whole else draw(coverages)
    return fit(draw(histories), coverage, draw(zones), draw(moments))
