"""Adaptive thresholds: from when on a silence is quiet by the account's own rhythm.

Assumes the rhythm of the kinds that the rule counts. Promises: never before the rule's least length, never after its
greatest; without enough history only the greatest counts; a quiet that was told keeps the deadline it was told for,
whatever is fitted later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.models import DEFAULT_KINDS
from app.domain.rhythm.chances import deadline
from app.domain.rhythm.state import Rhythm
from app.domain.rules import MOST_LENGTH, NewRule, Rule, RuleState
from app.domain.silence import ZERO, Threshold


@dataclass(frozen=True, slots=True)
class Adaptive:
    """A silence is quiet where silences as long come as often as false alarms are borne."""

    rhythm: Rhythm
    rule: NewRule

    def deadline(self, last_post: datetime) -> datetime:
        """The deadline for the false alarms that are borne, between the least and the greatest length."""
        least, greatest = self.rule.least or ZERO, self.rule.greatest or MOST_LENGTH
        assert self.rule.false_alarms is not None  # noqa: S101 - an adaptive rule has them
        wanted = deadline(self.rhythm, last_post, self.rule.false_alarms)
        return min(max(wanted, last_post + least), last_post + greatest)


@dataclass(frozen=True, slots=True)
class Kept:
    """Another threshold, but for the silence of a quiet that was told."""

    last_post: datetime
    told: datetime
    threshold: Threshold

    def deadline(self, last_post: datetime) -> datetime:
        """The deadline that was told, for its silence."""
        return self.told if last_post == self.last_post else self.threshold.deadline(last_post)


def needs_rhythm(rule: NewRule) -> bool:
    """Whether accounts are judged by their rhythms. Rhythms are fitted for the default kinds."""
    return rule.kind == "adaptive" and rule.kinds == DEFAULT_KINDS


def threshold_of(rule: Rule, rhythm: Rhythm | None, state: RuleState) -> Threshold | None:
    """What an adaptive rule judges an account by; None: by its greatest length, or it is a fixed one."""
    if not needs_rhythm(rule):
        return None
    found = Adaptive(rhythm, rule) if rhythm is not None and rhythm.enough else None
    told = state.quiet_event_id is not None and state.rule_version == rule.version
    if told and state.last_post_at is not None and state.deadline is not None:
        return Kept(state.last_post_at, state.deadline, rule.threshold(found))
    return found


def rearmed(state: RuleState, threshold: Threshold, last_post: datetime | None, now: datetime) -> RuleState:
    """The state to judge from, where a fit has moved the deadline of a silence that goes on.

    What it moved into the past is true and no news: it was not true when the deadline passed.
    """
    waits = state.rule_version and state.quiet_event_id is None and state.deadline is not None and state.deadline > now
    same = last_post is not None and last_post == state.last_post_at
    if waits and same and last_post is not None and threshold.deadline(last_post) <= now:
        return replace(state, baseline=now)
    return state
