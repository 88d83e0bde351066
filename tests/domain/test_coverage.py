from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.coverage import LIVE_GAP, Change, Head, extend, head_of, known_at, proven_to, staleness, unchanged
from app.domain.intervals import intersect, subtract, union
from app.domain.joining import NO_PAGE, Judgement
from app.domain.models import Interval, Kind, Stretch
from tests.domain.making import HOUR, MINUTE, at, span, stretch, stretches

POSTS, REPLIES = Kind.ORIGINAL, Kind.REPLY
BOTH = POSTS | REPLIES
MARGIN = 10 * MINUTE


def judged(start: datetime, *, joined: bool = False, suspended: bool = False) -> Judgement:
    return Judgement(joined, start, frozenset(), NO_PAGE, suspended)


def page_at(
    head: Stretch | None, hour: float, start: float | None = None, *, kinds: Kind = POSTS, suspended: bool = False
) -> tuple[Change, ...]:
    joined = start is None and head is not None
    begins = head.end if joined and head else at(hour) - MARGIN if start is None else at(start)
    return extend(
        head,
        looked_at=at(hour),
        proven_to=at(hour) - MARGIN,
        judgement=judged(begins, joined=joined, suspended=suspended),
        kinds=kinds,
    )


def test_a_first_look_is_retrospective_and_the_next_one_live() -> None:
    (first,) = page_at(None, 10, 2)
    assert first == Change(Stretch(at(2), at(10) - MARGIN, POSTS, False, at(10), at(10), timedelta(0), MARGIN), False)
    (second,) = page_at(first.stretch, 11)
    assert not second.replaces_head
    assert second.stretch == Stretch(at(10) - MARGIN, at(11) - MARGIN, POSTS, True, at(11), at(11), HOUR, MARGIN)
    (third,) = page_at(second.stretch, 13)
    assert third.replaces_head
    assert third.stretch == Stretch(at(10) - MARGIN, at(13) - MARGIN, POSTS, True, at(11), at(13), 2 * HOUR, MARGIN)


def test_a_pause_longer_than_a_day_is_filled_in_retrospect() -> None:
    live = stretch(0, 10, looks=(1, 10))
    (change,) = page_at(live, 40)
    assert not change.replaces_head
    assert not change.stretch.live
    assert change.stretch.start == live.end
    (edge,) = page_at(live, 10 + LIVE_GAP / HOUR)
    assert edge.stretch.live


def test_an_outage_does_not_blur_what_was_known_after_it() -> None:
    (first,) = page_at(None, 10, 2)
    (second,) = page_at(first.stretch, 11)
    (pause,) = page_at(second.stretch, 31)
    assert not pause.replaces_head, "a pause of another order has a row of its own"
    (after,) = page_at(pause.stretch, 31.5)
    (close,) = page_at(after.stretch, 32)
    assert not after.replaces_head
    assert close.replaces_head
    rows = [second.stretch, pause.stretch, close.stretch]
    assert known_at(rows, at(31.75), POSTS).live[-1].end == at(31.5) - MARGIN
    assert known_at(rows, at(32), POSTS).live == (Interval(at(10) - MARGIN, at(32) - MARGIN),)


def test_a_look_after_a_pause_that_adds_nothing_writes_nothing() -> None:
    head = stretch(0, 10, looks=(1, 10))
    judgement = judged(head.end, joined=True)
    assert extend(head, looked_at=at(30), proven_to=at(9), judgement=judgement, kinds=POSTS) == ()


def test_a_page_that_does_not_join_starts_a_new_stretch_after_a_hole() -> None:
    (change,) = page_at(stretch(0, 10), 12, 11)
    assert not change.replaces_head
    assert change.stretch.live
    assert (change.stretch.start, change.stretch.end) == (at(11), at(12) - MARGIN)


def test_an_empty_stretch_gives_way() -> None:
    (first,) = page_at(None, 10)
    assert first.stretch.start == first.stretch.end == at(10) - MARGIN
    (second,) = page_at(first.stretch, 11)
    assert second.replaces_head
    assert second.stretch.live
    (elsewhere,) = page_at(first.stretch, 11, 10.5)
    assert elsewhere.replaces_head


