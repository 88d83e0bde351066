"""Transitions against a model that knows what happened: told once, at the deadline, and nothing invented."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.coverage import Covered
from app.domain.events import EventType
from app.domain.intervals import normalise
from app.domain.models import DEFAULT_KINDS, DateNote, Interval, Post
from app.domain.rules import Rule, RuleState
from app.domain.silence import Fixed, State, Streak, open_streak, streaks
from app.domain.transitions import GRACE, RECHECK, UNRECORDED, crossing, due, evaluate, since_judged
from app.domain.verdicts import Facts, Judgement, Told
from tests.domain.making import HOUR, MINUTE, T0, TICK, at, post

LENGTH = 6 * HOUR
MARGIN = HOUR / 2
RULE = Rule(length=LENGTH, id=1)
QUIET, RESUMED, REVISED = EventType.QUIET, EventType.RESUMED, EventType.REVISED


def fresh_state(hours: float = 0) -> RuleState:
    return RuleState(1, 1, baseline=at(hours), since=at(hours))


@dataclass
class World:
    """What is known, as looks bring it, and every event so far."""

    rule: Rule = RULE
    state: RuleState = field(default_factory=fresh_state)
    known: dict[datetime, Post] = field(default_factory=dict)
    covered: list[Interval] = field(default_factory=list)
    good_at: datetime | None = None
    epoch: datetime | None = None
    degraded: bool = False
    unobservable: bool = False
    told: list[Told] = field(default_factory=list)
    unseen: list[datetime] = field(default_factory=list)

    def look(self, now: datetime, visible: list[datetime], depth: int | None = None) -> None:
        """A page of the newest ``depth`` posts; it proves back to its oldest, the whole of it back to the beginning."""
        shown = sorted(visible)[-depth:] if depth else sorted(visible)
        self.known |= {each: post((each - T0) / HOUR, f"p{each}") for each in shown}
        start = T0 - 50 * HOUR if len(shown) == len(visible) else shown[0]
        if start < now - MARGIN:
            self.covered.append(Interval(start, now - MARGIN))
        self.good_at = now
        if self.unobservable:
            self.unobservable = False

    def judge(self, now: datetime) -> Judgement:
        found = streaks(self.known.values(), Covered(live=normalise(self.covered)), now, DEFAULT_KINDS)
        facts = Facts(since_judged(found, self.state), self.good_at, self.epoch, self.degraded, self.unobservable)
        done = evaluate(self.rule, facts, self.state, now)
        again = evaluate(self.rule, replace(facts, streaks=since_judged(found, done.after)), done.after, now)
        assert again.told == ()
        assert done.after.check_at is None or done.after.check_at > now
        self.state = replace(done.after, quiet_event_id=7) if done.after.quiet_event_id == UNRECORDED else done.after
        self.told += done.told
        if done.unobservable_since is not None:
            self.unobservable = True
            self.unseen.append(done.unobservable_since)
        return done

    def types(self) -> list[tuple[EventType, datetime]]:
        return [(each.type, each.occurred_at) for each in self.told]

    def answer(self) -> bool:
        """What somebody holds who applied the events in order: quiet or not."""
        last = [each for each in self.told if each.type in (QUIET, RESUMED, REVISED)]
        return bool(last) and last[-1].state is State.QUIET


MINUTES = st.integers(0, 60 * 48)
steps = st.lists(
    st.tuples(
        MINUTES,
        st.sampled_from(["look", "look", "look", "fail", "sweep", "restart", "degraded", "recovered"]),
    ),
    max_size=40,
)


@given(st.lists(MINUTES, unique=True, max_size=12), steps, st.integers(0, 60 * 24))
@example([0, 391], [], 391)  # the silence ends at the very moment of the first judgement
def test_each_true_crossing_is_told_once_at_its_deadline_in_any_interleaving(
    made: list[int], acts: list[tuple[int, str]], begins: int
) -> None:
    posts = sorted(T0 + n * MINUTE for n in made)
    baseline = T0 + begins * MINUTE
    world = World(state=fresh_state(begins / 60))
    world.look(baseline - TICK, [each for each in posts if each < baseline])
    world.judge(baseline)
    last_fresh = baseline - TICK
    for minute, act in sorted(acts):
        now = T0 + minute * MINUTE
        if now <= baseline:
            continue
        if act == "look":
            world.look(now, [each for each in posts if each <= now])
            last_fresh = last_fresh if world.degraded else now
        elif act == "restart":
            world.epoch = now
        elif act in ("degraded", "recovered"):
            if world.degraded and act == "recovered":
                world.epoch = now
            world.degraded = act == "degraded"
        world.judge(now)
    # A last look that is fresh decides all that can be decided.
    end = T0 + 49 * HOUR
    world.degraded, world.epoch = False, None
    world.look(end, posts)
    world.judge(end)
    expected: list[tuple[EventType, datetime]] = []
    for one, following in zip(posts, [*posts[1:], None], strict=False):
        deadline = one + LENGTH
        if deadline > end - MARGIN or (following is not None and following < deadline):
            continue
        held_before = deadline < baseline
        if held_before and (following is not None and following < baseline):  # the first look sees nothing later
            continue
        expected.append((QUIET, deadline))
        if following is not None:
            expected.append((RESUMED, following))
    told = [each for each in world.types() if each[0] in (QUIET, RESUMED, REVISED)]
    # Before the first post nobody knows for how long it has been silent: that quiet is told at what is proven.
    without_post = [each for each in world.told if each.type is QUIET and each.streak and each.streak.starts_at is None]
    if without_post:
        first = told.index((QUIET, without_post[0].occurred_at))
        told = told[:first] + told[first + 2 if posts else first + 1 :]
    initial = {each.occurred_at for each in world.told if each.initial}
    missing = [each for each in expected if each not in told]
    assert [each for each in told if each not in expected] == []
    # History before the baseline is told where it still lasts at a fresh judgement, else not at all.
    for type_, moment in missing:
        deadline = moment if type_ is QUIET else max(d for t, d in expected if t is QUIET and d <= moment)
        assert deadline < baseline
        assert deadline not in initial
    assert len(told) == len(set(told))
    assert world.answer() == (world.state.quiet_event_id is not None)
    assert (world.state.state is State.QUIET) == world.answer()


@given(
    st.lists(st.tuples(MINUTES, st.sampled_from([0, 0, 0, 45, 300, 700])), max_size=14, unique_by=lambda each: each[0]),
    steps,
    st.sampled_from([1, 2, 4, None]),
)
def test_with_holes_and_late_posts_nothing_is_invented_and_the_last_word_is_true(
    made: list[tuple[int, int]], acts: list[tuple[int, str]], depth: int | None
) -> None:
    world = World()
    for minute, act in sorted(acts):
        now = T0 + minute * MINUTE
        shown = [T0 + n * MINUTE for n, late in made if n + late <= minute]
        if act == "look" and shown:
            world.look(now, shown, depth)
        elif act == "restart":
            world.epoch = now
        elif act in ("degraded", "recovered"):
            world.degraded = act == "degraded"
        before = set(world.known)
        done = world.judge(now)
        for told in done.told:
            if told.type is QUIET:
                assert told.occurred_at <= now
                inside = [each for each in before if told.occurred_at - LENGTH < each < told.occurred_at]
                assert inside == []
                assert any(piece.end >= told.occurred_at for piece in world.covered)
            if told.type is RESUMED:
                assert told.occurred_at in before
    assert world.answer() == (world.state.quiet_event_id is not None)
    quiets = [each.occurred_at for each in world.told if each.type is QUIET]
    assert len(quiets) == len(set(quiets))
    if world.answer():
        assert all(each <= quiets[-1] - LENGTH for each in world.known)


@pytest.mark.parametrize(("after", "told"), [(-TICK, 0), (timedelta(0), 1), (TICK, 1)])
def test_exactly_at_the_threshold(after: timedelta, told: int) -> None:
    """F9: coverage that ends a microsecond before, at and after the deadline; one transition only."""
    world = World()
    world.look(at(1), [at(0)])
    world.judge(at(1))
    moment = at(6) + MARGIN + after
    world.look(moment, [at(0)])
    world.judge(moment)
    world.judge(moment + TICK)
    assert world.types() == [(QUIET, at(6))] * told


@pytest.mark.parametrize(("gap", "told"), [(-TICK, 0), (timedelta(0), 2), (TICK, 2)])
def test_a_post_exactly_at_the_threshold(gap: timedelta, told: int) -> None:
    """Half-open: a silence of exactly the length was quiet, and ends in the same instant."""
    for looks in ([at(1), at(8)], [at(1), at(6.2), at(8)], [at(1), at(6.5), at(6.6), at(8)]):
        world = World()
        posts = [at(0), at(6) + gap]
        for now in looks:
            world.look(now, [each for each in posts if each <= now])
            world.judge(now)
        found = [each for each in world.types() if each[0] is not REVISED]
        if gap < timedelta(0) and len(looks) > 2 and looks[1] == at(6.5):
            continue  # seen before the margin had settled
        assert found == [(QUIET, at(6)), (RESUMED, at(6) + gap)][:told]


def test_flapping_posts_just_before_the_threshold_tell_nothing() -> None:
    """F10."""
    world, posts = World(), [at(0)]
    for n in range(1, 40):
        now = posts[-1] + LENGTH - TICK
        posts.append(now)
        world.look(now, posts)
        world.judge(now + MARGIN)
        assert world.state.last_post_at == posts[-1], n
    assert world.told == []


def test_who_applies_the_events_by_sequence_in_any_order_of_arrival_holds_the_true_state() -> None:
    """D11: the event with the highest sequence that arrived says the state."""
    world, posts = World(), [at(0)]
    for step in range(1, 80):
        now = at(step)
        if step % 17 == 0:
            posts.append(now)
        world.look(now, posts)
        world.judge(now)
    assert len(world.told) > 6
    for end in range(len(world.told)):
        arrived = world.told[: end + 1]
        assert max(enumerate(arrived))[1].state is arrived[-1].state
    assert world.answer() == (world.state.state is State.QUIET)


def judged(streak: Streak, before: RuleState, now: datetime, rule: Rule = RULE, **facts: object) -> Judgement:
    given_facts = {"good_at": now, **facts}
    return evaluate(rule, Facts((streak,), **given_facts), before, now)  # type: ignore[arg-type]


def silence(hours: float, now: datetime, *pieces: Interval) -> Streak:
    return open_streak([post(hours)], Covered(live=pieces), now, DEFAULT_KINDS)


def test_a_deadline_without_proof_is_unknown_and_unobservable_after_a_while() -> None:
    seen = silence(0, at(7), Interval(at(-1), at(3)))
    done = judged(seen, fresh_state(), at(7), good_at=at(3))
    assert (done.after.state, done.told, done.unobservable_since) == (State.UNKNOWN, (), None)
    assert done.after.check_at == at(12)
    later = judged(seen, done.after, at(13), good_at=at(3))
    assert (later.unobservable_since, later.after.check_at) == (at(12), None)
    held = judged(seen, done.after, at(13), good_at=at(3), degraded=True)
    assert (held.unobservable_since, held.after.check_at) == (None, at(13) + RECHECK)
    known = judged(seen, later.after, at(14), good_at=at(3), unobservable=True)
    assert (known.unobservable_since, known.after.check_at) == (None, None)
    after_pause = judged(seen, done.after, at(13), good_at=at(3), epoch=at(13))
    assert after_pause.after.check_at == at(19)


def test_an_account_that_was_never_seen_is_unobservable_in_the_end() -> None:
    nothing = open_streak([], Covered(), at(1), DEFAULT_KINDS)
    done = judged(nothing, fresh_state(), at(1), good_at=None)
    assert (done.after.state, done.after.deadline, done.after.check_at) == (State.UNKNOWN, None, at(6))


def test_an_active_account_is_looked_at_again_by_the_sweep_only_after_the_confirming_look() -> None:
    done = judged(silence(0, at(1), Interval(at(-1), at(1))), fresh_state(), at(1))
    assert (done.after.state, done.after.check_at) == (State.ACTIVE, at(6) + GRACE)


def test_a_quiet_that_is_still_told_when_the_clock_was_set_back_stays() -> None:
    quiet = judged(silence(0, at(7), Interval(at(-1), at(7))), fresh_state(), at(7)).after
    back = judged(silence(0, at(5), Interval(at(-1), at(5))), quiet, at(5))
    assert (back.after.state, back.told) == (State.QUIET, ())


def test_evidence_from_the_future_or_from_before_a_pause_is_not_fresh() -> None:
    streak = silence(0, at(7), Interval(at(-1), at(7)))
    for facts in ({"good_at": at(30)}, {"good_at": None}, {"epoch": at(9)}, {"degraded": True}):
        done = judged(streak, fresh_state(), at(7), **facts)
        assert done.told == ()
        assert (done.after.state, done.after.held_since) == (State.UNKNOWN, at(7))
        again = judged(streak, done.after, at(8), **facts)
        assert (again.after.held_since, again.after.since) == (at(7), done.after.since)
        if "degraded" not in facts:
            assert judged(streak, done.after, at(9), good_at=at(9)).told[0].type is QUIET


def test_late_comes_once_before_quiet_and_not_with_it() -> None:
    rule = replace(RULE, late=3 * HOUR)
    world = World(rule)
    for hour in (1, 2, 4, 5, 7, 9):
        world.look(at(hour), [at(0)])
        world.judge(at(hour))
    assert world.types() == [(EventType.LATE, at(3)), (QUIET, at(6))]
    world = World(rule)
    for hour in (1, 8):
        world.look(at(hour), [at(0)])
        world.judge(at(hour))
    assert world.types() == [(QUIET, at(6))]
    world = World(rule, degraded=True)
    world.look(at(4), [at(0)])
    world.judge(at(4))
    assert (world.told, world.state.late_at) == ([], at(3))


def test_reminders_are_not_made_up_for_and_come_to_an_end() -> None:
    rule = replace(RULE, repeat_every=HOUR, repeat_most=3)
    world = World(rule)
    for hour in (1, 7, 7.2, 8.5, 8.6, 12, 20):
        world.look(at(hour), [at(0)])
        world.judge(at(hour))
    reminders = [(each.number, each.occurred_at) for each in world.told if each.type is EventType.REMINDER]
    assert reminders == [(1, at(7)), (2, at(8)), (3, at(9))]
    world = World(rule, degraded=False)
    for hour in (1, 6.6):
        world.look(at(hour), [at(0)])
        world.judge(at(hour))
    world.degraded = True
    world.judge(at(7.5))
    assert world.state.check_at == at(7.5) + RECHECK


def test_a_changed_rule_revises_or_keeps_what_it_had_told() -> None:
    world = World()
    for hour in (1, 7):
        world.look(at(hour), [at(0)])
        world.judge(at(hour))
    world.rule = replace(RULE, version=1 + 1, length=20 * HOUR)
    world.judge(at(7.1))
    revised = world.told[-1]
    assert (revised.type, revised.rule_changed, revised.state, revised.old_event_id) == (REVISED, True, State.ACTIVE, 7)
    world.rule = replace(RULE, version=3, length=3 * HOUR)
    world.judge(at(7.2))
    world.rule = replace(RULE, version=4, length=2 * HOUR)
    world.judge(at(7.3))
    assert world.types()[2:] == [(QUIET, at(3))]
    assert world.state.deadline == at(2)


def test_a_changed_rule_over_a_silence_without_a_post_can_leave_it_unknown() -> None:
    world = World()
    world.look(at(7), [])
    world.judge(at(7))
    assert world.types()[0][0] is QUIET
    world.rule = replace(RULE, version=2, length=1000 * HOUR)
    world.judge(at(7.1))
    assert (world.told[-1].type, world.told[-1].state, world.state.since) == (REVISED, State.UNKNOWN, at(7.1))


def test_a_post_found_in_a_hole_before_the_proven_silence_changes_nothing() -> None:
    world = World()
    world.known[at(0)] = post(0)
    world.covered = [Interval(at(-5), at(1)), Interval(at(3), at(10))]
    world.good_at = at(10)
    world.judge(at(10))
    assert world.types() == [(QUIET, at(9))]
    world.known[at(2)] = post(2)
    world.judge(at(10.1))
    assert (len(world.told), world.state.last_post_at, world.state.deadline) == (1, at(2), at(9))


def test_an_undated_post_is_no_proof_of_when_a_silence_ended() -> None:
    world = World()
    world.look(at(1), [at(0)])
    world.judge(at(1))
    world.look(at(9), [at(0)])
    world.known[at(9)] = post(9, note=DateNote.MISSING, after=1)
    world.judge(at(9))
    assert (world.told, world.state.last_post_at) == ([], at(0))  # something may still surface
    world.covered.append(Interval(at(8), at(9.5)))
    world.judge(at(10))
    assert (world.told, world.state.last_post_at) == ([], at(9))


def test_what_is_due_and_crossed_follows_what_is_proven() -> None:
    stage = Fixed(LENGTH)
    assert due(silence(0, at(9)), stage) == at(6)
    assert due(silence(0, at(9), Interval(at(4), at(9))), stage) == at(10)
    assert due(open_streak([], Covered(), at(9), DEFAULT_KINDS), stage) is None
    assert crossing(silence(0, at(9)), stage) is None
    assert crossing(silence(0, at(20), Interval(at(4), at(19))), stage) == at(10)
