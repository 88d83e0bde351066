"""When an account is looked at next, and how.

Assumes aware UTC datetimes; ``now`` is the time of the look that just ended. Promises: pure functions of values; the
same values give the same moment, so a restart changes nothing; nobody is asked before the source allows; back-off never
gives up, except where the source said 410.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.models import OutcomeName
from app.domain.outcomes import proves

#: Nobody is looked at more often, whatever headers say.
FLOOR = timedelta(minutes=15)
#: Without a hint: once an hour.
USUAL = timedelta(hours=1)
#: The slowest account that answers is still looked at this often.
SLOW = timedelta(hours=2)
#: Posts a day that deserve the usual interval; four times as many halve it.
USUAL_RATE = 4.0
#: An account that posted this recently gets half its interval.
LATELY = timedelta(hours=6)
#: Batch counters cost little.
COUNT_INTERVAL = timedelta(minutes=15)
#: A counter can stand still while a post goes and another comes: a full page at least this often, somewhat earlier.
PAGE_EVERY = timedelta(hours=24)
#: A confirming look comes this much after a deadline, so that the proof passes it.
CONFIRM_WITHIN = timedelta(minutes=1)
#: Failures double the interval up to this.
LONGEST_BACKOFF = timedelta(days=1)
#: Without Retry-After a limit holds this long, doubled each time.
LIMIT_WAIT = timedelta(minutes=30)
#: Retry-After binds up to this.
LONGEST_RETRY = timedelta(days=7)
#: Gone accounts: 1, 2, 4 ... days up to this; after ``GONE_PATIENCE`` of nothing else they rest between rare looks.
LONGEST_GONE = timedelta(days=30)
GONE_PATIENCE = timedelta(days=7)
GONE_LOOKS = 3
#: Share of the interval over which looks are spread.
JITTER = 0.2
ZERO = timedelta(0)
_MASK = (1 << 64) - 1


class Rest(enum.StrEnum):
    """How an account goes on."""

    WATCHED = "watched"
    PAUSED = "paused"
    """Not found for a week: one look in more than 30 days."""
    STOPPED = "stopped"
    """The source said 410: never again unless a person says so."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the next look depends on."""

    account_id: int
    turn: int
    """A number that differs from look to look; it only seeds the jitter."""
    outcome: OutcomeName
    failures: int = 0
    """Failed looks in a row, this one included; 0 after a look that proved something."""
    outcome_since: datetime | None = None
    """Since when every look has ended with this outcome."""
    retry_after: timedelta | None = None
    reason: str | None = None
    stop: bool = False
    least_interval: timedelta | None = None
    """The source asks not to be looked at more often."""
    posts_per_day: float | None = None
    last_post_at: datetime | None = None
    margin: timedelta = ZERO
    """The settling margin."""
    batch: bool = False
    """A counter can be asked in a batch."""
    paged_at: datetime | None = None
    """The last full page."""
    proven_page: bool = True
    """``PageMemory.proven``: without it only a full page proves anything."""


@dataclass(frozen=True, slots=True)
class NextLook:
    """When to look next; ``at`` is None for never."""

    at: datetime | None
    full_page: bool
    """Read the page; else the batch counter will do."""
    rest: Rest = Rest.WATCHED


def uniform(account_id: int, turn: int) -> float:
    """A number in [0, 1), the same for the same arguments, evenly spread over accounts and turns (splitmix64)."""
    value = (account_id * 0x9E3779B97F4A7C15 + turn * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((value ^ (value >> 31)) >> 11) / (1 << 53)


def first_poll_offset(account_id: int, period: timedelta = USUAL) -> timedelta:
    """Where in the period an account has its place, so that many accounts spread evenly over it."""
    return period * uniform(account_id, 0)


def next_look(situation: Situation, now: datetime) -> NextLook:
    """When and how to look again after a look that ended at ``now``."""
    if situation.stop:
        return NextLook(None, True, Rest.STOPPED)
    if not proves(situation.outcome):
        return _after_failure(situation, now)
    wait = next_interval(situation, now)
    at = now + _spread(wait, situation)
    return NextLook(at, not situation.batch or _page_is_due(situation, at))


def next_interval(situation: Situation, now: datetime) -> timedelta:
    """The interval of an account that answers, before it is spread: from FLOOR to SLOW, never under what the source
    asks for."""
    least = _least(situation)
    if not situation.proven_page:
        return least
    if situation.batch:
        return max(COUNT_INTERVAL, least)
    rate = situation.posts_per_day
    wait = USUAL if rate is None else min(SLOW, USUAL * (USUAL_RATE / max(rate, 0.01)) ** 0.5)
    if situation.last_post_at is not None and now - situation.last_post_at < LATELY:
        wait = min(wait, USUAL) / 2
    return max(wait, least)


def _least(situation: Situation) -> timedelta:
    return max(FLOOR, situation.least_interval or ZERO)


def _spread(wait: timedelta, situation: Situation) -> timedelta:
    """Later by up to JITTER, never earlier: what the source asks for holds."""
    return wait * (1 + JITTER * uniform(situation.account_id, situation.turn))


def confirm_after(account_id: int, margin: timedelta) -> timedelta:
    """How long after a deadline the look comes that proves it: once the settling margin is over, spread a little."""
    return margin + CONFIRM_WITHIN * uniform(account_id, -2)


def _page_is_due(situation: Situation, at: datetime) -> bool:
    if situation.paged_at is None or not situation.proven_page:
        return True
    early = JITTER * uniform(situation.account_id, -1)
    return at + COUNT_INTERVAL > situation.paged_at + PAGE_EVERY * (1 - early)


def _after_failure(situation: Situation, now: datetime) -> NextLook:
    doublings = min(max(situation.failures - 1, 0), 16)
    rest = Rest.WATCHED
    if situation.outcome is OutcomeName.GONE:
        wait = min(timedelta(days=1) * 2**doublings, LONGEST_GONE)
        since = situation.outcome_since
        if since is not None and now - since >= GONE_PATIENCE and situation.failures >= GONE_LOOKS:
            wait, rest = LONGEST_GONE, Rest.PAUSED
    elif situation.outcome is OutcomeName.RATE_LIMITED or situation.reason == "http_503":
        wait = min(LIMIT_WAIT * 2**doublings, LONGEST_BACKOFF)
    else:
        wait = min(max(USUAL, _least(situation)) * 2**doublings, LONGEST_BACKOFF)
    asked = min(max(situation.retry_after or ZERO, ZERO), LONGEST_RETRY)
    return NextLook(now + _spread(max(wait, asked, _least(situation)), situation), True, rest)
