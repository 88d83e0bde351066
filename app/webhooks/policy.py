"""What an attempt means: delivered, tried again, given up; and what it means for the endpoint.

May assume an attempt that was made. Promises: a pure rule of status, error, number and time; no delivery is forgotten:
it is delivered, has a next attempt, or is kept for a replay.

| answer | the delivery | the endpoint |
|---|---|---|
| 2xx | delivered | works |
| 410 | held | disabled at once |
| 429, 503 | again, not before ``Retry-After`` | rests until then (a minute where none was given) |
| 502, 504 | again | rests for a minute |
| 3xx, everything else, no answer | again by the schedule | fails |
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Waits after the first, second ... failed attempt; after the last one it is given up. Standard Webhooks' own.
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS = len(SCHEDULE) + 1
#: Each wait is longer or shorter by up to this share, so that what failed together does not come back together.
JITTER = 0.2
#: Nothing but failure for so long disables an endpoint.
DISABLED_AFTER = timedelta(days=5)
#: How long an endpoint rests that asked for it, without and at most with a time of its own.
REST, LONGEST_REST = timedelta(minutes=1), timedelta(hours=24)
#: A rotated secret signs on for so long beside the new one; so many old ones at most.
ROTATION, MOST_OLD_SECRETS = timedelta(hours=24), 10
_ASKS_FOR_TIME, _OVERLOADED, GONE = frozenset({429, 503}), frozenset({502, 504}), 410


class Fate(enum.StrEnum):
    """What becomes of a delivery, in the words of its row."""

    DELIVERED = "delivered"
    PENDING = "pending"
    """Another attempt follows."""
    FAILED = "failed"
    """Given up; a replay begins anew."""
    HELD = "held"
    """The endpoint is disabled; enabling it or a replay sends it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt."""

    fate: Fate
    next_at: datetime | None = None
    """The next attempt; only where the fate is pending."""
    rest_until: datetime | None = None
    """The endpoint is left alone until then."""


def judge(
    status: int | None, retry_after: str | None, number: int, chance: float, at: datetime, now: datetime
) -> Verdict:
    """The verdict on attempt ``number`` (from 1) that began at ``at`` and ended at ``now``.

    ``status`` is None where no answer came. ``chance`` in [0, 1) places the next attempt within the jitter.
    """
    if status is not None and 200 <= status < 300:
        return Verdict(Fate.DELIVERED)
    if status == GONE:
        return Verdict(Fate.HELD)
    rest = _rest(status, retry_after, now)
    if number >= MOST_ATTEMPTS:
        return Verdict(Fate.FAILED, rest_until=rest)
    due = max(at + wait(number, chance), now)
    return Verdict(Fate.PENDING, max(due, rest) if rest else due, rest)


def wait(number: int, chance: float) -> timedelta:
    """The wait after attempt ``number``, between 80 % and 120 % of the schedule's."""
    return SCHEDULE[number - 1] * (1 - JITTER + 2 * JITTER * chance)


def _rest(status: int | None, retry_after: str | None, now: datetime) -> datetime | None:
    if status in _ASKS_FOR_TIME:
        asked = read_retry_after(retry_after, now)
        return now + (REST if asked is None else min(asked, LONGEST_REST))
    return now + REST if status in _OVERLOADED else None


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long a ``Retry-After`` asks to wait, never negative; None where it says nothing that can be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), 10**9))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta(0))


def is_hopeless(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint whose failures began then, with no success since, is to be disabled."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER
