from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.coverage import Covered, known_at
from app.domain.intervals import covers
from app.domain.models import DateNote, Interval, Kind, OutcomeName, Post, Stretch
from app.domain.outcomes import Reason
from app.domain.participation import EVIDENCE, Answer, Lapse, Took, Totals, answer, tally
from app.domain.silence import counts, known_posts
from tests.domain import making
from tests.domain.making import HOUR, at, post, span, stretch, stretches, windows

KIND = Kind.ORIGINAL
NOW = at(60)
WINDOW = span(10, 20)


def ask(
    posts: list[Post] | None = None,
    rows: list[Stretch] | None = None,
    window: Interval = WINDOW,
    outcome: OutcomeName | None = OutcomeName.PAGE,
    kinds: Kind = KIND,
    **more: object,
) -> Answer:
    covered = known_at(rows or [], None, kinds)
    return answer(posts or [], covered, window, NOW, kinds, last_outcome=outcome, **more)  # type: ignore[arg-type]


def test_posted_names_its_posts_whatever_the_coverage() -> None:
    found = ask([post(12, "b"), post(11, "a"), post(20, "outside"), post(9)])
    assert found.state is Took.POSTED
    assert [named.native_id for named in found.evidence] == ["a", "b"]
    assert found.posts == 2
    assert found.reasons == ()
    assert found.covered_share == 0
    assert not found.all_deleted


def test_evidence_is_bounded() -> None:
    found = ask([post(11 + n / 10) for n in range(8)])
    assert (found.posts, len(found.evidence)) == (8, EVIDENCE)


def test_a_deleted_post_still_counts_and_says_so() -> None:
    assert ask([post(12, deleted=15)]).all_deleted
    assert ask([post(12, deleted=15)]).state is Took.POSTED
    assert not ask().all_deleted


def test_silent_needs_the_whole_window() -> None:
    found = ask(rows=[stretch(5, 15, live=False), stretch(15, 25)])
    assert found.state is Took.SILENT
    assert found.covered_share == 1
    assert found.retrospective
    assert found.largest_gap == HOUR
    assert not ask(rows=[stretch(5, 25)]).retrospective
    partly = ask(rows=[stretch(5, 15)])
    assert partly.state is Took.UNKNOWN
    assert partly.covered_share == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rows", "outcome", "expected"),
    [
        ([], None, [Reason.NOT_POLLED_YET]),
        ([], OutcomeName.REFUSED, [Reason.SOURCE_REFUSED]),
        ([], OutcomeName.PAGE, [Reason.SETTLING]),
        ([stretch(15, 50)], OutcomeName.PAGE, [Reason.BEFORE_FIRST_LOOK]),
        ([stretch(15, 20, live=False), stretch(20, 50)], OutcomeName.PAGE, [Reason.PAGE_ENDED_BEFORE]),
        ([stretch(30, 30)], OutcomeName.PAGE, [Reason.BEFORE_FIRST_LOOK]),
        ([stretch(5, 5)], OutcomeName.PAGE, [Reason.SETTLING]),
        ([stretch(0, 12), stretch(15, 50)], OutcomeName.PAGE, [Reason.PAGE_ENDED_BEFORE]),
        ([stretch(0, 15)], OutcomeName.UNCHANGED, [Reason.SETTLING]),
        ([stretch(0, 15)], OutcomeName.RATE_LIMITED, [Reason.SOURCE_RATE_LIMITED]),
    ],
)
def test_reasons_follow_from_where_the_hole_lies(
    rows: list[Stretch], outcome: OutcomeName | None, expected: list[Reason]
) -> None:
    found = ask(rows=rows, outcome=outcome)
    assert found.state is Took.UNKNOWN
    assert list(found.reasons) == expected


def test_the_record_of_looks_explains_holes() -> None:
    lapses = [Lapse(span(11, 14), Reason.OWN_OUTAGE), Lapse(span(30, 40), Reason.SOURCE_UNREACHABLE)]
    assert ask(rows=[stretch(0, 12), stretch(15, 50)], lapses=lapses).reasons == (Reason.OWN_OUTAGE,)


def test_a_window_that_is_not_over() -> None:
    window = span(50, 70)
    assert ask([post(55)], window=window).state is Took.POSTED
    assert ask(rows=[stretch(0, 59)], window=window).reasons == (Reason.WINDOW_NOT_OVER,)
    assert ask(rows=[stretch(0, 80)], window=window).reasons == (Reason.WINDOW_NOT_OVER,)
    assert ask(window=span(61, 70), outcome=None).reasons == (Reason.WINDOW_NOT_OVER,)
    assert ask(window=window, outcome=None).reasons == (Reason.NOT_POLLED_YET, Reason.WINDOW_NOT_OVER)
    failing = ask(rows=[stretch(0, 55)], window=window, outcome=OutcomeName.GONE)
    assert failing.reasons == (Reason.SOURCE_GONE, Reason.WINDOW_NOT_OVER)


