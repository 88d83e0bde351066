"""What a rule may be, and what a change of it means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.models import Interval, Kind
from app.domain.quiet_hours import QuietHours
from app.domain.rules import MOST_LENGTH, NewRule, Rule, changed, checked
from app.domain.silence import Fixed
from app.errors import BadInput
from tests.domain.making import HOUR, MINUTE, TICK, at

DAY = 24 * HOUR
FIXED = NewRule(length=2 * DAY)
ADAPTIVE = NewRule("adaptive", false_alarms=1, least=DAY, greatest=9 * DAY)
NIGHT = QuietHours.read({"from": "22:00", "to": "07:00", "zone": "Europe/Paris"})
PAUSE = Interval(at(0), at(1))


@pytest.mark.parametrize(
    "rule",
    [
        FIXED,
        ADAPTIVE,
        replace(FIXED, length=15 * MINUTE),
        replace(FIXED, length=MOST_LENGTH),
        replace(FIXED, late=2 * DAY - TICK, repeat_every=HOUR, repeat_most=1000, tag="t"),
        replace(ADAPTIVE, late=HOUR, least=9 * DAY, account_id=1),
        replace(FIXED, quiet_hours=(NIGHT,) * 50, pauses=(PAUSE,) * 50, subject_id=1),
    ],
)
def test_what_can_be_meant(rule: NewRule) -> None:
    checked(rule)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (NewRule(), "length"),
        (replace(FIXED, length=timedelta(0)), "length"),
        (replace(FIXED, length=15 * MINUTE - TICK), "length"),
        (replace(FIXED, length=100 * 365 * DAY), "length"),
        (replace(FIXED, least=DAY), "least"),
        (replace(ADAPTIVE, length=DAY), "length"),
        (replace(ADAPTIVE, false_alarms=None), "false_alarms"),
        (replace(ADAPTIVE, false_alarms=float("nan")), "false_alarms"),
        (replace(ADAPTIVE, false_alarms=0), "false_alarms"),
        (replace(ADAPTIVE, least=None), "least"),
        (replace(ADAPTIVE, greatest=None), "greatest"),
        (replace(ADAPTIVE, least=10 * DAY), "least"),
        (replace(FIXED, kinds=Kind(0)), "kinds"),
        (replace(FIXED, late=2 * DAY), "late"),
        (replace(ADAPTIVE, late=DAY), "late"),
        (replace(FIXED, late=MINUTE), "late"),
        (replace(FIXED, repeat_every=DAY), "repeat_every"),
        (replace(FIXED, repeat_most=1), "repeat_every"),
        (replace(FIXED, repeat_every=MINUTE, repeat_most=1), "repeat_every"),
        (replace(FIXED, repeat_every=DAY, repeat_most=1001), "repeat_most"),
        (replace(FIXED, repeat_every=DAY, repeat_most=-1), "repeat_most"),
        (replace(FIXED, quiet_hours=(NIGHT,) * 51), "quiet_hours"),
        (replace(FIXED, quiet_hours=(replace(NIGHT, zone="Europe/Atlantis"),)), "quiet_hours"),
        (replace(FIXED, quiet_hours=(replace(NIGHT, end=NIGHT.start),)), "quiet_hours"),
        (replace(FIXED, pauses=(PAUSE,) * 51), "pauses"),
        (replace(FIXED, pauses=(Interval(at(1), at(1)),)), "pauses"),
        (replace(FIXED, account_id=1, tag="t"), "account"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(rule: NewRule, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked(rule)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({"name": "n"}, 1),
        ({"quiet_hours": (NIGHT,), "pauses": (PAUSE,), "status": "paused"}, 1),
        ({"length": 2 * DAY}, 1),
        ({"length": 3 * DAY}, 2),
        ({"kinds": Kind.ORIGINAL, "late": DAY}, 2),
        ({"kind": "adaptive", "false_alarms": 1.0, "least": DAY, "greatest": 2 * DAY}, 2),
    ],
)
def test_a_change_that_matters_counts(changes: dict[str, Any], version: int) -> None:
    after = changed(Rule(length=2 * DAY, id=3), changes, at(1))
    assert (after.version, after.updated_at, after.id) == (version, at(1), 3)
    assert all(getattr(after, name) == value for name, value in changes.items())


def test_a_rule_that_changes_its_kind_loses_the_lengths_of_the_other() -> None:
    adaptive = Rule("adaptive", false_alarms=1, least=DAY, greatest=2 * DAY)
    fixed = changed(adaptive, {"kind": "fixed", "length": DAY}, at(0))
    assert (fixed.false_alarms, fixed.least, fixed.greatest, fixed.length) == (None, None, None, DAY)
    with pytest.raises(BadInput) as refused:
        changed(adaptive, {"kind": "fixed", "length": DAY, "least": DAY}, at(0))
    assert refused.value.field == "least"


def test_the_scope_of_a_rule_stays() -> None:
    with pytest.raises(BadInput) as refused:
        changed(Rule(length=DAY), {"tag": "other", "id": 4}, at(0))
    assert refused.value.field == "id"


def test_from_when_on_a_silence_is_quiet() -> None:
    assert FIXED.threshold().deadline(at(0)) == at(48)
    assert ADAPTIVE.threshold().deadline(at(0)) == at(9 * 24)
    assert ADAPTIVE.threshold(Fixed(DAY)).deadline(at(0)) == at(24)
