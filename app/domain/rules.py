"""Rules: of whom, and from when on, a silence is told.

Promises: frozen values; ``checked`` lets nothing pass that cannot be meant, and names the field. Lengths are elapsed
time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from app.domain.models import DEFAULT_KINDS, Interval, Kind
from app.domain.quiet_hours import QuietHours, check_quiet_hours
from app.domain.silence import Fixed, State, Threshold
from app.errors import BadInput

#: No source is looked at more often than this, and nobody's silence is longer than that.
LEAST_LENGTH = timedelta(minutes=15)
MOST_LENGTH = timedelta(days=3653)
LEAST_REPEAT = timedelta(minutes=15)
MOST_REPEATS = 1000
#: Of quiet hours and of planned pauses.
MOST_WINDOWS = 50
UNSET = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewRule:
    """What a person decides about a rule. Its scope is an account, a subject, a tag or, without any, everything."""

    kind: Literal["fixed", "adaptive"] = "fixed"
    name: str = ""
    account_id: int | None = None
    """Internal ids."""
    subject_id: int | None = None
    tag: str | None = None
    length: timedelta | None = None
    """Of a fixed rule: a silence this long is quiet."""
    false_alarms: float | None = None
    """Of an adaptive rule: as many false alarms an account and year are borne."""
    least: timedelta | None = None
    greatest: timedelta | None = None
    kinds: Kind = DEFAULT_KINDS
    late: timedelta | None = None
    """A stage before quiet; None: none."""
    repeat_every: timedelta | None = None
    """Reminders while quiet; None: none."""
    repeat_most: int = 0
    quiet_hours: tuple[QuietHours, ...] = ()
    pauses: tuple[Interval, ...] = ()
    status: Literal["active", "paused"] = "active"

    @property
    def longest(self) -> timedelta:
        """A silence is quiet after this long at the latest."""
        return self.length or self.greatest or MOST_LENGTH

    def threshold(self, rhythm: Threshold | None = None) -> Threshold:
        """From when on a silence is quiet. ``rhythm``: what an adaptive rule knows of an account."""
        if self.kind == "adaptive":
            return rhythm or Fixed(self.longest)
        return Fixed(self.longest)


@dataclass(frozen=True, slots=True)
class Rule(NewRule):
    """A rule on record."""

    id: int = 0
    """Internal; the world sees ``public_id``."""
    public_id: str = ""
    account: str | None = None
    """Public ids."""
    subject: str | None = None
    version: int = 1
    """Grows with every change that may change a judgement."""
    created_at: datetime = UNSET
    updated_at: datetime = UNSET


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule has made of an account, as it was told."""

    account_id: int
    rule_id: int
    baseline: datetime
    """Deadlines before it are history, not news: when the rule came to judge the account, or was changed."""
    since: datetime
    """When the state became true."""
    state: State = State.UNKNOWN
    rule_version: int = 0
    """The version that judged; 0: none yet."""
    last_post_at: datetime | None = None
    """The post that the silence follows; None: none on record."""
    deadline: datetime | None = None
    """Quiet from then on; None: nobody can say yet."""
    late_at: datetime | None = None
    check_at: datetime | None = None
    """When time alone may change something; None: only a look can."""
    held_since: datetime | None = None
    """A transition waits for fresh evidence."""
    quiet_event_id: int | None = None
    """The account.quiet that no other event has ended yet."""
    late_told: bool = False
    reminders: int = 0


#: What may be changed of a rule. Its scope may not: that would be another rule.
CHANGEABLE = frozenset(each.name for each in fields(NewRule)) - {"account_id", "subject_id", "tag"}
#: A change of these is judged anew.
JUDGED = CHANGEABLE - {"name", "quiet_hours", "pauses", "status"}