def test_kinds_that_the_source_does_not_show() -> None:
    found = ask(rows=[stretch(0, 50)], kinds=KIND | Kind.STORY)
    assert found.reasons == (Reason.KINDS_NOT_VISIBLE,)


def test_an_undated_post_on_the_edge_makes_it_unknown_never_silent() -> None:
    whole = [stretch(0, 50)]
    assert ask([post(15, note=DateNote.MISSING, after=11)], whole).state is Took.POSTED
    for doubtful in (
        post(15, note=DateNote.MISSING, after=5),
        post(25, note=DateNote.MISSING, after=15),
        post(25, note=DateNote.MISSING),
        post(25, note=DateNote.MISSING, after=5),
    ):
        assert ask([doubtful], whole).reasons == (Reason.UNDATED_POST,)
    assert ask([post(25, note=DateNote.MISSING, after=20)], whole).state is Took.SILENT
    assert ask([post(9, note=DateNote.MISSING, after=5)], whole).state is Took.SILENT


def test_late_imports_do_not_count() -> None:
    assert ask([post(15, note=DateNote.BACKDATED, seen=45)], [stretch(0, 50)]).state is Took.SILENT


def test_an_account_answers_only_while_it_was_in_use() -> None:
    whole = [stretch(0, 50)]
    assert ask(rows=whole, valid_from=at(10), valid_to=at(20)).state is Took.SILENT
    assert ask(rows=whole, valid_from=at(12)).reasons == (Reason.ACCOUNT_NOT_VALID,)
    assert ask([post(11)], whole, valid_from=at(12)).state is Took.UNKNOWN
    assert ask([post(13)], whole, valid_from=at(12)).state is Took.POSTED
    assert ask([post(15)], whole, valid_to=at(14)).state is Took.UNKNOWN


def test_an_empty_window_is_no_question() -> None:
    with pytest.raises(ValueError, match="empty"):
        ask(window=span(10, 10))


def test_totals() -> None:
    answers = [ask([post(12)]), ask(rows=[stretch(0, 50)]), ask(), ask(outcome=None)]
    assert tally(answers) == Totals(posted=1, silent=1, unknown=2)


some_posts = st.lists(making.posts, max_size=8)
some_rows = st.lists(stretches, max_size=6)
outcomes = st.none() | st.sampled_from(OutcomeName)


@given(some_posts, some_rows, windows, outcomes)
def test_the_three_answers_exclude_each_other_and_rest_on_something(
    posts: list[Post], rows: list[Stretch], window: Interval, outcome: OutcomeName | None
) -> None:
    covered = known_at(rows, None, KIND)
    found = answer(posts, covered, window, NOW, KIND, last_outcome=outcome)
    certain = [made for made in posts if counts(made, KIND) and window.start <= made.posted_at < window.end]
    if found.state is Took.POSTED:
        assert set(found.evidence) <= set(certain)
        assert found.evidence
    elif found.state is Took.SILENT:
        assert not certain
        assert covers(covered.all(), window)
        assert window.end <= NOW
    assert (found.state is Took.UNKNOWN) == bool(found.reasons)
    assert 0 <= found.covered_share <= 1


@given(some_posts, some_rows, windows, outcomes, outcomes, st.booleans())
def test_a_failed_look_changes_no_answer(
    posts: list[Post],
    rows: list[Stretch],
    window: Interval,
    before: OutcomeName | None,
    after: OutcomeName | None,
    outage: bool,
) -> None:
    covered = known_at(rows, None, KIND)
    lapses = [Lapse(span(0, 60), Reason.OWN_OUTAGE)] if outage else []
    one = answer(posts, covered, window, NOW, KIND, last_outcome=before)
    other = answer(posts, covered, window, NOW, KIND, last_outcome=after, lapses=lapses)
    assert (one.state, one.evidence, one.covered_share) == (other.state, other.evidence, other.covered_share)


@given(some_posts, some_rows, windows, st.integers(0, 60), st.integers(0, 60))
def test_definite_answers_stand_as_more_becomes_known(
    posts: list[Post], rows: list[Stretch], window: Interval, one: int, other: int
) -> None:
    """Posted stays posted; silent is contradicted only by what nobody had seen by then."""
    earlier, later = sorted([at(one), at(other)])
    then, now = (
        answer(known_posts(posts, moment), known_at(rows, moment, KIND), window, moment, KIND)
        for moment in (earlier, later)
    )
    if then.state is Took.POSTED:
        assert now.state is Took.POSTED
    if then.state is Took.SILENT and now.state is Took.POSTED:
        assert all(made.first_seen_at > earlier for made in now.evidence)
    if then.state is Took.SILENT:
        assert now.state is not Took.UNKNOWN or Reason.UNDATED_POST in now.reasons


def test_nothing_known_is_said_plainly() -> None:
    assert answer([], Covered(), WINDOW, NOW, KIND).reasons == (Reason.NOT_POLLED_YET,)
