"""What a rule makes of an account, and what of it is news.

Assumes the streaks from the post on that the rule last judged by, built from everything that is known now, and the
state as it was last written. Promises: pure; the same facts judged twice tell nothing the second time; a quiet is told
where coverage passes its deadline and the evidence is fresh, at the deadline; what is not proven is not told, and what
was told and proves wrong is revised. The rules are those of docs/truth.md, "Going quiet".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.events import EventType
from app.domain.rules import Rule, RuleState
from app.domain.silence import Fixed, State, Streak, Threshold, state
from app.domain.verdicts import Facts, Judgement, Told

#: The event of a quiet that is told by this judgement has no id yet.
UNRECORDED = 0
#: A deadline without proof makes the state unknown this much later: the confirming look comes first.
GRACE = timedelta(minutes=30)
#: What waits for a source or for fresh evidence is asked about again this much later, should no look come before.
RECHECK = timedelta(minutes=15)


def evaluate(rule: Rule, facts: Facts, before: RuleState, now: datetime, rhythm: Threshold | None = None) -> Judgement:
    """Judge one account by one rule."""
    walk = _Walk(rule, facts, before, now, rule.threshold(rhythm))
    done = all(walk.pass_over(streak) for streak in facts.streaks[:-1])
    if done:
        walk.arrive(facts.streaks[-1])
    unseen = _unseen_since(facts, walk.at)
    overdue = unseen is not None and unseen <= now and not facts.degraded
    check_at = _check_at(walk, None if overdue else unseen)
    after = replace(walk.at, rule_version=rule.version, check_at=check_at)
    return Judgement(after, tuple(walk.told), unseen if overdue else None)


def since_judged(streaks: Sequence[Streak], before: RuleState) -> tuple[Streak, ...]:
    """Of the streaks in time order those to judge: from the post on that the rule last judged by, else all."""
    start = before.last_post_at
    kept = [each for each in streaks if start is None or each.starts_at is None or each.starts_at >= start]
    return tuple(kept or streaks[-1:])


def crossing(streak: Streak, threshold: Threshold) -> datetime | None:
    """The first moment at which coverage proves that this silence became quiet."""
    start, tail = streak.starts_at, streak.tail
    if start is not None and start + streak.proven >= threshold.deadline(start):
        return threshold.deadline(start)
    if tail is not None and tail.end >= threshold.deadline(tail.start):
        return threshold.deadline(tail.start)
    return None


def due(streak: Streak, threshold: Threshold) -> datetime | None:
    """When the open streak becomes quiet, as far as it can be proven; None where nothing is known of it."""
    if streak.tail is not None:
        return threshold.deadline(streak.tail.start)
    return None if streak.starts_at is None else threshold.deadline(streak.starts_at)


class _Walk:
    """Goes from streak to streak. ``at`` is the state reached so far."""

    def __init__(self, rule: Rule, facts: Facts, before: RuleState, now: datetime, threshold: Threshold) -> None:
        self.rule, self.facts, self.now, self.threshold = rule, facts, now, threshold
        self.at = before
        self.told: list[Told] = []
        self.fresh = facts.fresh(now)
        self._changed = before.rule_version not in (0, rule.version)
        self._passed: Streak | None = None
        self._just_found = False

    @property
    def is_told(self) -> bool:
        """A quiet is told that nothing has ended yet."""
        return self.at.quiet_event_id is not None

    def pass_over(self, streak: Streak) -> bool:
        """A streak that a post has ended. False: it is not decided yet, or it must wait for fresh evidence."""
        self._enter(streak)
        if not self.is_told:
            crossed = crossing(streak, self.threshold)
            if crossed is None and self._is_open_question(streak):
                self._arm(self.facts.streaks[-1], self._state())
                self.at = replace(self.at, deadline=self.threshold.deadline(streak.starts_at or self.now))
                return False
            if crossed is not None and crossed >= self.at.baseline:
                if not self.fresh:
                    self._hold(crossed)
                    return False
                self._tell_quiet(streak, crossed, retrospective=True)
        self._passed = streak
        return True

    def _is_open_question(self, streak: Streak) -> bool:
        """The post that ended it came after its deadline, and what was before the deadline may still surface."""
        assert streak.starts_at is not None  # noqa: S101 - one that a post ended follows a post, too
        assert streak.ends_at is not None  # noqa: S101
        deadline = self.threshold.deadline(streak.starts_at)
        ends = [each.tail.end for each in self.facts.streaks if each.tail is not None]
        return self.at.baseline <= deadline <= streak.ends_at and max(ends, default=streak.starts_at) < deadline

    def _state(self) -> State:
        return state(self.facts.streaks[-1], self.threshold, self.now, self.facts.blind)

    def arrive(self, streak: Streak) -> None:
        """The open streak."""
        self._enter(streak)
        found = self._state()
        if self.is_told:
            self._stay(streak, found)
        elif found is State.QUIET:
            crossed = crossing(streak, self.threshold)
            assert crossed is not None  # noqa: S101 - that is what quiet means
            if self.fresh:
                self._tell_quiet(streak, crossed)
            else:
                self._hold(crossed)
        else:
            self._arm(streak, found)
        self._late(streak)
        self._remind(streak)

    def _enter(self, streak: Streak) -> None:
        """From the silence before to this one: the post between them ends what was told of it."""
        post_at = streak.starts_at
        if post_at is None or post_at == self.at.last_post_at:
            return
        deadline = self.at.deadline
        if self.is_told and deadline is not None:
            if post_at < deadline and self.threshold.deadline(post_at) <= deadline:
                self.at = replace(self.at, last_post_at=post_at)  # found in a hole: it was quiet at the deadline anyway
                return
            self._end(EventType.RESUMED if post_at >= deadline else EventType.REVISED, post_at)
        self.at = replace(
            self.at,
            state=State.ACTIVE,
            since=post_at,
            last_post_at=post_at,
            deadline=self.threshold.deadline(post_at),
            held_since=None,
            quiet_event_id=None,
            late_told=False,
            reminders=0,
        )

    def _end(self, type_: EventType, post_at: datetime) -> None:
        occurred_at = post_at if type_ is EventType.RESUMED else self.now
        self._tell(type_, occurred_at, State.ACTIVE, self._passed, retrospective=self._just_found)
        self._just_found = False

    def _tell_quiet(self, streak: Streak, crossed: datetime, *, retrospective: bool = False) -> None:
        initial = crossed < self.at.baseline
        self.at = replace(self.at, deadline=crossed)
        self._tell(EventType.QUIET, crossed, State.QUIET, streak, initial=initial, retrospective=retrospective)
        self._just_found = retrospective
        self.at = replace(
            self.at, state=State.QUIET, since=crossed, quiet_event_id=UNRECORDED, held_since=None, reminders=0
        )

    def _hold(self, crossed: datetime) -> None:
        since = self.at.since if self.at.state is State.UNKNOWN else crossed
        held = self.at.held_since or self.now
        self.at = replace(self.at, state=State.UNKNOWN, since=since, deadline=crossed, held_since=held)

    def _stay(self, streak: Streak, found: State) -> None:
        """A quiet was told, and no post has been found since."""
        crossed = crossing(streak, self.threshold)
        if self._changed and crossed is None:
            self._tell(EventType.REVISED, self.now, found, streak, rule_changed=True)
            self.at = replace(
                self.at, state=State.UNKNOWN, since=self.now, quiet_event_id=None, late_told=False, reminders=0
            )
            self._arm(streak, found)
            return
        if self._changed:
            self.at = replace(self.at, deadline=crossed)
        if found is State.UNKNOWN and self.at.state is not State.UNKNOWN:
            self.at = replace(self.at, state=State.UNKNOWN, since=self.now)
        elif found is State.QUIET:
            self.at = replace(self.at, state=State.QUIET, since=self.at.deadline or self.now)

    def _arm(self, streak: Streak, found: State) -> None:
        """Nothing to tell: wait for the deadline, or for sight."""
        deadline = due(streak, self.threshold)
        if found is State.ACTIVE:
            start = streak.starts_at
            deadline = self.threshold.deadline(start) if start is not None else deadline
            self.at = replace(self.at, state=found, since=start or self.at.since, deadline=deadline, held_since=None)
            return
        since = self.at.since if self.at.state is State.UNKNOWN else min(self.at.deadline or self.now, self.now)
        self.at = replace(self.at, state=found, since=since, deadline=deadline, held_since=None)

    def _late(self, streak: Streak) -> None:
        if self.rule.late is None or self.is_told or self.at.late_told:
            self.at = replace(self.at, late_at=None)
            return
        stage = Fixed(self.rule.late)
        self.at = replace(self.at, late_at=due(streak, stage))
        if self.fresh and state(streak, stage, self.now, self.facts.blind) is State.QUIET:
            crossed = crossing(streak, stage)
            assert crossed is not None  # noqa: S101 - that is what quiet means
            initial = crossed < self.at.baseline
            self._tell(EventType.LATE, crossed, self.at.state, streak, initial=initial)
            self.at = replace(self.at, late_told=True, late_at=None)

    def _remind(self, streak: Streak) -> None:
        every, anchor = self.rule.repeat_every, self._anchor()
        if every is None or anchor is None or not self.fresh or self.at.reminders >= self.rule.repeat_most:
            return
        number = min((self.now - anchor) // every, self.rule.repeat_most)
        if number > self.at.reminders:
            self._tell(EventType.REMINDER, anchor + every * number, State.QUIET, streak, number=number)
            self.at = replace(self.at, reminders=number)

    def _anchor(self) -> datetime | None:
        """From when reminders count; None where nothing is to be repeated."""
        if self.at.state is not State.QUIET or self.at.deadline is None:
            return None
        return max(self.at.deadline, self.at.baseline)

    def next_reminder(self) -> datetime | None:
        """When the next one is due."""
        anchor, every = self._anchor(), self.rule.repeat_every
        if anchor is None or every is None or self.at.reminders >= self.rule.repeat_most:
            return None
        return anchor + every * (self.at.reminders + 1)

    def _tell(
        self, type_: EventType, occurred_at: datetime, after: State, streak: Streak | None, **flags: object
    ) -> None:
        at = self.at
        told = Told(
            type_,
            occurred_at,
            after,
            at.state,
            at.deadline,
            streak,
            old_event_id=at.quiet_event_id or None,
            **flags,  # type: ignore[arg-type]  # initial, retrospective, number, rule_changed
        )
        self.told.append(told)


def _unseen_since(facts: Facts, at: RuleState) -> datetime | None:
    """When the account counts as unobservable if no look proves anything before; None: it does not, or was told."""
    if at.state is State.ACTIVE or facts.unobservable:
        return None
    seen = max(facts.good_at or at.baseline, facts.epoch or at.baseline)
    if at.state is State.UNKNOWN and at.quiet_event_id is None:
        return min(seen + facts.blind, max(seen, at.deadline or seen) + facts.patience)
    return seen + facts.blind


def _check_at(walk: _Walk, unseen: datetime | None) -> datetime | None:
    at = walk.at
    flip = at.deadline + GRACE if at.state is State.ACTIVE and at.deadline is not None else None
    moments = [moment for moment in (flip, unseen, walk.next_reminder()) if moment is not None]
    return min((moment if moment > walk.now else walk.now + RECHECK for moment in moments), default=None)
