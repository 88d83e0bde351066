"""From figures to one of five words, and all figures of a window or a silence together.

Assumes a rhythm that was refitted within the last days. Promises: little history never gets a sharp word; a window of
up to RARE_HOURS is never called rare; a silence that is likelier than a post is never called unusual.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import chance, expected_posts, planned, times_a_year
from app.domain.rhythm.ranks import Rank, rank
from app.domain.rhythm.state import Rhythm


class Reading(enum.StrEnum):
    """What a silence is worth, in a word."""

    ORDINARY = "ordinary"
    UNUSUAL = "unusual"
    RARE = "rare"
    TOO_QUIET = "too quiet to tell"
    NOT_ENOUGH = "not enough history"


@dataclass(frozen=True, slots=True)
class WindowMeaning:
    """What no post in a window would be worth."""

    reading: Reading
    """For the case that nothing was posted in it."""
    chance: float
    """Of no post in its covered part."""
    expected_posts: float
    posts: int
    """The posts it is based on ..."""
    days: float
    """... and the observed days."""


@dataclass(frozen=True, slots=True)
class SilenceMeaning:
    """What the silence since the last post is worth."""

    reading: Reading
    chance: float
    """Of a silence at least this long after a post."""
    times_a_year: float
    """How often a year one this long comes."""
    expected_posts: float
    """How many posts the observed part of it would usually hold."""
    rank: Rank
    posts: int
    days: float


def window_meaning(
    rhythm: Rhythm,
    last_post: datetime | None,
    window: Interval,
    now: datetime | None = None,
    holes: Sequence[Interval] = (),
) -> WindowMeaning:
    """What no post in ``window`` would be worth. ``last_post``: the last one before it starts (or before ``now``).

    With ``now`` before its start it is planned ahead; ``holes`` then play no part.
    """
    ahead = now is not None and now < window.start
    likely = (
        planned(rhythm, last_post, now, window.start, window.end)
        if ahead and now is not None
        else chance(rhythm, last_post, window.start, window.end, holes)
    )
    posts = expected_posts(rhythm, window.start, window.end, () if ahead else holes)
    word = window_reading(rhythm, likely, window.length)
    return WindowMeaning(word, likely, posts, rhythm.posts, rhythm.observed_days)


def silence_meaning(
    rhythm: Rhythm, last_post: datetime, now: datetime, holes: Sequence[Interval] = ()
) -> SilenceMeaning:
    """What the silence from ``last_post`` to ``now`` is worth; with holes, what its observed part is worth."""
    likely = chance(rhythm, last_post, last_post, now, holes)
    often = times_a_year(rhythm, last_post, now, holes)
    return SilenceMeaning(
        silence_reading(rhythm, likely, often, now - last_post),
        likely,
        often,
        expected_posts(rhythm, last_post, now, holes),
        rank(rhythm, _longest_part(last_post, now, holes), now),
        rhythm.posts,
        rhythm.observed_days,
    )


def window_reading(rhythm: Rhythm, chance: float, length: timedelta) -> Reading:
    """The word for a window that stayed silent."""
    return window_word(rhythm.enough, chance, length)


def window_word(enough: bool, chance: float, length: timedelta) -> Reading:
    """The same where it is known whether there is history enough."""
    if not enough:
        return Reading.NOT_ENOUGH
    if chance > c.USUAL_SILENCE:
        return Reading.TOO_QUIET
    if chance >= c.UNUSUAL_CHANCE:
        return Reading.ORDINARY
    rare = chance < c.RARE_CHANCE and length > timedelta(hours=c.RARE_HOURS)
    return Reading.RARE if rare else Reading.UNUSUAL


def silence_reading(rhythm: Rhythm, chance: float, times_a_year: float, length: timedelta) -> Reading:
    """The word for a silence since the last post: rare at RARE_TIMES a year or less, unusual at UNUSUAL_TIMES."""
    if not rhythm.enough:
        return Reading.NOT_ENOUGH
    if chance > c.USUAL_SILENCE:
        return Reading.TOO_QUIET
    if times_a_year > c.UNUSUAL_TIMES:
        return Reading.ORDINARY
    rare = times_a_year <= c.RARE_TIMES and length > timedelta(hours=c.RARE_HOURS)
    return Reading.RARE if rare else Reading.UNUSUAL


def _longest_part(start: datetime, end: datetime, holes: Sequence[Interval]) -> timedelta:
    longest = timedelta(0)
    for hole in sorted(holes):
        if hole.start < hole.end and start < hole.end and hole.start < end:
            longest, start = max(longest, hole.start - start), hole.end
    return max(longest, end - start)
