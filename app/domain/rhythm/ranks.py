"""The self-check without a model: where this silence stands among the account's own longest ones.

Assumes a rhythm that was refitted within the last days. Promises: only gaps without a hole in them are compared, and
only what the coverage supports is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.rhythm import constants as c
from app.domain.rhythm.clock import DAY, HOUR
from app.domain.rhythm.state import Rhythm


@dataclass(frozen=True, slots=True)
class Rank:
    """ "Longer than all but ``rank - 1`` silences of its last ``days`` days"."""

    rank: int
    """1: longer than every one of them. At most RANKED + 1, which means: not among the RANKED longest."""
    days: float
    """How much of the last RANK_DAYS is known; below RANK_DAYS the sentence must say so."""


def rank(rhythm: Rhythm, length: timedelta, now: datetime) -> Rank:
    """The rank of a silence of this (observed) length among those that ended in the RANK_DAYS before ``now``."""
    at, hours = now.timestamp(), length.total_seconds() / HOUR
    since = at - c.RANK_DAYS * DAY
    above = sum(1 for gap in rhythm.longest if since < gap.ended_at <= at and gap.hours >= hours)
    known = min(max((at - rhythm.since) / DAY, 0.0), c.RANK_DAYS, rhythm.observed_days)
    return Rank(min(above, c.RANKED) + 1, known)


def rank_deadline(rhythm: Rhythm, last_post: datetime, false_alarms_per_year: float) -> datetime | None:
    """The rank rule, a fall-back for ``chances.deadline``: the silence becomes longer than the r-th longest of the last
    W days, where r = F * W / 365. W is RANK_DAYS, or longer where fewer than one silence of them may be exceeded.

    None where fewer than W days are known, or where r is beyond RANKED. Calibrated for 3 a year and more.
    """
    days = max(c.RANK_DAYS, c.DAYS_A_YEAR / false_alarms_per_year)
    place = round(false_alarms_per_year * days / c.DAYS_A_YEAR)
    since = last_post.timestamp() - days * DAY
    lengths = [gap.hours for gap in rhythm.longest if gap.ended_at > since]
    if days > min(rhythm.observed_days, c.MEMORY_DAYS) or place > min(len(lengths), c.RANKED):
        return None
    return datetime.fromtimestamp(last_post.timestamp() + lengths[place - 1] * HOUR, UTC)
