"""The longest streak from the kept rows equals a look at every post; unproven time is never called proven."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import silence as judge
from app.domain.coverage import known_at
from app.domain.models import DEFAULT_KINDS, DateNote, Kind, Post, Stretch
from app.storage import coverage, gaps, posts, streaks
from app.storage.gaps import Gap, keep
from app.storage.names import Selection
from app.storage.sightings import NewPosts, insert_posts, refresh_last_posts
from tests.storage.histories import DAY, HOUR, NOW, add_account, add_coverage, world

EVERYONE = Selection(tag="all")


@pytest.mark.parametrize("seed", range(4))
async def test_longest_equals_every_streak(engine: AsyncEngine, seed: int) -> None:
    async with engine.begin() as conn:
        ids = await world(conn, seed, 80)
    async with engine.connect() as conn:
        made = await posts.load(conn, ids)
        seen = await coverage.load(conn, ids)
        for days in (1, 7, 30, 365):
            start = NOW - days * DAY
            found = await streaks.longest(conn, EVERYONE, start, now=NOW)
            assert [each.standing.account_id for each in found] == ids
            for each in found:
                id_ = each.standing.account_id
                every = judge.streaks(made[id_], known_at(seen[id_], None, DEFAULT_KINDS), NOW, DEFAULT_KINDS)
                whole = [(s.ends_at or NOW) - s.starts_at for s in every if s.starts_at and (s.ends_at or NOW) > start]
                assert (each.whole.length if each.whole else None) == max(whole, default=None)
                assert each.whole is None or each.whole_proven <= each.whole.length
                proven = [s.proven for s in every if s.starts_at and s.starts_at + s.proven > start]
                proven += [s.tail.length for s in every if s.ends_at is None and s.tail and s.tail.end > start]
                assert (each.proven.length if each.proven else timedelta(0)) == max(proven, default=timedelta(0))


def test_kept_rows_answer_every_window() -> None:
    rng = random.Random(1)  # noqa: S311 - no secret
    for _ in range(300):
        at, rows = NOW - 100 * DAY, []
        for _ in range(rng.randint(0, 25)):
            end = at + HOUR * rng.randint(1, 12)
            rows.append(Gap(at, end, at + (end - at) * rng.choice((0, 0.5, 1))))
            at = end
        kept = keep(rows)
        for start in {NOW - 101 * DAY, *(row.starts_at + HOUR for row in rows)}:
            for length in (lambda row: row.ends_at - row.starts_at, lambda row: row.proven_until - row.starts_at):
                inside = [length(row) for row in rows if row.ends_at > start]
                assert max(inside, default=None) == max((length(r) for r in kept if r.ends_at > start), default=None)


async def test_new_posts_need_no_rebuild(engine: AsyncEngine) -> None:
    """Appending after the last post leaves the same rows as building them from all posts."""
    rng = random.Random(4)  # noqa: S311 - no secret
    async with engine.begin() as conn:
        account = await add_account(conn, "alice")
        at, last = NOW - 90 * DAY, None
        for number in range(60):
            at += timedelta(minutes=rng.randint(1, 4000))
            made = tuple(
                Post(f"{number}-{part}", Kind.ORIGINAL, at + part * timedelta(minutes=9), at + HOUR)
                for part in range(rng.randint(1, 3))
            )
            await insert_posts(conn, [NewPosts(account.id, made)])
            await gaps.refresh(conn, {account.id: last})
            last = at = made[-1].posted_at
        appended = await gaps.load(conn, [account.id])
        await gaps.refresh(conn, {account.id: None})
        assert appended == await gaps.load(conn, [account.id])
        assert 0 < len(appended[account.id]) < 40
        await refresh_last_posts(conn, {account.id: 28.0}, NOW)


async def test_the_first_look_needs_no_reading(engine: AsyncEngine) -> None:
    """What a first look brings gives the same rows as building them from what it has stored."""
    rng = random.Random(5)  # noqa: S311 - no secret
    notes = (DateNote.NONE, DateNote.NONE, DateNote.ZONE_ASSUMED, DateNote.MISSING, DateNote.BACKDATED)
    async with engine.begin() as conn:
        for number in range(30):
            account = await add_account(conn, f"first-{number}")
            made = []
            for part in range(rng.randint(0, 12)):
                at, note = NOW - HOUR * rng.randint(1, 90), rng.choice(notes)
                after = at - HOUR * rng.randint(-1, 3) if note is DateNote.MISSING and rng.random() < 0.5 else None
                kind = rng.choice((Kind.ORIGINAL, Kind.REPLY, Kind.STORY))
                made.append(Post(f"{part}", kind, at, NOW, note=note, posted_after=after))
            start = NOW - HOUR * rng.randint(1, 90)
            stretches = [Stretch(start, NOW, DEFAULT_KINDS, False, NOW, NOW)]
            await insert_posts(conn, [NewPosts(account.id, tuple(made))])
            await add_coverage(conn, account.id, stretches)
            await gaps.begin(conn, {account.id: (made, stretches)})
            begun = await gaps.load(conn, [account.id])
            await gaps.refresh(conn, {account.id: None})
            assert begun == await gaps.load(conn, [account.id])


@pytest.mark.parametrize("seed", range(3))
async def test_late_posts_and_late_coverage_need_only_what_they_touch(engine: AsyncEngine, seed: int) -> None:
    """In whatever order posts and coverage arrive, refreshing from the first that is new equals a rebuild."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    async with engine.begin() as conn:
        account = await add_account(conn, "alice")
        times = sorted(NOW - 90 * DAY + timedelta(minutes=rng.randint(0, 120_000)) for _ in range(70))
        left = [(at, Post(f"{n}", Kind.ORIGINAL, at, at + HOUR)) for n, at in enumerate(times)]
        while left:
            # Mostly the next, now and then one from much later: what lies between then surfaces late.
            chosen = [left.pop(min(rng.choice((0, 0, 0, 5, 20)), len(left) - 1)) for _ in range(min(2, len(left)))]
            start = chosen[0][0] - HOUR * rng.randint(0, 30)
            stretch = Stretch(start, start + DAY, DEFAULT_KINDS, True, start, start + DAY)
            await insert_posts(conn, [NewPosts(account.id, tuple(post for _, post in chosen))])
            await add_coverage(conn, account.id, [stretch])
            await gaps.refresh(conn, {account.id: min(start, *(at for at, _ in chosen))})
            refreshed = await gaps.load(conn, [account.id])
            await gaps.refresh(conn, {account.id: None})
            assert refreshed == await gaps.load(conn, [account.id])
