from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.coverage import Covered
from app.domain.models import DateNote, Interval, Kind, Post
from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import chance, deadline, expected_posts, planned, times_a_year
from app.domain.rhythm.fitting import fit, fit_known
from app.domain.rhythm.state import VERSION, Rhythm
from tests.domain.rhythms import DAY, HOUR, MONDAY, coverages, daily, histories, moments, rhythm, rhythms, sane, zones


@given(histories, coverages, zones, moments)
def test_any_history_gives_a_sane_value_that_survives_its_bytes(
    posts: list[datetime], coverage: list[Interval], zone: str, at: datetime
) -> None:
    found = fit(posts, coverage, zone, at)
    assert sane(found)
    stored = found.to_bytes()
    assert len(stored) <= 2048
    assert Rhythm.from_bytes(stored) == found
    assert fit([*posts[::-1], *posts], coverage, zone, at) == found


@given(histories, st.integers(1, 60), st.integers(-12, 12), zones)
def test_shifted_weeks_and_relabelled_zones_give_the_same_answers(
    posts: list[datetime], weeks: int, hours: int, zone: str
) -> None:
    """Weeks as seen by a zone without changes; and a zone five hours ahead whose people live five hours earlier."""
    end = MONDAY + 500 * DAY
    base = fit(posts, [Interval(MONDAY, end)], "Etc/GMT", end)
    by = timedelta(weeks=weeks)
    shifted = fit([post + by for post in posts], [Interval(MONDAY + by, end + by)], "UTC", end + by)
    ago = timedelta(hours=hours)
    ahead = f"Etc/GMT{-hours:+d}"
    relabelled = fit([post - ago for post in posts], [Interval(MONDAY - ago, end - ago)], ahead, end - ago)
    for moved, delta in ((shifted, by), (relabelled, -ago)):
        for length in (6, 24, 168):
            asked = chance(base, end, end, end + length * HOUR)
            assert chance(moved, end + delta, end + delta, end + delta + length * HOUR) == pytest.approx(
                asked, abs=1e-5
            )
        again = deadline(moved, end + delta, 2.0) - delta
        assert abs((again - deadline(base, end, 2.0)).total_seconds()) <= 1e-4 * (again - end).total_seconds() + 1
    assert (
        fit(posts, [Interval(MONDAY, end)], "Asia/Calcutta", end).to_bytes()[-900:]
        == (fit(posts, [Interval(MONDAY, end)], "Asia/Kolkata", end).to_bytes()[-900:])
    )


@pytest.mark.parametrize("posts", [[], [MONDAY + 90 * DAY], [MONDAY + 90 * DAY] * 500])
def test_no_post_one_post_and_a_second_full_of_posts_are_not_enough(posts: list[datetime]) -> None:
    found = rhythm(posts, MONDAY + 100 * DAY)
    now = MONDAY + 100 * DAY
    last = posts[-1] if posts else None
    assert not found.enough
    assert found.posts == len(set(posts))
    # Wide answers: a day says nothing, and nobody is woken within days.
    assert chance(found, last, now, now + DAY) > 0.5
    assert times_a_year(found, now - DAY, now) > 0.5 if posts else True
    assert deadline(found, now, 1.0) - now > 20 * DAY


def test_five_daily_posts_are_still_wide() -> None:
    found = rhythm(daily(5, (12,)))
    last = MONDAY + 4 * DAY + 12.5 * HOUR
    assert not found.enough
    assert 0.2 < chance(found, last, last, last + DAY) < 0.7
    assert deadline(found, last, 12.0) - last > 3 * DAY


def test_a_steady_account_is_read_sharply() -> None:
    found = rhythm(daily(120))
    last = max(daily(120))
    assert found.enough
    assert chance(found, last, last, last + DAY) < 0.05
    assert deadline(found, last, 2.0) - last < 4 * DAY
    assert expected_posts(found, last, last + 7 * DAY) == pytest.approx(21, rel=0.1)
    assert sum(found.hours) == pytest.approx(1)
    assert sum(found.days) == pytest.approx(1)


def test_its_weekdays_are_known() -> None:
    posts = daily(200, (12,), skip=(5, 6))
    found = rhythm(posts, MONDAY + 200 * DAY)
    now = MONDAY + 200 * DAY
    monday = now + (-200 % 7) * DAY
    asked = [planned(found, posts[-1], now, monday + k * DAY, monday + (k + 1) * DAY) for k in range(7)]
    assert max(asked[:5]) < 0.5 < min(asked[5:])
    assert expected_posts(found, monday + 5 * DAY, monday + 6 * DAY) < expected_posts(found, monday, monday + DAY) / 2


def test_a_hole_is_not_bridged_and_adds_no_exposure() -> None:
    posts = daily(60)
    hole = Interval(MONDAY + 60 * DAY, MONDAY + 90 * DAY)
    later = [post + 90 * DAY for post in daily(60)]
    with_hole = rhythm(posts + later, holes=(hole,))
    bridged = rhythm(posts + later)
    last = max(later)
    assert with_hole.observed_days == pytest.approx(bridged.observed_days - 30)
    assert times_a_year(with_hole, last, last + DAY) < times_a_year(bridged, last, last + DAY)
    assert max(gap.hours for gap in with_hole.longest) < 24
    assert expected_posts(with_hole, last, last + DAY) == pytest.approx(3, rel=0.35)


