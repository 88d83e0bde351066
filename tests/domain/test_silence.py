from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.coverage import Covered, known_at
from app.domain.intervals import covers, total
from app.domain.models import DateNote, Interval, Kind, Post, Stretch
from app.domain.silence import Fixed, State, Streak, counts, earliest, known_posts, open_streak, state, streaks
from tests.domain import making
from tests.domain.making import HOUR, MINUTE, T0, TICK, at, post, span, stretch, stretches

KIND = Kind.ORIGINAL
NOW = at(60)


def live(*pieces: tuple[float, float]) -> Covered:
    return known_at([stretch(start, end) for start, end in pieces], None, KIND)


def test_an_open_streak_has_a_proven_and_a_possible_length() -> None:
    (streak,) = streaks([post(10)], live((0, 58)), NOW, KIND)
    assert (streak.starts_at, streak.ends_at) == (at(10), None)
    assert streak.proven == 48 * HOUR
    assert streak.possible == 50 * HOUR
    assert streak.unobserved == (span(58, 60),)
    assert streak.tail == span(10, 58)
    assert streak.largest_gap == HOUR
    assert not streak.retrospective


def test_a_hole_ends_what_is_proven_but_not_what_is_certain_later() -> None:
    (streak,) = streaks([post(10)], live((0, 20), (30, 58)), NOW, KIND)
    assert streak.proven == 10 * HOUR
    assert streak.unobserved == (span(20, 30), span(58, 60))
    assert streak.tail == span(30, 58)


def test_a_post_outside_coverage_proves_no_silence_after_it() -> None:
    (streak,) = streaks([post(10)], live((0, 5), (10.5, 30)), NOW, KIND)
    assert streak.proven == timedelta(0)
    assert streak.tail == span(10.5, 30)
    (blind,) = streaks([post(10)], Covered(), NOW, KIND)
    assert blind.proven == timedelta(0)
    assert blind.tail is None
    assert blind.unobserved == (Interval(at(10) + TICK, NOW),)


def test_coverage_that_starts_with_the_post_is_contiguous() -> None:
    for start in (at(10), at(10) + TICK):
        row = Stretch(start, at(58), KIND, True, start, at(58))
        (streak,) = streaks([post(10)], known_at([row], None, KIND), NOW, KIND)
        assert streak.proven == 48 * HOUR
        assert streak.tail == span(10, 58)


def test_closed_streaks_run_from_post_to_post() -> None:
    closed, following, running = streaks([post(10), post(30), post(45)], live((0, 40)), NOW, KIND)
    assert (closed.starts_at, closed.ends_at, closed.proven, closed.possible) == (at(10), at(30), 20 * HOUR, 20 * HOUR)
    assert closed.post == post(10)
    assert closed.ended_by == post(30)
    assert (following.proven, following.possible, following.unobserved) == (10 * HOUR, 15 * HOUR, (span(40, 45),))
    assert running.proven == timedelta(0)


def test_two_posts_at_once_make_no_streak() -> None:
    assert len(streaks([post(10, "a"), post(10, "b")], live((0, 58)), NOW, KIND)) == 1
    almost = streaks([post(10, "a"), Post("b", KIND, at(10) + TICK, NOW)], live((0, 58)), NOW, KIND)
    assert almost[0].proven == TICK


def test_without_a_post_nobody_knows_how_long() -> None:
    (streak,) = streaks([], live((0, 5), (10, 58)), NOW, KIND)
    assert streak.starts_at is None
    assert streak.possible is None
    assert streak.proven == 48 * HOUR
    (never,) = streaks([], Covered(), NOW, KIND)
    assert never.proven == timedelta(0)
    read_back = known_at([stretch(0, 58, live=False)], None, KIND)
    assert streaks([], read_back, NOW, KIND)[0].retrospective
    assert state(streak, 40 * HOUR, NOW) is State.QUIET
    assert state(never, 40 * HOUR, NOW) is State.UNKNOWN


def test_what_counts() -> None:
    assert counts(post(1), KIND)
    assert counts(post(1, deleted=5), KIND)
    assert not counts(post(1, kind=Kind.REPLY), KIND)
    assert not counts(post(1, note=DateNote.BACKDATED), KIND)
    assert counts(post(1, note=DateNote.CLAMPED | DateNote.ZONE_ASSUMED), KIND)


def test_a_late_import_breaks_no_streak() -> None:
    plain = streaks([post(10)], live((0, 58)), NOW, KIND)
    assert streaks([post(10), post(20, note=DateNote.BACKDATED, seen=50)], live((0, 58)), NOW, KIND) == plain


def test_an_undated_post_carries_its_uncertainty() -> None:
    undated = post(30, note=DateNote.MISSING, after=25)
    before, after = streaks([post(10), undated], live((0, 58)), NOW, KIND)
    assert (before.proven, before.possible) == (15 * HOUR, 20 * HOUR)
    assert (after.proven, after.possible) == (28 * HOUR, 35 * HOUR)
    unbounded = post(30, note=DateNote.UNREADABLE)
    assert earliest(unbounded) is None
    before, after = streaks([post(10), unbounded], live((0, 58)), NOW, KIND)
    assert before.proven == timedelta(0)
    assert after.possible is None
    assert earliest(post(3, after=9)) == at(3)


def test_read_back_coverage_is_said_to_be_so() -> None:
    covered = known_at([stretch(0, 20, live=False), stretch(20, 58)], None, KIND)
    early, late = streaks([post(10), post(30)], covered, NOW, KIND)
    assert early.retrospective
    assert not late.retrospective


