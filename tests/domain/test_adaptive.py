"""Adaptive thresholds: between the least and the greatest length, and kept once they were told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.adaptive import Adaptive, rearmed, threshold_of
from app.domain.models import Kind
from app.domain.rhythm.chances import deadline
from app.domain.rules import Rule, RuleState
from app.domain.silence import State
from tests.domain.rhythms import DAY, HOUR, MONDAY, daily, rhythm

USUAL, FEW = rhythm(daily(60)), rhythm(daily(3))
LAST = MONDAY + 59 * DAY + 18 * HOUR
RULE = Rule("adaptive", false_alarms=2, least=6 * HOUR, greatest=9 * DAY, id=1, version=3)
STATE = RuleState(1, 1, MONDAY, MONDAY, State.ACTIVE, 3, LAST, LAST + 9 * DAY)


@given(
    st.floats(0.001, 1000),
    st.timedeltas(timedelta(minutes=15), 30 * DAY),
    st.timedeltas(timedelta(0), 30 * DAY),
    st.timedeltas(-30 * DAY, 30 * DAY),
)
def test_a_deadline_lies_between_the_least_and_the_greatest(
    borne: float, least: timedelta, more: timedelta, moved: timedelta
) -> None:
    rule = replace(RULE, false_alarms=borne, least=least, greatest=least + more)
    last = LAST + moved
    found = Adaptive(USUAL, rule).deadline(last)
    assert last + least <= found <= last + least + more
    assert found in (deadline(USUAL, last, borne), last + least, last + least + more)
    assert Adaptive(USUAL, replace(rule, false_alarms=borne / 2)).deadline(last) >= found


@pytest.mark.parametrize("found", [None, FEW])
def test_without_enough_history_the_greatest_counts(found: object) -> None:
    assert threshold_of(RULE, found, STATE) is None  # type: ignore[arg-type]
    assert RULE.threshold(None).deadline(LAST) == LAST + 9 * DAY


def test_other_kinds_and_fixed_rules_know_no_rhythm() -> None:
    assert threshold_of(replace(RULE, kinds=Kind.ORIGINAL), USUAL, STATE) is None
    fixed = Rule(length=DAY)
    assert threshold_of(fixed, USUAL, STATE) is None


def test_a_quiet_that_was_told_keeps_its_deadline() -> None:
    told = replace(STATE, quiet_event_id=7, deadline=LAST + 20 * HOUR)
    kept = threshold_of(RULE, USUAL, told)
    assert kept is not None
    assert kept.deadline(LAST) == LAST + 20 * HOUR
    assert kept.deadline(LAST + HOUR) == Adaptive(USUAL, RULE).deadline(LAST + HOUR)
    changed = threshold_of(replace(RULE, version=4), USUAL, told)
    assert changed == Adaptive(USUAL, replace(RULE, version=4))


def test_a_deadline_that_moves_into_the_past_is_no_news() -> None:
    threshold = Adaptive(USUAL, RULE)
    passed = threshold.deadline(LAST)
    now = passed + HOUR
    assert rearmed(STATE, threshold, LAST, now).baseline == now
    for state, last, at in (
        (STATE, LAST, passed - HOUR),  # it still lies ahead
        (replace(STATE, deadline=passed), LAST, now),  # nothing moved
        (STATE, LAST + HOUR, now),  # another silence
        (replace(STATE, rule_version=0), LAST, now),  # not judged yet
        (replace(STATE, quiet_event_id=1), LAST, now),
    ):
        assert rearmed(state, threshold, last, at) == state