def test_a_suspended_look_changes_nothing() -> None:
    assert page_at(stretch(0, 10), 11, suspended=True) == ()


def test_a_staler_answer_never_shortens() -> None:
    head = stretch(0, 10, looks=(1, 10))
    (change,) = extend(head, looked_at=at(11), proven_to=at(8), judgement=judged(at(10), joined=True), kinds=POSTS)
    assert change.stretch.end == at(10)
    assert change.stretch.lag == 3 * HOUR
    assert change.stretch.recorded_to == at(11)


def test_other_kinds_get_rows_of_their_own() -> None:
    head = stretch(0, 10, kinds=BOTH)
    (change,) = page_at(head, 11, kinds=POSTS)
    assert not change.replaces_head
    assert change.stretch.kinds == POSTS
    assert change.stretch.live


def test_unchanged_extends_only_after_a_proven_page() -> None:
    head = stretch(0, 10, looks=(0, 10))
    told = {"looked_at": at(11), "proven_to": at(11) - MARGIN}
    assert unchanged(head, **told, proven=False, kinds=POSTS) == ()
    assert unchanged(None, **told, proven=True, kinds=POSTS) == ()
    (grown,) = unchanged(head, **told, proven=True, kinds=POSTS)
    assert grown.replaces_head
    assert grown.stretch.end == at(11) - MARGIN
    (narrow,) = unchanged(None, **told, proven=True, kinds=POSTS, since=at(10), previous_look_at=at(10))
    assert narrow.stretch == Stretch(at(10), at(11) - MARGIN, POSTS, True, at(11), at(11), HOUR, MARGIN)


def test_what_a_look_proves_up_to() -> None:
    assert proven_to(at(10), MARGIN) == at(10) - MARGIN
    assert proven_to(at(10), MARGIN, staleness=HOUR) == at(9) - MARGIN
    assert proven_to(at(10), MARGIN, skew=-5 * MINUTE) == at(10) - MARGIN
    assert proven_to(at(10), MARGIN, skew=-HOUR) == at(9) - MARGIN
    assert proven_to(at(10), MARGIN, skew=HOUR) == at(9) - MARGIN
    assert proven_to(at(10), MARGIN, staleness=-HOUR) == at(10) - MARGIN


def test_how_stale_an_answer_may_be() -> None:
    assert staleness(MINUTE, HOUR, timedelta(0)) == MINUTE
    assert staleness(None, HOUR, timedelta(0)) == HOUR
    assert staleness(None, None, 3 * MINUTE) == 3 * MINUTE
    assert staleness(None, None, -HOUR) == timedelta(0)


def test_kinds_are_joined_each_for_itself_and_shared_by_the_question() -> None:
    rows = [stretch(0, 10, kinds=BOTH), stretch(10, 20, kinds=POSTS), stretch(12, 25, kinds=REPLIES, live=False)]
    both = known_at(rows, None, BOTH)
    assert both.live == (span(0, 10),)
    assert both.retrospective == (span(12, 20),)
    assert both.all() == (span(0, 10), span(12, 20))
    assert known_at(rows, None, POSTS).live == (span(0, 20),)
    assert known_at(rows, None, Kind.STORY).unseen_kinds == Kind.STORY
    assert known_at(rows, None, Kind.STORY).all() == ()
    assert known_at([], None, POSTS).unseen_kinds == Kind(0)
    assert both.last_look == at(25)


def test_live_sight_outranks_reading_back() -> None:
    covered = known_at([stretch(0, 10), stretch(5, 20, live=False)], None, POSTS)
    assert covered.live == (span(0, 10),)
    assert covered.retrospective == (span(10, 20),)


def test_gaps_between_looks_belong_to_the_windows_they_touch() -> None:
    covered = known_at([stretch(0, 10, gap=1), stretch(10, 20, gap=5)], None, POSTS)
    assert covered.largest_gap(span(0, 10)) == HOUR
    assert covered.largest_gap(span(5, 11)) == 5 * HOUR
    assert covered.largest_gap(span(30, 40)) == timedelta(0)


