"""What a silence is worth, as answers carry it: the models of the OpenAPI document and the rows behind them.

Assumes rhythms and marks as they are stored; nothing is fitted here. Promises: where there is no meaning there is a
reason; figures and words are those of ``domain.worth`` and ``domain.sentences``.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from app.api.replies import Row
from app.domain import sentences, worth
from app.domain.models import DEFAULT_KINDS, Kind
from app.domain.rhythm import constants as c
from app.domain.rhythm.lists import false_flags_a_day
from app.domain.rhythm.readings import silence_meaning
from app.domain.rhythm.state import Rhythm
from app.domain.silence import Streak
from app.storage.weights import Weight

MINUTE = timedelta(minutes=1)
ReadingName = Literal["ordinary", "unusual", "rare", "too quiet to tell", "not enough history"]


class NoMeaning(enum.StrEnum):
    """Why nothing can be said of what a silence is worth."""

    OTHER_KINDS = "other_kinds"
    EARLIER_MOMENT = "earlier_moment"
    NO_POST = "no_post_on_record"
    NOT_OBSERVED = "not_observed"
    NOT_FITTED = "not_fitted_yet"
    BEFORE_RHYTHM = "before_rhythm"
    NO_SUCH_DAY = "no_such_day"


class BasedOn(BaseModel):
    """The history behind the figures."""

    posts: int
    days_observed: float


class Sentence(BaseModel):
    """A sentence that may be printed."""

    en: str
    fr: str


class Worth(BaseModel):
    """What a silence is worth by the account's own rhythm. Figures are null without enough history."""

    reading: ReadingName
    p_silent: float | None = Field(description="The chance of a silence at least this long after a post.")
    times_a_year: float | None = Field(
        description="How often a year a silence this long comes, 0.1 at least; null beside a chance: over 52 times."
    )
    expected_posts: float | None = Field(description="How many posts the observed part of it would usually hold.")
    based_on: BasedOn


class Meaning(Worth):
    """The same with its rank and in words."""

    rank: int | None = Field(description="1: longer than all silences that ended in its last rank_days days.")
    rank_days: float | None
    sentence: Sentence


class ByChance(BaseModel):
    """How many accounts of a list become unusual or rare on an ordinary day, by chance alone."""

    judged: int = Field(description="Accounts with history enough.")
    unusual_a_day: float
    rare_a_day: float


def why_none(kinds: Kind, as_of: datetime | None) -> NoMeaning | None:
    """Why a question has no meaning whatever the account: rhythms are of the default kinds, and of now."""
    if kinds != DEFAULT_KINDS:
        return NoMeaning.OTHER_KINDS
    return NoMeaning.EARLIER_MOMENT if as_of is not None else None


def of_silence(rhythm: Rhythm | None, streak: Streak, at: datetime) -> tuple[Row | None, NoMeaning | None]:
    """What the open streak of one account is worth at ``at``, or why that cannot be said."""
    found = weigh(rhythm, streak, at)
    if isinstance(found, NoMeaning):
        return None, found
    return {**worth.figures(found), "sentence": sentences.both(sentences.of_silence, found)}, None


def weigh(rhythm: Rhythm | None, streak: Streak, at: datetime) -> worth.Worth | NoMeaning:
    """The figures of the open streak: of its observed parts, because what no look covers is worth nothing."""
    start = streak.starts_at
    if start is None:
        return NoMeaning.NO_POST
    length = worth.observed(streak, at)
    if length < MINUTE:
        return NoMeaning.NOT_OBSERVED
    if rhythm is None:
        return NoMeaning.NOT_FITTED
    return worth.weigh(silence_meaning(rhythm, start, at, streak.unobserved), length)


def of_weight(weight: Weight | None, streak: Streak) -> tuple[Row | None, NoMeaning | None]:
    """The same for a line of a list: of the unbroken part after the last post."""
    if streak.starts_at is None:
        return None, NoMeaning.NO_POST
    if streak.proven < MINUTE:
        return None, NoMeaning.NOT_OBSERVED
    if weight is None:
        return None, NoMeaning.NOT_FITTED
    reading, likely, times, expected, posts, days = weight
    return {
        "reading": reading,
        "p_silent": likely,
        "times_a_year": times,
        "expected_posts": expected,
        "based_on": {"posts": posts, "days_observed": days},
    }, None


def by_chance(judged: int) -> Row:
    """What a list of so many accounts shows on an ordinary day."""
    unusual, rare = false_flags_a_day(c.UNUSUAL_TIMES, judged), false_flags_a_day(c.RARE_TIMES, judged)
    return {"judged": judged, "unusual_a_day": worth.rounded(unusual), "rare_a_day": worth.rounded(rare)}