def test_a_window_selects_whole_streaks() -> None:
    made = [post(10), post(20), post(30), post(40)]
    chosen = streaks(made, live((0, 58)), NOW, KIND, span(20, 30))
    assert [streak.starts_at for streak in chosen] == [at(20)]
    assert [streak.starts_at for streak in streaks(made, live((0, 58)), NOW, KIND, span(19, 45))] == [
        at(n) for n in (10, 20, 30, 40)
    ]


def test_what_was_not_known_yet() -> None:
    made = [post(10), post(20, seen=50), post(5, deleted=40)]
    assert known_posts(made, at(30)) == [post(10), post(5)]
    assert known_posts(made, at(45)) == [post(10), post(5, deleted=40)]


@pytest.mark.parametrize(
    ("now", "seen_to", "expected"),
    [
        (at(20) - TICK, 15, State.ACTIVE),
        (at(20), 15, State.UNKNOWN),
        (at(22), 20, State.QUIET),
        (at(22), 19.99, State.UNKNOWN),
        (at(60), 20, State.UNKNOWN),
    ],
)
def test_states_of_a_ten_hour_rule(now: datetime, seen_to: float, expected: State) -> None:
    streak = open_streak([post(5), post(10)], live((0, seen_to)), now, KIND)
    assert state(streak, 10 * HOUR, now) is expected
    assert state(streak, Fixed(10 * HOUR), now) is expected


@given(st.integers(-2, 2), st.integers(-2, 2))
def test_the_edge_is_exact_to_the_microsecond(seen: int, later: int) -> None:
    """Quiet exactly when coverage reaches the deadline; active exactly until it."""
    deadline = at(20)
    now = max(deadline + later * TICK, deadline + seen * TICK)
    row = Stretch(at(0), deadline + seen * TICK, KIND, True, at(0), at(30))
    streak = open_streak([post(10)], known_at([row], None, KIND), now, KIND)
    found = state(streak, 10 * HOUR, now)
    assert found is (State.ACTIVE if now < deadline else State.QUIET if seen >= 0 else State.UNKNOWN)


def test_silence_after_a_hole_is_quiet_in_its_own_right() -> None:
    streak = open_streak([post(10)], live((0, 20), (30, 58)), NOW, KIND)
    assert state(streak, 28 * HOUR, NOW) is State.QUIET
    assert state(streak, 29 * HOUR, NOW) is State.UNKNOWN


def test_an_undated_last_post_is_neither_active_nor_quiet_in_between() -> None:
    streak = open_streak([post(30, note=DateNote.MISSING, after=20)], live((0, 38)), at(38), KIND)
    assert state(streak, 20 * HOUR, at(38)) is State.ACTIVE
    assert state(streak, 10 * HOUR, at(38)) is State.UNKNOWN
    assert state(streak, 8 * HOUR, at(38)) is State.QUIET


some_posts = st.lists(making.posts, max_size=10, unique_by=lambda made: (made.posted_at, made.native_id))
some_rows = st.lists(stretches, max_size=6)


@given(some_posts, some_rows, st.randoms(use_true_random=False))
def test_order_and_repetition_of_posts_change_nothing(
    posts: list[Post], rows: list[Stretch], rng: random.Random
) -> None:
    mixed = rng.sample(posts + posts[:3], k=len(posts) + len(posts[:3]))
    covered = known_at(rows, None, KIND)
    assert streaks(mixed, covered, NOW, KIND) == streaks(posts, covered, NOW, KIND)


@given(some_posts, some_rows)
def test_streaks_are_honest(posts: list[Post], rows: list[Stretch]) -> None:
    covered = known_at(rows, None, KIND)
    whole = covered.all()
    found = streaks(posts, covered, NOW, KIND)
    assert found[-1].ends_at is None
    for streak in found:
        check(streak, whole)
    for before, after in pairwise(found):
        assert before.ends_at == after.starts_at
    assert open_streak(posts, covered, NOW, KIND) == found[-1]


def check(streak: Streak, whole: tuple[Interval, ...]) -> None:
    if streak.starts_at is None:
        assert streak.possible is None
        return
    end = streak.ends_at or NOW
    assert streak.possible is None or timedelta(0) <= streak.proven <= streak.possible
    if streak.proven:
        assert covers(whole, Interval(streak.starts_at + TICK, streak.starts_at + streak.proven))
    if streak.tail:
        assert streak.starts_at <= streak.tail.start < streak.tail.end <= end
        assert covers(whole, Interval(streak.tail.start + TICK, streak.tail.end))
    assert total(streak.unobserved) <= end - streak.starts_at


@given(some_posts, some_rows, stretches)
def test_more_coverage_never_proves_less(posts: list[Post], rows: list[Stretch], more: Stretch) -> None:
    less = streaks(posts, known_at(rows, None, KIND), NOW, KIND)
    after = streaks(posts, known_at([*rows, more], None, KIND), NOW, KIND)
    for one, other in zip(less, after, strict=True):
        assert other.proven >= one.proven or one.starts_at is None
        assert other.possible == one.possible


def test_the_longest_account_is_read_fast() -> None:
    made = [Post(f"p{n}", KIND, T0 + n * MINUTE, T0 + n * MINUTE) for n in range(3000)]
    assert len(streaks(made, live((0, 60)), at(60), KIND)) == 3000
