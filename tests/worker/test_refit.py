"""Rhythms are fitted in the background, to what is on record; marks follow each post at once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.coverage import known_at
from app.domain.marks import marks_of
from app.domain.models import DEFAULT_KINDS, Kind, Post
from app.domain.rhythm.fitting import fit_known
from app.domain.rhythm.state import VERSION, Rhythm
from app.storage import accounts, coverage, pasts, posts, rhythms, silence, subjects
from app.worker import refit
from app.worker.context import Context
from tests.storage import histories
from tests.storage.histories import DAY, HOUR, NOW

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]


async def follow(ctx: Context, ids: list[int], now: Any = NOW) -> None:
    async with ctx.engine.begin() as conn:
        await conn.execute(text("select 1 from account_state where account_id = any(:ids) for update"), {"ids": ids})
        await rhythms.follow(conn, ids, now)


async def load(ctx: Context, ids: list[int]) -> dict[int, Rhythm]:
    async with ctx.engine.connect() as conn:
        return await rhythms.load(conn, ids)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_stored_is_what_the_domain_makes_of_the_history(ctx: Context, seed: int) -> None:
    async with ctx.engine.begin() as conn:
        ids = await histories.world(conn, seed, 40)
        subject, _ = await subjects.add(conn, "Subject", zone="Europe/Paris", now=NOW)
        await conn.execute(text("update accounts set subject_id = :id where id % 2 = 0"), {"id": subject.id})
    await follow(ctx, ids)
    await refit.run_once(ctx, NOW)
    stored = await load(ctx, ids)
    async with ctx.engine.connect() as conn:
        made, seen = await posts.load(conn, ids), await coverage.load(conn, ids)
        standings, marks = await silence.load_standings(conn, ids), await rhythms.marks(conn, ids)
    for id_ in ids:
        last = standings[id_].last_post_at
        if last is None:
            assert id_ not in stored
            continue
        zone = "Europe/Paris" if id_ % 2 == 0 else "UTC"
        expected = fit_known(made[id_], known_at(seen[id_], None, DEFAULT_KINDS), DEFAULT_KINDS, zone, last)
        assert stored[id_] == expected
        assert marks[id_].moments == marks_of(expected, last).moments
        assert (marks[id_].enough, marks[id_].posts) == (expected.enough, expected.posts)
    assert len(stored) > 20


async def regular(ctx: Context, count: int = 1) -> list[int]:
    """Accounts with three posts a day for sixty days, seen throughout."""
    rng = random.Random(5)  # noqa: S311 - no secret
    made = {}
    async with ctx.engine.begin() as conn:
        for number in range(count):
            account = await histories.add_account(conn, f"regular{number}")
            times = [NOW - DAY * day - HOUR * rng.randint(1, 20) for day in range(1, 61) for _ in range(3)]
            seen = [histories.Stretch(NOW - 61 * DAY, NOW, DEFAULT_KINDS, True, NOW - 61 * DAY, NOW)]
            made[account.id] = [post(f"p{i}", at) for i, at in enumerate(sorted(times))], seen
        await histories.write(conn, made)
    return list(made)


def post(name: str, at: Any) -> Post:
    return Post(name, Kind.ORIGINAL, at, at)


async def test_a_post_moves_the_marks_at_once_and_calls_for_a_fit_within_the_hour(ctx: Context, rows: Rows) -> None:
    [id_] = await regular(ctx)
    await follow(ctx, [id_])
    assert await refit.run_once(ctx, NOW) == 1
    [before] = await rows("rhythms")
    assert (before["due_at"], before["version"], before["enough"]) == (None, VERSION, True)
    assert await refit.run_once(ctx, NOW + DAY) == 0
    at = NOW + timedelta(minutes=10)
    async with ctx.engine.begin() as conn:
        await histories.write(conn, {id_: ([post("new", at)], [])})
        await rhythms.follow(conn, [id_], at)
    [after] = await rows("rhythms")
    assert after["last_post_at"] == at
    assert after["marks"] > before["marks"]
    assert after["due_at"] == before["fitted_at"] + rhythms.PAUSE
    assert await refit.run_once(ctx, at) == 0
    assert await refit.run_once(ctx, after["due_at"]) == 1
    assert (await load(ctx, [id_]))[id_].fitted_at == at.timestamp()


async def test_a_post_that_comes_while_a_fit_is_made_calls_for_another(ctx: Context, rows: Rows) -> None:
    [id_] = await regular(ctx)
    await follow(ctx, [id_])
    async with ctx.engine.begin() as conn:
        assert await rhythms.take(conn, NOW, 10) == [id_]
    async with ctx.engine.begin() as conn:
        assert await rhythms.take(conn, NOW, 10) == []
        found = await pasts.load(conn, [id_], NOW)
    await follow(ctx, [id_], NOW + timedelta(seconds=1))
    async with ctx.engine.begin() as conn:
        await rhythms.write(conn, {id_: refit.fit(found[id_])}, NOW)
    [row] = await rows("rhythms")
    assert row["due_at"] == NOW + rhythms.PAUSE


async def test_a_rhythm_counts_from_the_first_post_even_one_it_no_longer_remembers(ctx: Context) -> None:
    """Both profiles were read back to their end; one account was there 500 days ago."""
    times = [NOW - DAY * day for day in range(1, 31)]
    seen = [histories.Stretch(NOW - 2000 * DAY, NOW, DEFAULT_KINDS, False, NOW, NOW)]
    async with ctx.engine.begin() as conn:
        new, old = [await histories.add_account(conn, name) for name in ("new", "old")]
        made = {new.id: times, old.id: [*times, NOW - 500 * DAY]}
        await histories.write(
            conn, {id_: ([post(f"p{at}", at) for at in sorted(ats)], seen) for id_, ats in made.items()}
        )
    await follow(ctx, [new.id, old.id])
    await refit.run_once(ctx, NOW)
    found = await load(ctx, [new.id, old.id])
    assert [(found[id_].observed_days, found[id_].posts) for id_ in (new.id, old.id)] == [(29, 30), (400, 30)]


async def test_time_of_which_the_posts_are_not_remembered_is_no_silence(ctx: Context) -> None:
    """A busy account has more posts than are read; that one of them lies in a hole changes nothing of it."""
    times = [NOW - 500 * DAY, *(NOW - HOUR * hour for hour in range(4_600, 0, -1))]
    hole = NOW - 240 * HOUR
    edges = [(NOW - 600 * DAY, hole - HOUR / 2), (hole + HOUR / 2, NOW)]
    seen = [histories.Stretch(start, end, DEFAULT_KINDS, True, start, end) for start, end in edges]
    async with ctx.engine.begin() as conn:
        busy = (await histories.add_account(conn, "busy")).id
        await histories.write(conn, {busy: ([post(f"p{at}", at) for at in times], seen)})
    await follow(ctx, [busy])
    await refit.run_once(ctx, NOW)
    found = (await load(ctx, [busy]))[busy]
    assert found.posts_a_day == pytest.approx(24, abs=1)
    assert found.observed_days == pytest.approx(4_000 / 24, abs=1)


async def test_who_dies_while_fitting_leaves_it_to_another(ctx: Context) -> None:
    [id_] = await regular(ctx)
    await follow(ctx, [id_])
    async with ctx.engine.begin() as conn:
        await rhythms.take(conn, NOW, 10)
    assert await refit.run_once(ctx, NOW + rhythms.LEASE) == 1


async def test_other_clocks_call_for_a_fit(ctx: Context) -> None:
    [id_] = await regular(ctx)
    await follow(ctx, [id_])
    await refit.run_once(ctx, NOW)
    async with ctx.engine.begin() as conn:
        subject, _ = await subjects.add(conn, "Subject", zone="Europe/Paris", now=NOW)
        await accounts.patch(conn, id_, {"subject_id": subject.id}, now=NOW)
    assert await refit.run_once(ctx, NOW) == 1
    assert (await load(ctx, [id_]))[id_].clock.zone == "Europe/Paris"
    async with ctx.engine.begin() as conn:
        await subjects.patch(conn, subject.id, {"zone": "Asia/Tokyo"})
    assert await refit.run_once(ctx, NOW) == 1
    assert (await load(ctx, [id_]))[id_].clock.zone == "Asia/Tokyo"


async def test_a_value_of_another_version_is_not_read_and_is_made_anew(ctx: Context) -> None:
    [id_] = await regular(ctx)
    await follow(ctx, [id_])
    await refit.run_once(ctx, NOW)
    async with ctx.engine.begin() as conn:
        await conn.execute(text("update rhythm_values set value = '\\x00' || substr(value, 2)"))
        await conn.execute(text("update rhythms set version = version + 1"))
    assert await load(ctx, [id_]) == {}
    await refit.renew(ctx, NOW)
    assert await refit.run_once(ctx, NOW) == 1
    assert list(await load(ctx, [id_])) == [id_]


async def test_an_account_that_is_gone_is_left_out(ctx: Context, rows: Rows) -> None:
    [id_] = await regular(ctx)
    await follow(ctx, [id_])
    async with ctx.engine.connect() as conn:
        found = await pasts.load(conn, [id_], NOW)
    async with ctx.engine.begin() as conn:
        await conn.execute(text("delete from account_state"))
        await conn.execute(text("delete from accounts"))
    async with ctx.engine.begin() as conn:
        await rhythms.write(conn, {id_: refit.fit(found[id_])}, NOW)
    assert await rows("rhythms") == await rows("rhythm_values") == []


async def test_groups_are_fitted_one_after_another(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refit, "GROUP", 3)
    ids = await regular(ctx, 7)
    await follow(ctx, ids)
    assert await refit.run_once(ctx, NOW) == 7
    assert len(await load(ctx, ids)) == 7
