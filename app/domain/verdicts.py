"""What a rule judges an account by, and what comes of it.

Promises: frozen values and nothing else; how one becomes the other stands in ``domain.transitions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.coverage import LIVE_GAP
from app.domain.events import EventType
from app.domain.rules import RuleState
from app.domain.silence import State, Streak

#: Clocks of two workers may differ by so much: evidence is not from the future.
SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an account for the kinds of a rule."""

    streaks: tuple[Streak, ...]
    """In time order: from the post on that the rule last judged by (else only the open one); the open one is last."""
    good_at: datetime | None = None
    """The last look that proved something."""
    epoch: datetime | None = None
    """Evidence from before is not fresh: the end of our own last pause, or of an outage of its source."""
    degraded: bool = False
    """Its source fails for many accounts together."""
    unobservable: bool = False
    """It was told that it cannot be seen."""
    blind: timedelta = LIVE_GAP
    """Not seen for so long: nobody knows whether it is still quiet."""
    patience: timedelta = timedelta(hours=6)
    """So long after a deadline that no look could decide, the account is called unobservable."""

    def fresh(self, now: datetime) -> bool:
        """Whether a transition may be told on this evidence."""
        if self.degraded or self.good_at is None or self.good_at > now + SKEW:
            return False
        return self.epoch is None or self.good_at >= self.epoch


@dataclass(frozen=True, slots=True)
class Told:
    """One transition that is news."""

    type: EventType
    occurred_at: datetime
    state: State
    """The answer from now on."""
    previous: State
    deadline: datetime | None
    """Of the quiet that it tells of, resumes or revises."""
    streak: Streak | None = None
    """The silence it tells of; None where no post is on record before it."""
    initial: bool = False
    """True before the rule came to judge the account."""
    retrospective: bool = False
    """It was over when it was found."""
    number: int = 0
    """Of a reminder."""
    rule_changed: bool = False
    """Revised because the rule is another one, not because something was found."""
    old_event_id: int | None = None
    """The account.quiet that is resumed or revised."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be written, and what to be told, in this order."""

    after: RuleState
    told: tuple[Told, ...] = ()
    unobservable_since: datetime | None = None
    """The account has gone unseen for too long since then; nobody was told yet."""
