"""The work of a process from start to stop: it polls, keeps house, and says failures once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import update

from app import metrics
from app.storage import claims, tables
from app.worker import prune
from app.worker.clock import StepWatch, SystemClock, VirtualClock
from app.worker.context import Context
from app.worker.loop import GRACE, Worker, catch_up, work
from app.worker.scheduler import Scheduler
from app.worker.watch import watch
from tests.worker.conftest import START, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)


async def test_a_process_polls_until_it_is_told_to_stop(ctx: Context, host: Host, rows: Rows) -> None:
    host.answers["/feed"] = Reply(body=rss([("p1", START)]))
    real = replace(ctx, clock=SystemClock())
    await watch(real, host.base + "/feed")
    stop = asyncio.Event()
    working = asyncio.create_task(work(real, stop))

    async def looked() -> bool:
        return bool((await rows("account_state"))[0]["polled_at"])

    await until(looked)
    stop.set()
    async with asyncio.timeout(GRACE.total_seconds()):  # nothing is under way
        report = await working
    assert (report.polls, report.new_posts) == (1, 1)
    [state] = await rows("account_state")
    assert state["lease_until"] is None


async def test_a_slow_host_delays_nobody_and_a_stop_does_not_wait_for_it(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    slow = Host(clock)
    await slow.start()
    hang = asyncio.Event()
    for number in range(20):
        host.answers[f"/{number}"] = Reply(body=rss([("p", START)]))
        await watch(ctx, f"{host.base}/{number}")
    slow.answers["/feed"] = Reply(body=rss([("p", START)]))
    await watch(ctx, f"{slow.base}/feed")
    slow.hold = hang
    worker = Worker(ctx)
    await worker.tick()

    async def others_done() -> bool:
        await worker.poller.intake.drain()
        return sum(state["polled_at"] is not None for state in await rows("account_state")) == 20

    await until(others_done)
    await worker.poller.stop(timedelta(0))
    states = await rows("account_state")
    assert all(state["lease_until"] is None for state in states)
    hang.set()
    await slow.stop()


async def test_leases_are_renewed_while_a_look_lasts(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
    host.answers["/feed"] = Reply(body=rss([("p", START)]))
    await watch(ctx, f"{host.base}/feed")
    host.hold = asyncio.Event()
    options = replace(ctx.options, heartbeat=timedelta(milliseconds=20))
    worker = Worker(replace(ctx, options=options))
    await worker.tick()
    clock.advance_to(START + timedelta(seconds=40))

    async def renewed() -> bool:
        return (await rows("account_state"))[0]["lease_until"] == clock.now() + options.lease

    await until(renewed)
    host.hold.set()
    await worker.poller.drain()
    assert (await rows("account_state"))[0]["lease_until"] is None


async def test_a_clock_that_was_ahead_does_not_leave_accounts_waiting(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=rss([("p", START)]))
    await watch(ctx, f"{host.base}/feed")
    ahead = START + timedelta(days=300)
    async with ctx.engine.begin() as conn:
        changed = {"polled_at": ahead, "next_poll_at": ahead + timedelta(hours=1)}
        await conn.execute(update(tables.account_state).values(changed))
    assert await catch_up(ctx, START) == 1
    async with ctx.engine.connect() as conn:
        due = await claims.next_due(conn)
    assert due is not None
    assert START <= due <= START + timedelta(hours=1)


async def test_a_failing_job_is_told_once_and_its_recovery_too() -> None:
    times = iter([True, True, True, False, False])
    runs: list[bool] = []

    async def job() -> None:
        runs.append(next(times, False))
        if runs[-1]:
            raise RuntimeError("away")

    async def enough() -> bool:
        return len(runs) >= 5

    with structlog.testing.capture_logs() as told:
        scheduler = Scheduler()
        scheduler.every("job", timedelta(milliseconds=20), job)
        scheduler.start()
        await until(enough)
        await scheduler.stop()
    assert [line["event"] for line in told if line.get("job")] == [
        "a job failed and will be woken again",
        "a job works again",
    ]


async def test_old_looks_go_and_the_gauges_are_set(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
    host.answers["/feed"] = Reply(body=rss([("p", START)]))
    await watch(ctx, f"{host.base}/feed")
    worker = Worker(ctx)
    await worker.tick()
    await worker.poller.drain()
    await prune.set_gauges(ctx, START)
    assert metrics.REGISTRY.get_sample_value("quietwatch_accounts", {"platform": "feed", "status": "watched"}) == 1
    assert await prune.run_once(ctx, START + timedelta(days=399)) == 0
    assert await prune.run_once(ctx, START + timedelta(days=401)) == 1
    assert await rows("polls") == []
    assert len(await rows("posts")) == 1


def test_a_step_of_the_wall_clock_is_noticed() -> None:
    class Set(VirtualClock):
        offset = timedelta(0)

        def now(self) -> datetime:
            return super().now() + self.offset

    clock = Set(datetime(2026, 3, 1, tzinfo=UTC))
    steps = StepWatch(clock)
    clock.advance_to(START + timedelta(hours=9))
    assert steps.stepped() is None
    clock.offset = timedelta(seconds=50)
    assert steps.stepped() is None
    clock.offset = timedelta(days=-1)
    assert steps.stepped() == timedelta(days=-1, seconds=-50)
    assert steps.stepped() is None
