"""Writing down: fenced, all or nothing, and the same whatever dies on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from app.domain.models import Identity, Kind, Page, SeenPost
from app.storage import accounts, claims, gaps
from app.worker import ingest
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.findings import Finding
from app.worker.loop import Worker, catch_up
from app.worker.poll import Poller, run_once
from app.worker.watch import watch
from bench import faults
from tests.worker.conftest import START, Asked, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
HOUR = timedelta(hours=1)
PAGE = Page((SeenPost("p1", Kind.ORIGINAL, START - HOUR),), Kind.ORIGINAL | Kind.REPLY | Kind.REPOST | Kind.QUOTE)


async def leased(ctx: Context, at: Any) -> claims.Claim:
    async with ctx.engine.begin() as conn:
        [claim] = await claims.claim_due(conn, at, 10, ctx.options.lease, 10)
        return claim


async def watched(ctx: Context) -> None:
    async with ctx.engine.begin() as conn:
        await accounts.add(conn, Identity("feed", "http://a/f", "http://a/f", "a", "http://a/f"), now=START)


async def test_a_worker_that_slept_through_its_lease_changes_nothing(ctx: Context, rows: Rows) -> None:
    await watched(ctx)
    slept = await leased(ctx, START)
    later = START + ctx.options.lease
    holder = await leased(ctx, later)
    assert await ingest.apply(ctx, [Finding(slept, PAGE, START)], later) == []
    assert (await rows("posts"), await rows("polls"), await rows("coverage")) == ([], [], [])
    assert len(await ingest.apply(ctx, [Finding(holder, PAGE, later)], later)) == 1
    assert len(await rows("posts")) == 1


async def test_a_group_is_written_whole_or_not_at_all(
    ctx: Context, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched(ctx)
    claim = await leased(ctx, START)

    async def fail(*_: object) -> None:
        raise RuntimeError("the last statement fails")

    monkeypatch.setattr(gaps, "refresh", fail)
    with pytest.raises(RuntimeError):
        await ingest.apply(ctx, [Finding(claim, PAGE, START)], START)
    assert (await rows("posts"), await rows("polls"), await rows("coverage")) == ([], [], [])
    monkeypatch.undo()
    assert len(await ingest.apply(ctx, [Finding(claim, PAGE, START)], START)) == 1


async def test_a_pause_made_during_a_look_holds(ctx: Context, rows: Rows) -> None:
    await watched(ctx)
    claim = await leased(ctx, START)
    async with ctx.engine.begin() as conn:
        await accounts.patch(conn, claim.account_id, {"status": "paused"}, now=START)
    await ingest.apply(ctx, [Finding(claim, PAGE, START)], START)
    [state] = await rows("account_state")
    assert (state["next_poll_at"], state["outcome"]) == (None, "page")


async def test_an_account_erased_during_a_look_stays_erased(ctx: Context, rows: Rows) -> None:
    await watched(ctx)
    claim = await leased(ctx, START)
    async with ctx.engine.begin() as conn:
        await accounts.erase(conn, claim.account_id, START)
    assert await ingest.apply(ctx, [Finding(claim, PAGE, START)], START) == []
    assert await rows("posts") == []


async def test_a_stop_gives_back_what_was_not_looked_at(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    for number in range(5):
        host.answers[f"/{number}"] = Reply(body=rss([("p", START - HOUR)]))
        await watch(ctx, f"{host.base}/{number}")
    poller = Poller(ctx)
    assert await poller.claim(clock.now()) == 5
    await poller.stop(timedelta(0))
    states = await rows("account_state")
    assert all(state["lease_until"] is None for state in states)
    assert poller.held == 0
    done = sum(state["polled_at"] is not None for state in states)
    assert (await run_once(ctx, clock.now() + timedelta(minutes=1))).polls == 5 - done


async def test_after_an_outage_of_ours_nobody_is_quiet_and_nothing_bursts(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    """F6: three times a threshold of 48 hours without us; the time is unknown until it is joined by evidence."""
    posts = [(f"p{n}", START - n * HOUR) for n in range(1, 11)]
    for number in range(20):
        host.answers[f"/{number}"] = Reply(body=rss(posts))
        await watch(ctx, f"{host.base}/{number}")
    while clock.now() < START + 6 * HOUR:
        await run_once(ctx, clock.now())
        clock.advance_to(clock.now() + timedelta(minutes=10))
    before = await rows("account_state")
    clock.advance_to(START + timedelta(days=6))
    worker = Worker(ctx)
    await worker.tick()
    await worker.poller.stop(timedelta(seconds=5))
    states = await rows("account_state")
    assert [s["covered_until"] for s in states] == [s["covered_until"] for s in before]
    assert all(clock.now() <= s["next_poll_at"] <= clock.now() + 6 * HOUR for s in states)
    assert await catch_up(ctx, clock.now()) == 0
    # The first fresh look joins by the posts that are still shown: what lies between is read back, not seen live.
    clock.advance_to(clock.now() + 7 * HOUR)
    await run_once(ctx, clock.now())
    for state in await rows("account_state"):
        assert state["covered_until"] > START + timedelta(days=6)
        assert state["covered_live_from"] is None


async def test_two_workers_share_the_accounts(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
    seen: list[str] = []

    def answer(asked: Asked) -> Reply:
        seen.append(asked.path)
        return Reply(body=rss([("p", START - HOUR)]))

    for number in range(30):
        host.answers[f"/{number}"] = Reply(body=rss([("p", START - HOUR)]))
        await watch(ctx, f"{host.base}/{number}")
        host.answers[f"/{number}"] = answer
    small = replace(ctx, options=replace(ctx.options, claim=4))
    pollers = [Poller(small), Poller(small)]
    while await pollers[0].claim(clock.now()) + await pollers[1].claim(clock.now()):
        for poller in pollers:
            await poller.drain()
        clock.advance_to(clock.now() + timedelta(seconds=10))
    assert sorted(seen) == sorted(f"/{number}" for number in range(30))


def test_crashes_at_every_named_point_lose_and_repeat_nothing(new_database: Callable[[], str]) -> None:
    figures = faults.run(new_database(), faults.plans_for(1, 6, Random(5))[1::2])  # noqa: S311 - a chosen seed
    assert (figures["differences"], figures["examples"]) == (0, [])
    assert figures["never_reached"] == []
