"""The join rule on a simulated account, and each of its cases by hand."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.coverage import extend, known_at
from app.domain.joining import NO_PAGE, REMEMBERED, Judgement, PageMemory, judge_page, page_again, rekeyed, surely_joins
from app.domain.models import DateNote, Kind, Post, Stretch
from app.domain.silence import Streak, streaks
from tests.domain.making import HOUR, T0, at
from tests.domain.simulation import run

Page = list[tuple[str, datetime]]


def page(*hours: float) -> Page:
    return [(f"p{n}", at(n)) for n in hours]


def seen(*hours: float, missing: frozenset[str] = frozenset()) -> PageMemory:
    return PageMemory(tuple(sorted(page(*hours), key=lambda stamp: stamp[1], reverse=True)), missing, True)


def judge(
    posts: Page,
    memory: PageMemory = NO_PAGE,
    *,
    head: float | None = None,
    to: float = 100,
    ordered: bool = False,
    complete: bool = False,
    known: frozenset[str] = frozenset(),
    created: float | None = None,
) -> Judgement:
    return judge_page(
        posts,
        known,
        memory,
        ordered=ordered,
        complete=complete,
        head=None if head is None else at(head),
        proven_to=at(to),
        account_created_at=None if created is None else at(created),
    )


@given(st.integers(0, 2**32))
def test_no_instant_is_proven_in_which_a_post_is_visible_and_unknown(seed: int) -> None:
    watcher = run(seed, looks=30)
    assert watcher.violations == []


def test_the_simulation_is_not_idle() -> None:
    watchers = [run(seed) for seed in range(60)]
    assert sum(watcher.joins for watcher in watchers) > 1000
    assert sum(len(watcher.deleted) for watcher in watchers) > 20


stamps = st.lists(st.tuples(st.integers(0, 9).map(str), st.integers(0, 30).map(at)), max_size=12)


@given(stamps, stamps, st.sets(st.integers(0, 9).map(str)), st.booleans(), st.booleans(), st.integers(0, 30))
def test_what_surely_joins_is_judged_to_join(
    posts: Page, last: Page, known: set[str], ordered: bool, complete: bool, head: int
) -> None:
    memory = PageMemory(tuple(dict(last).items()), frozenset(known & dict(last).keys()), True)
    verdict = judge_page(
        posts, known, memory, ordered=ordered, complete=complete, head=at(head), proven_to=at(head + 1)
    )
    if surely_joins(posts, memory, ordered=ordered, head=at(head)):
        assert verdict.joined or verdict.suspended
    assert not surely_joins(posts, memory, ordered=ordered, head=None)


names = st.integers(0, 25)
pages = st.lists(st.dictionaries(names, st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=6)


def follow(looks: list[Page], ordered: bool) -> tuple[list[Streak], frozenset[str]]:
    """Watch page after page, one hour apart, and read the streaks from what is kept."""
    known: dict[str, datetime] = {}
    memory, rows, gone = NO_PAGE, list[Stretch](), frozenset[str]()
    for turn, posts in enumerate(looks):
        now = at(30 + turn)
        head = rows[-1] if rows else None
        verdict = judge_page(
            posts,
            [name for name, _ in posts if name in known],
            memory,
            ordered=ordered,
            complete=False,
            head=head.end if head else None,
            proven_to=now - HOUR / 6,
        )
        for name, posted_at in sorted(posts):
            known.setdefault(name, posted_at)
        memory, gone = verdict.memory, gone | verdict.deleted
        for change in extend(head, looked_at=now, proven_to=now - HOUR / 6, judgement=verdict, kinds=Kind.ORIGINAL):
            rows[len(rows) - change.replaces_head :] = [change.stretch]
    covered = known_at(rows, None, Kind.ORIGINAL)
    found = [Post(name, Kind.ORIGINAL, posted_at, posted_at, note=DateNote.NONE) for name, posted_at in known.items()]
    return streaks(found, covered, at(40), Kind.ORIGINAL), gone


@given(pages, st.booleans(), st.randoms(use_true_random=False))
def test_order_and_repetition_on_a_page_change_nothing(
    looks: list[dict[int, int]], ordered: bool, rng: random.Random
) -> None:
    plain = [[(f"p{n}", at(n + turn / 100)) for n, turn in look.items()] for look in looks]
    mixed = [rng.sample(look + look[:3], k=len(look) + len(look[:3])) for look in plain]
    assert follow(plain, ordered) == follow(mixed, ordered)


def test_the_first_look_proves_from_the_first_post_that_cannot_float() -> None:
    assert judge(page(10, 20, 30, 40, 50)).starts_at == at(40)
    assert judge(page(10, 20, 30, 40, 50), ordered=True).starts_at == at(10)
    assert judge(page(10, 20, 30)).starts_at == at(100)
    assert judge([]).starts_at == at(100)
    assert not judge(page(10), ordered=True).joined


def test_a_whole_history_proves_from_the_beginning_of_the_account() -> None:
    assert judge(page(10, 20), complete=True, created=3).starts_at == at(3)
    assert judge(page(10, 20), complete=True).starts_at == at(10)
    assert judge(page(10, 20), complete=True, created=15).starts_at == at(10)
    assert judge([], complete=True).starts_at == at(100)
    assert judge([], complete=True, head=50) == Judgement(True, at(50), frozenset(), PageMemory(proven=True))


def test_a_page_joins_when_it_reaches_back_past_the_proven_end() -> None:
    memory = seen(10, 20, 30, 40, 50)
    assert judge(page(20, 30, 40, 50, 60), memory, head=55).joined
    assert judge(page(20, 30, 40, 50, 60), memory, head=55).starts_at == at(55)
    assert not judge(page(30, 40, 50, 60, 70), memory, head=55).joined
    assert judge(page(50, 60), memory, head=55, ordered=True).joined


def test_posts_of_the_settling_margin_are_no_anchor() -> None:
    """Something between them and the proven end may have surfaced late and be off the page already."""
    memory = seen(60, 61, 62, 63, 64)
    verdict = judge(page(60, 61, 62, 63, 64, 90), memory, head=55)
    assert not verdict.joined
    assert verdict.starts_at == at(63)
    assert not judge(page(60, 61), memory, head=55, ordered=True).joined


def test_a_few_posts_may_all_be_pinned() -> None:
    """Two old posts and a new one: all between may have been pushed off a page of one."""
    verdict = judge(page(10, 20, 90), seen(10, 20), head=55)
    assert not verdict.joined
    assert verdict.starts_at == at(90)
    assert judge(page(10, 20), seen(10, 20), head=55).joined
    assert judge(page(20), seen(10, 20), head=55).joined


def test_a_burst_leaves_a_hole_until_paging_joins() -> None:
    memory = seen(10, 20, 30, 40, 50)
    burst = page(60, 61, 62, 63, 64, 65)
    assert judge(burst, memory, head=55).starts_at == at(63)
    assert judge(burst, memory, head=55, ordered=True).starts_at == at(60)
    assert judge(burst + page(20, 30, 40, 50), memory, head=55).joined
    assert judge(burst + page(5), memory, head=55).starts_at == at(63)
    assert judge(burst, memory, head=55, to=61).starts_at == at(61)


def test_late_imports_are_no_anchor() -> None:
    memory = seen(40, 41, 42, 43, 44, 45)
    assert judge([(f"old{n}", at(n)) for n in range(10)], memory, head=55).starts_at == at(100)
    assert judge([*[(f"old{n}", at(n)) for n in range(3)], *page(45)], memory, head=55).starts_at == at(100)
    assert judge([*page(40, 41), ("old", at(5))], seen(40, 41), head=55).joined


def test_a_post_missing_once_suspends_and_missing_twice_is_deleted() -> None:
    memory = seen(10, 20, 30, 40, 50, 52)
    once = judge(page(10, 20, 30, 40, 52), memory, head=55)
    assert once.suspended
    assert not once.joined
    assert not once.deleted
    assert once.memory.missing == {"p50"}
    assert not once.memory.proven
    twice = judge(page(10, 20, 30, 40, 52, 60), once.memory, head=55)
    assert twice.joined
    assert twice.deleted == {"p50"}
    back = judge(page(10, 20, 30, 40, 50, 52), once.memory, head=55)
    assert back.joined
    assert not back.deleted


def test_the_same_page_again_decides_about_a_suspect() -> None:
    once = judge(page(10, 20, 30, 40, 52), seen(10, 20, 30, 40, 50, 52), head=55)
    assert sorted(page_again(once.memory)) == sorted(page(10, 20, 30, 40, 52))
    assert judge(list(page_again(once.memory)), once.memory, head=55).deleted == {"p50"}


def test_what_scrolled_aged_out_or_lost_its_pin_is_not_deleted() -> None:
    memory = seen(10, 20, 30, 40, 50, 52)
    for shown in (page(30, 40, 50, 52, 60, 61), page(20, 30, 40, 50, 52), page(40, 50, 52)):
        verdict = judge(shown, memory, head=55)
        assert verdict.joined or shown == page(40, 50, 52)
        assert not verdict.suspended
    assert judge(page(20, 30), seen(10, 20, 30), head=55).joined
    assert judge(page(10, 20), seen(10, 20, 30), head=55).suspended
    assert judge(page(10, 20, 60), seen(10, 20, 30), head=55).starts_at == at(60)
    assert judge([], memory, head=55).starts_at == at(100)


def test_a_whole_history_shows_every_deletion() -> None:
    once = judge(page(10), seen(10, 20), head=55, complete=True)
    assert once.suspended
    assert judge(page(10), once.memory, head=55, complete=True).deleted == {"p20"}


def test_unchanged_needs_a_page_that_would_join_again() -> None:
    assert judge(page(10, 20, 30, 40, 50)).memory.proven
    assert not judge(page(96, 97, 98, 99, 99.5), to=95).memory.proven
    assert judge(page(96, 97), to=95, complete=True).memory.proven


def test_a_known_post_with_an_edited_date_counts_at_its_latest() -> None:
    memory = seen(10, 20, 30, 40)
    moved = [*page(10, 20, 30), ("p40", at(70))]
    assert not judge([*moved, *page(90)], memory, head=55).joined
    assert judge([("p40", at(5)), *page(10, 20, 30)], memory, head=35).joined is False


def test_posts_stored_from_deeper_pages_are_anchors_too() -> None:
    shown = page(1, 2, 3, 4, 60)
    assert not judge(shown, seen(50, 51), head=55).joined
    assert judge(shown, seen(50, 51), head=55, known=frozenset({"p1", "p2", "p3", "p4"})).suspended


def test_memory_is_bounded_and_newest_first() -> None:
    verdict = judge([(f"p{n}", T0 + timedelta(minutes=n)) for n in range(250)])
    assert len(verdict.memory.ids_times) == REMEMBERED
    assert verdict.memory.ids_times[0][0] == "p249"


def test_a_rekeyed_feed_is_no_news() -> None:
    aliases = {f"new{n}": f"link{n}" for n in range(4)}
    stored = {f"link{n}": f"old{n}" for n in range(3)}
    assert rekeyed(aliases, set(), stored) == {"new0": "old0", "new1": "old1", "new2": "old2"}
    assert rekeyed(aliases, {"new0"}, stored) == {}
    assert rekeyed({}, set(), stored) == {}
