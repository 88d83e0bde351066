from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import DateNote, Kind, Post, SeenPost
from app.domain.sighting import sighted
from tests.domain.making import MINUTE, at, span

LIVE = [span(0, 20), span(30, 99)]


def see(claimed: datetime | None, note: DateNote = DateNote.NONE) -> Post:
    return sighted(SeenPost("a", Kind.ORIGINAL, claimed, note=note), at(100), at(99), LIVE)


def test_an_honest_date_is_kept() -> None:
    assert see(at(98)) == Post("a", Kind.ORIGINAL, at(98), at(100))
    assert see(at(98), DateNote.ZONE_ASSUMED).note == DateNote.ZONE_ASSUMED


def test_a_date_ahead_is_clamped_to_the_first_sight() -> None:
    assert (see(at(200)).posted_at, see(at(200)).note) == (at(100), DateNote.CLAMPED)
    assert (see(at(100) + MINUTE).posted_at, see(at(100) + MINUTE).note) == (at(100), DateNote.NONE)


def test_a_post_made_while_we_asked_keeps_its_date() -> None:
    seen = SeenPost("a", Kind.ORIGINAL, at(100) + MINUTE)
    assert sighted(seen, at(100), at(99), LIVE, at(100) + 2 * MINUTE).posted_at == at(100) + MINUTE
    assert sighted(seen, at(100), at(99), LIVE, at(100) + MINUTE / 2).posted_at == at(100)


def test_without_a_date_it_lies_between_two_looks() -> None:
    missing, unreadable = see(None), see(None, DateNote.UNREADABLE)
    assert (missing.posted_at, missing.posted_after, missing.note) == (at(100), at(99), DateNote.MISSING)
    assert unreadable.note == DateNote.UNREADABLE
    ancient = see(datetime(1970, 1, 1, tzinfo=UTC))
    assert (ancient.posted_at, ancient.posted_after, ancient.note) == (at(100), at(99), DateNote.UNREADABLE)


def test_a_late_import_into_time_that_was_watched_is_flagged() -> None:
    assert see(at(40)).note == DateNote.BACKDATED
    assert see(at(40)).posted_at == at(40)
    for unwatched in (at(-1), at(20), at(25), at(76)):
        assert see(unwatched).note == DateNote.NONE
    assert see(at(75.9)).note == DateNote.BACKDATED


@given(st.none() | st.integers(-(10**9), 10**10).map(lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s)))
def test_no_post_lies_after_its_first_sight(claimed: datetime | None) -> None:
    kept = see(claimed)
    assert kept.posted_at <= kept.first_seen_at == at(100)
    assert kept.posted_after is None or kept.posted_after <= kept.posted_at
    assert kept.posted_at >= datetime(1995, 1, 1, tzinfo=UTC) - timedelta(0)