def changed(rule: Rule, changes: Mapping[str, Any], now: datetime) -> Rule:
    """The rule after a change, checked. A rule that changes its kind loses the other kind's lengths.

    Raises BadInput.
    """
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("This cannot be changed; make another rule.", field=min(unknown))
    after = replace(rule, **changes)
    if after.kind != rule.kind:
        other = ("false_alarms", "least", "greatest") if after.kind == "fixed" else ("length",)
        after = replace(after, **_nothing(set(other) - set(changes)))
    checked(after)
    judged_anew = any(getattr(after, name) != getattr(rule, name) for name in JUDGED)
    return replace(after, version=rule.version + judged_anew, updated_at=now)


def _nothing(names: Iterable[str]) -> dict[str, Any]:
    return dict.fromkeys(names)


def checked(rule: NewRule) -> None:
    """Raises BadInput, which names the field, for a rule that cannot be meant."""
    if sum(each is not None for each in (rule.account_id, rule.subject_id, rule.tag)) > 1:
        raise BadInput("A rule is on one account, one subject, one tag, or on everything.", field="account")
    if rule.kind == "fixed":
        _check_fixed(rule)
    else:
        _check_adaptive(rule)
    if not rule.kinds:
        raise BadInput("At least one kind of post counts.", field="kinds")
    if rule.late is not None and not LEAST_LENGTH <= rule.late < _shortest(rule):
        raise BadInput("Late lies between 15 minutes and the length.", field="late")
    if (rule.repeat_every is None) != (rule.repeat_most == 0):
        raise BadInput("Reminders need repeat_every and repeat_most.", field="repeat_every")
    if rule.repeat_every is not None and not LEAST_REPEAT <= rule.repeat_every <= MOST_LENGTH:
        raise BadInput("Reminders are at least 15 minutes and at most 10 years apart.", field="repeat_every")
    if not 0 <= rule.repeat_most <= MOST_REPEATS:
        raise BadInput(f"At most {MOST_REPEATS} reminders.", field="repeat_most")
    if len(rule.quiet_hours) > MOST_WINDOWS:
        raise BadInput(f"At most {MOST_WINDOWS} quiet hours.", field="quiet_hours")
    for each in rule.quiet_hours:
        check_quiet_hours(each)
    _check_pauses(rule.pauses)


def _shortest(rule: NewRule) -> timedelta:
    return (rule.length if rule.kind == "fixed" else rule.least) or LEAST_LENGTH


def _check_fixed(rule: NewRule) -> None:
    for name in ("false_alarms", "least", "greatest"):
        if getattr(rule, name) is not None:
            raise BadInput("A fixed rule has a length only.", field=name)
    _check_length(rule.length, "length")


def _check_adaptive(rule: NewRule) -> None:
    if rule.length is not None:
        raise BadInput("An adaptive rule has a least and a greatest length.", field="length")
    if rule.false_alarms is None or not math.isfinite(rule.false_alarms) or not 0.001 <= rule.false_alarms <= 1000:
        raise BadInput("False alarms an account and year: from 0.001 to 1000.", field="false_alarms")
    _check_length(rule.least, "least")
    _check_length(rule.greatest, "greatest")
    if rule.least and rule.greatest and rule.least > rule.greatest:
        raise BadInput("The least length is longer than the greatest.", field="least")


def _check_length(length: timedelta | None, field: str) -> None:
    if length is None:
        raise BadInput("A length is missing.", field=field, hint="Write P2D for two days.")
    if not LEAST_LENGTH <= length <= MOST_LENGTH:
        raise BadInput("A length lies between 15 minutes and 10 years (3,653 days).", field=field)


def _check_pauses(pauses: Sequence[Interval]) -> None:
    if len(pauses) > MOST_WINDOWS:
        raise BadInput(f"At most {MOST_WINDOWS} planned pauses.", field="pauses")
    for each in pauses:
        if not timedelta(0) < each.length <= MOST_LENGTH:
            raise BadInput("A planned pause ends after it begins, at most 10 years later.", field="pauses")