def test_what_was_known_earlier_is_bounded_from_below() -> None:
    row = stretch(0, 20, looks=(5, 20), gap=2, lag=1)
    assert known_at([row], at(4), POSTS).all() == ()
    assert known_at([row], at(4), POSTS).last_look is None
    assert known_at([row], at(5), POSTS).all() == (span(0, 4),)
    assert known_at([row], at(10), POSTS).all() == (span(0, 7),)
    assert known_at([row], at(10), POSTS).last_look == at(8)
    assert known_at([row], at(20), POSTS).all() == (span(0, 20),)


looks = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 90), st.sampled_from(["page", "page", "hole", "unchanged", "failed"])),
    min_size=1,
    max_size=14,
)


@given(looks, st.integers(0, 500))
def test_an_earlier_moment_never_knew_more_than_it_did(story: list[tuple[int, int, str]], asked: int) -> None:
    """Replay the looks; compare with what had really been proven when it was asked."""
    rows: list[Stretch] = []
    proven: list[tuple[datetime, Interval]] = []
    hour = 0.0
    for step, minutes, what in story:
        hour += step
        head = rows[-1] if rows else None
        to = at(hour) - minutes * MINUTE
        if what == "failed" or (what == "unchanged" and head is None):
            continue
        if what == "unchanged":
            changes = unchanged(head, looked_at=at(hour), proven_to=to, proven=True, kinds=POSTS)
        else:
            joined = what == "page" and head is not None
            start = head.end if joined and head else max(to - HOUR, head.end) if head else to - 5 * HOUR
            start = start if joined else min(start, to)
            changes = extend(
                head, looked_at=at(hour), proven_to=to, judgement=judged(start, joined=joined), kinds=POSTS
            )
        for change in changes:
            rows[len(rows) - change.replaces_head :] = [change.stretch]
            proven.append((at(hour), Interval(change.stretch.start, change.stretch.end)))
    then = union(piece for when, piece in proven if when <= at(asked / 2))
    claimed = known_at(rows, at(asked / 2), POSTS)
    assert subtract(claimed.all(), then) == ()
    assert known_at(rows, None, POSTS).all() == union(piece for _, piece in proven)
    assert intersect(claimed.live, claimed.retrospective) == ()


@given(st.lists(stretches, max_size=8), st.integers(0, 60), st.integers(0, 60))
def test_knowledge_only_grows(rows: list[Stretch], one: int, other: int) -> None:
    earlier, later = sorted([at(one), at(other)])
    for kinds in (POSTS, BOTH):
        assert subtract(known_at(rows, earlier, kinds).all(), known_at(rows, later, kinds).all()) == ()


@given(st.lists(stretches, max_size=8))
def test_the_head_is_the_coverage_that_ends_last(rows: list[Stretch]) -> None:
    head, whole = head_of(rows, BOTH), known_at(rows, None, BOTH).all()
    if head and head.start < head.end:
        assert Interval(head.start, head.end) == whole[-1]
        assert head.live_from is None or head.start <= head.live_from < head.end


@given(stretches, st.sampled_from([POSTS, REPLIES, BOTH, Kind(0)]))
def test_the_head_of_one_row_is_that_of_the_same_row_twice(row: Stretch, kinds: Kind) -> None:
    assert head_of([row], kinds) == head_of([row, row], kinds)


def test_heads() -> None:
    assert head_of([], POSTS) is None
    assert head_of([stretch(0, 10, kinds=POSTS)], BOTH) is None
    assert head_of([stretch(0, 5, kinds=POSTS), stretch(6, 9, kinds=REPLIES)], BOTH) is None
    rows = [stretch(0, 5, live=False), stretch(5, 10)]
    assert head_of(rows, POSTS) == Head(at(0), at(10), at(5), at(10))
    assert head_of(rows[:1], POSTS) == Head(at(0), at(5), None, at(5))
    assert head_of([*rows, stretch(12, 12)], POSTS) == Head(at(12), at(12), None, at(12))
    assert head_of([stretch(3, 3)], POSTS) == Head(at(3), at(3), None, at(3))
    assert head_of([*rows, stretch(8, 8)], POSTS) == Head(at(0), at(10), at(5), at(10))
