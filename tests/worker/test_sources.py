"""Degraded sources: told once, held, released, and looked at again; on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.models import Identity
from app.domain.sources import Scope
from app.platforms import platforms
from app.storage import accounts, judgements, sources, tables
from app.storage.event_tables import events, rule_states, rules
from app.storage.event_tables import sources as table
from app.worker import sources as job
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from tests.waiting import blocked
from tests.worker.conftest import START

NOW = START
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ctx(engine: AsyncEngine) -> Context:
    fetcher: Any = None
    return Context(
        engine, fetcher, platforms(), VirtualClock(NOW), options=Options(canaries={"bluesky": "bluesky:bird"})
    )


async def watch(engine: AsyncEngine, platform: str, host: str, number: int, **state: object) -> list[int]:
    """Accounts that were just looked at and showed a page, unless ``state`` says otherwise."""
    found = []
    async with engine.begin() as conn:
        for each in range(number):
            name = f"{host}-{each}" if number > 1 else host
            identity = Identity(platform, name, name, host, f"https://{host}/{each}")
            account, _ = await accounts.add(conn, identity, now=NOW)
            values = {"outcome": "page", "polled_at": NOW, "good_at": NOW, "outcome_since": NOW - timedelta(days=9)}
            values |= {"next_poll_at": NOW + timedelta(hours=5), **state}
            chosen = tables.account_state.c.account_id == account.id
            await conn.execute(update(tables.account_state).where(chosen).values(values))
            found.append(account.id)
    return found


async def become(engine: AsyncEngine, ids: list[int], **state: object) -> None:
    async with engine.begin() as conn:
        chosen = tables.account_state.c.account_id.in_(ids)
        await conn.execute(update(tables.account_state).where(chosen).values(state))


async def told(engine: AsyncEngine) -> list[tuple[str, str, Any]]:
    async with engine.connect() as conn:
        rows = (await conn.execute(select(events.c.type, events.c.data).order_by(events.c.id))).all()
    return [(row.type, row.data["source"]["scope"], row.data["source"]["name"]) for row in rows]


async def hold_back(engine: AsyncEngine, ids: list[int]) -> None:
    """One rule, and a transition of each account that waits for its source."""
    rule = {"public_id": "rul_1", "kind": "fixed", "length": timedelta(days=7), "kinds": 15}
    async with engine.begin() as conn:
        values = rule | {"created_at": NOW, "updated_at": NOW}
        rule_id = (await conn.execute(insert(rules).values(values).returning(rules.c.id))).scalar_one()
        state = {"rule_id": rule_id, "baseline": NOW, "since": NOW, "held_since": NOW}
        await conn.execute(insert(rule_states), [{"account_id": each, **state} for each in ids])


FAILED = {"outcome": "unreadable", "reason": "http_500", "outcome_since": NOW - MINUTE, "failures": 1}


async def test_a_degraded_host_is_told_once_and_once_more_when_it_is_back(ctx: Context, engine: AsyncEngine) -> None:
    failing = await watch(engine, "mastodon", "down.example", 4, **FAILED)
    await watch(engine, "mastodon", "fine.example", 6)
    await asyncio.gather(*(job.run_once(ctx, NOW) for _ in range(3)))
    await job.run_once(ctx, NOW + MINUTE)
    assert await told(engine) == [("source.degraded", "host", "down.example")]
    await become(engine, failing, outcome="page", polled_at=NOW + 20 * MINUTE, failures=0)
    await job.run_once(ctx, NOW + 21 * MINUTE)
    await job.run_once(ctx, NOW + 22 * MINUTE)
    assert await told(engine) == [
        ("source.degraded", "host", "down.example"),
        ("source.recovered", "host", "down.example"),
    ]
    async with engine.connect() as conn:
        (source,) = await sources.load(conn)
    assert source.degraded_since is None
    assert source.recovered_at == NOW + 21 * MINUTE


async def test_accounts_that_fail_by_themselves_degrade_nothing(ctx: Context, engine: AsyncEngine) -> None:
    await watch(engine, "mastodon", "a.example", 9, outcome="gone", outcome_since=NOW)
    await watch(engine, "mastodon", "b.example", 9, **{**FAILED, "outcome_since": NOW - timedelta(days=2)})
    await watch(engine, "feed", "c.example", 1, **FAILED)
    await job.run_once(ctx, NOW)
    assert await told(engine) == []


async def test_the_wider_source_stands_for_the_narrower(ctx: Context, engine: AsyncEngine) -> None:
    for number in range(4):
        await watch(engine, "mastodon", f"m{number}.example", 5, **FAILED)
    await job.run_once(ctx, NOW)
    assert await told(engine) == [("source.degraded", "platform", "mastodon")]


async def test_our_own_network_stands_for_everything(ctx: Context, engine: AsyncEngine) -> None:
    for number in range(4):
        await watch(engine, "mastodon", f"m{number}.example", 5, **FAILED)
        await watch(engine, "feed", f"f{number}.example", 5, **FAILED)
    async with engine.begin() as conn:
        down = {"failing_since": NOW - timedelta(minutes=9), "failures": 3, "reason": "dns"}
        await conn.execute(update(tables.hosts).values(down))
    await job.run_once(ctx, NOW)
    assert await told(engine) == [("source.degraded", "network", None)]


async def test_a_canary_that_falls_silent_makes_its_platform_suspect(ctx: Context, engine: AsyncEngine) -> None:
    (bird,) = await watch(engine, "bluesky", "bird", 1, last_post_at=NOW - timedelta(hours=1))
    await job.run_once(ctx, NOW)
    assert await told(engine) == []
    await become(engine, [bird], last_post_at=NOW - timedelta(hours=7))
    await job.run_once(ctx, NOW)
    assert await told(engine) == [("source.degraded", "platform", "bluesky")]
    await become(engine, [bird], failures=3)
    await job.run_once(ctx, NOW)
    await become(engine, [bird], failures=0, last_post_at=NOW)
    await job.run_once(ctx, NOW)
    assert len(await told(engine)) == 2


async def test_a_recovery_releases_what_was_held_and_draws_looks_forward(ctx: Context, engine: AsyncEngine) -> None:
    """Nobody is asked sooner than it allowed: a wait that was asked for stays, and so does the least interval."""
    cut = {**FAILED, "outcome": "unreachable", "reason": "connect", "polled_at": NOW - 14 * MINUTE}
    free = await watch(engine, "mastodon", "down.example", 3, **cut)
    (waiting,) = await watch(
        engine, "mastodon", "limited", 1, **{**cut, "outcome": "rate_limited", "reason": "http_429"}
    )
    (slow,) = await watch(engine, "mastodon", "slow", 1, **cut)
    async with engine.begin() as conn:
        host = (
            await conn.execute(
                select(tables.account_state.c.host_id).where(tables.account_state.c.account_id == free[0])
            )
        ).scalar_one()
        same = tables.account_state.c.account_id.in_([waiting, slow])
        await conn.execute(update(tables.account_state).where(same).values(host_id=host))
        memory = tables.source_memory
        await conn.execute(update(memory).where(memory.c.account_id == slow).values(least_interval=timedelta(hours=3)))
    await hold_back(engine, free[:1])
    await job.run_once(ctx, NOW)
    async with engine.connect() as conn:
        assert [(s.name, s.held) for s in await sources.load(conn, held=True)] == [("down.example", 1)]
    await become(engine, free[:1], outcome="page", polled_at=NOW)
    later = NOW + MINUTE
    await job.run_once(ctx, later)
    async with engine.connect() as conn:
        due = dict(
            tuple(row)
            for row in await conn.execute(
                select(tables.account_state.c.account_id, tables.account_state.c.next_poll_at)
            )
        )
        check = (await conn.execute(select(rule_states.c.check_at))).scalar_one()
        last = (await conn.execute(select(events.c.data).order_by(events.c.id.desc()).limit(1))).scalar_one()
    assert check == later
    assert last["held"] == 1
    assert all(later <= due[id_] <= later + job.SPREAD + MINUTE for id_ in free[1:])
    assert due[waiting] == NOW + timedelta(hours=5)
    assert due[slow] >= NOW - 14 * MINUTE + timedelta(hours=3)


async def test_a_recovery_asks_those_that_answered_with_errors_and_those_whose_transitions_wait(
    ctx: Context, engine: AsyncEngine
) -> None:
    """An account that answered while its source was degraded is no fresh evidence, and one that met an error of the
    server (500) was not asked to wait; one that met a 503 was."""
    errors = {**FAILED, "outcome": "unreachable", "polled_at": NOW - 20 * MINUTE}
    failed = await watch(engine, "mastodon", "down.example", 3, **errors)
    seen = await watch(engine, "mastodon", "seen", 2, polled_at=NOW - 20 * MINUTE)
    (asked,) = await watch(engine, "mastodon", "asked", 1, **{**errors, "reason": "http_503"})
    state = tables.account_state
    async with engine.begin() as conn:
        host = (await conn.execute(select(state.c.host_id).where(state.c.account_id == failed[0]))).scalar_one()
        await conn.execute(update(state).where(state.c.account_id.in_([*seen, asked])).values(host_id=host))
        moment = {"created_at": NOW, "updated_at": NOW}
        rule = {"public_id": "rul_1", "kind": "fixed", "length": timedelta(days=7), "kinds": 15, **moment}
        rule_id = (await conn.execute(insert(rules).values(rule).returning(rules.c.id))).scalar_one()
        held = {"account_id": seen[0], "rule_id": rule_id, "baseline": NOW, "since": NOW, "held_since": NOW}
        await conn.execute(insert(rule_states).values(held))
        await conn.execute(insert(table).values(host_id=host, degraded_since=NOW - timedelta(hours=1)))
    await become(engine, failed[:1], outcome="page", polled_at=NOW, failures=0)
    await become(engine, seen, polled_at=NOW - MINUTE)
    await job.run_once(ctx, NOW)
    async with engine.connect() as conn:
        found = await conn.execute(select(state.c.account_id, state.c.next_poll_at))
        due = {row[0]: row[1] - NOW for row in found}
    assert (await told(engine))[-1:] == [("source.recovered", "host", "down.example")]
    assert all(due[id_] <= job.SPREAD for id_ in failed[1:])
    assert 14 * MINUTE <= due[seen[0]] <= 14 * MINUTE + job.SPREAD
    assert due[seen[1]] == due[asked] == timedelta(hours=5)


async def test_who_waits_for_us_is_not_asked_while_a_source_is_degraded(ctx: Context, engine: AsyncEngine) -> None:
    await watch(engine, "mastodon", "down.example", 5, **FAILED)
    await job.run_once(ctx, NOW)
    await job.run_once(ctx, NOW + MINUTE)
    async with engine.connect() as conn:
        drawn = (
            (
                await conn.execute(
                    select(tables.account_state.c.next_poll_at).order_by(tables.account_state.c.next_poll_at)
                )
            )
            .scalars()
            .all()
        )
        state = (await conn.execute(select(table.c.degraded_since))).scalar_one()
    assert state == NOW
    # A few are tried, and none of them within the least interval after its last look.
    assert [at == NOW + 15 * MINUTE for at in drawn] == [True] * job.PROBES + [False] * (5 - job.PROBES)


async def test_a_release_locks_in_the_order_of_everybody(engine: AsyncEngine) -> None:
    """Beside a look that holds the accounts and comes to the first of them last."""
    ids = await watch(engine, "mastodon", "back.example", 3)
    await hold_back(engine, ids)
    states, state = tables.account_state, rule_states

    async def release() -> None:
        async with engine.begin() as conn:
            await sources.release(conn, [sources.Source(Scope.PLATFORM, None, "mastodon", NOW, None, None)], NOW)

    async with engine.begin() as look:
        await look.execute(select(states.c.account_id).order_by(states.c.account_id).with_for_update())
        await look.execute(select(state.c.since).where(state.c.account_id == ids[-1]).with_for_update())
        releasing = asyncio.create_task(release())
        await blocked(engine)
        await look.execute(select(state.c.since).where(state.c.account_id == ids[0]).with_for_update())
    await releasing
    async with engine.connect() as conn:
        assert set((await conn.execute(select(state.c.check_at))).scalars()) == {NOW}


async def test_whoever_is_being_written_down_is_not_drawn_forward_and_not_waited_for(engine: AsyncEngine) -> None:
    busy, *free = await watch(engine, "mastodon", "back.example", 3, **{**FAILED, "polled_at": NOW - 20 * MINUTE})
    states = tables.account_state
    source = sources.Source(Scope.PLATFORM, None, "mastodon", NOW, None, None)
    async with engine.begin() as look:
        await look.execute(select(states.c.account_id).where(states.c.account_id == busy).with_for_update())
        async with asyncio.timeout(20), engine.begin() as conn:
            await sources.draw_forward(conn, source, NOW, 10, timedelta(0))
    async with engine.connect() as conn:
        due = dict(tuple(row) for row in await conn.execute(select(states.c.account_id, states.c.next_poll_at)))
    assert due == {busy: NOW + timedelta(hours=5), **dict.fromkeys(free, NOW)}


async def test_a_look_that_began_just_too_early_for_a_deadline_is_followed_by_another(
    ctx: Context, engine: AsyncEngine
) -> None:
    """It is written down after the moment at which one was wanted."""
    settle, least = 15 * MINUTE, 15 * MINUTE
    wanted = NOW - timedelta(seconds=1)
    (early,) = await watch(engine, "feed", "a.example", 1, polled_at=NOW - 4 * MINUTE, deadline=wanted - settle)
    (done,) = await watch(engine, "feed", "b.example", 1, polled_at=NOW, deadline=wanted - settle)
    async with engine.begin() as conn:
        await judgements.draw_forward(conn, [(early, settle, least), (done, settle, least)], NOW)
    async with engine.connect() as conn:
        state = tables.account_state.c
        due = {row[0]: row[1] - NOW for row in await conn.execute(select(state.account_id, state.next_poll_at))}
    assert due == {early: 11 * MINUTE, done: timedelta(hours=5)}