def test_more_holes_than_coverage_give_a_wide_answer() -> None:
    """Seen for six hours a day, with a post in each: gaps of a day were never seen to end, nor denied."""
    posts = daily(100, (12,))
    seen = [Interval(MONDAY + day * DAY + 10 * HOUR, MONDAY + day * DAY + 16 * HOUR) for day in range(100)]
    at = MONDAY + 100 * DAY
    found = fit(posts, seen, "UTC", at)
    assert found.longest == ()
    assert deadline(found, posts[-1], 2.0) - posts[-1] > 3 * DAY
    assert times_a_year(found, posts[-1], posts[-1] + 8 * HOUR) > 12


def test_only_the_kinds_that_count_and_only_dated_posts_count() -> None:
    coverage = Covered(live=(Interval(MONDAY, MONDAY + 50 * DAY),))
    now = MONDAY + 50 * DAY

    def post(
        at: datetime, kind: Kind = Kind.ORIGINAL, note: DateNote = DateNote.NONE, after: datetime | None = None
    ) -> Post:
        return Post(str(at) + str(kind), kind, at, at, note=note, posted_after=after)

    originals = [post(at) for at in daily(50)]
    replies = [post(at + HOUR, Kind.REPLY) for at in daily(50)]
    late = [post(MONDAY + 3.4 * HOUR, note=DateNote.BACKDATED)]
    only = fit_known(originals, coverage, Kind.ORIGINAL, "UTC", now)
    assert fit_known(originals + replies + late, coverage, Kind.ORIGINAL, "UTC", now) == only
    undated = post(MONDAY + 20.2 * DAY, note=DateNote.MISSING, after=MONDAY + 10.2 * DAY)
    assert fit_known([*originals, undated], coverage, Kind.ORIGINAL, "UTC", now).observed_days == pytest.approx(
        39.6, abs=0.1
    )
    never = post(MONDAY + 20.2 * DAY, note=DateNote.MISSING)
    assert fit_known([*originals, never], coverage, Kind.ORIGINAL, "UTC", now).observed_days == pytest.approx(29.8)


@given(histories.filter(bool), st.integers(0, 900), zones)
def test_an_account_begins_with_its_first_post(posts: list[datetime], days: int, zone: str) -> None:
    """A page read to its end covers all the years before it: they make nobody's silences rarer."""
    end = MONDAY + 900 * DAY
    first = min(posts)
    known = fit(posts, [Interval(first - days * DAY, end)], zone, end)
    assert known == fit(posts, [Interval(first, end)], zone, end)


def test_a_post_before_all_that_is_remembered_says_that_the_account_was_there() -> None:
    end = MONDAY + 900 * DAY
    new, old = rhythm([end - 30 * DAY], end), rhythm([MONDAY, end - 30 * DAY], end)
    assert new.observed_days == 30
    assert old.observed_days == c.MEMORY_DAYS
    assert old.posts == new.posts == 1


def test_the_busiest_are_known_by_their_last_posts() -> None:
    posts = [MONDAY + 5 * i * timedelta(minutes=1) for i in range(6000)]
    found = rhythm(posts)
    assert found.posts == c.MEMORY_POSTS
    assert found.since == posts[2000].timestamp()
    assert found.enough
    assert found.observed_days < c.ENOUGH_DAYS
    assert chance(found, posts[-1], posts[-1], posts[-1] + DAY) < 0.01


def test_a_lively_week_makes_the_clock_run_faster() -> None:
    posts = daily(100, (12,))
    lively = posts + [at + k * HOUR for at in posts[-6:] for k in range(1, 8)]
    assert rhythm(lively).tempo > 1.1 > rhythm(posts).tempo > 0.9


@given(rhythms())
def test_garbage_is_not_a_rhythm(found: Rhythm) -> None:
    stored = found.to_bytes()
    for wrong in (b"", bytes([VERSION + 1]) + stored[1:], stored[:-1], stored[:20]):
        if wrong != stored[:-1] or found.longest:
            with pytest.raises(ValueError, match="rhythm"):
                Rhythm.from_bytes(wrong)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="IANA"):
        fit([], [], "Mars/Olympus", datetime(2026, 1, 1, tzinfo=UTC))


def test_the_prior_alone_is_as_documented() -> None:
    found = fit([], [], "UTC", MONDAY)
    assert math.isclose(found.posts_a_day, 0.0)
    assert found.quantiles == (0.0,) * len(c.QUANTILES)
    assert found.weekdays == pytest.approx((0.0,) * 7)


@pytest.mark.parametrize(
    ("zone", "change"), [("Europe/Paris", "2024-03-31T01:00:00+00:00"), ("Pacific/Apia", "2011-12-30T10:00:00+00:00")]
)
def test_a_change_of_the_clocks_is_neither_a_silence_nor_a_burst(zone: str, change: str) -> None:
    """Posts every two hours, by clocks that are set forward by an hour, or by a whole day."""
    start = datetime.fromisoformat(change) - 30 * DAY
    posts = [start + 2 * i * HOUR for i in range(12 * 60)]
    now = posts[-1] + HOUR
    found, steady = (fit(posts, [Interval(start, now)], name, now) for name in (zone, "UTC"))
    assert found.clock.elapsed(posts[0].timestamp(), now.timestamp()) == pytest.approx(24 * 60, rel=0.02)
    assert found.long_share > 0.99
    asked = [times_a_year(each, posts[-1], posts[-1] + 3 * HOUR) for each in (found, steady)]
    assert asked[0] == pytest.approx(asked[1], rel=0.3)
