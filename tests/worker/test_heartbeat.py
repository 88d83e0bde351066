"""The heartbeat is heard only while the work goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.event_tables import pulse
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.heartbeat import Heartbeat
from tests.worker.conftest import START, Host, Reply

MINUTE = timedelta(minutes=1)


def beating(ctx: Context, host: Host) -> Heartbeat:
    host.answers["/ping/geheim"] = Reply(200, b"ok")
    return Heartbeat(replace(ctx, options=replace(ctx.options, heartbeat_url=host.base + "/ping/geheim")))


async def test_it_is_heard_while_ticks_end_and_the_pulse_is_written(
    ctx: Context, host: Host, engine: AsyncEngine
) -> None:
    heart = beating(ctx, host)
    assert await heart.beat(START)
    async with engine.begin() as conn:
        await conn.execute(insert(pulse).values(id=1, beat_at=START - MINUTE))
    assert await heart.beat(START)
    async with engine.begin() as conn:
        await conn.execute(update(pulse).values(beat_at=START - 5 * MINUTE))
    assert not await heart.beat(START)
    assert host.paths() == ["/ping/geheim"] * 2


async def test_it_stops_with_the_ticks(ctx: Context, host: Host, clock: VirtualClock) -> None:
    heart = beating(ctx, host)
    assert not await heart.beat(None)
    assert not await heart.beat(START - 5 * MINUTE)
    assert host.paths() == []
    assert not await Heartbeat(ctx).beat(START)


async def test_it_stops_when_the_database_only_reads(ctx: Context, host: Host, engine: AsyncEngine) -> None:
    heart = beating(ctx, host)
    async with engine.begin() as conn:
        await conn.execute(insert(pulse).values(id=1, beat_at=START))
        await conn.execute(text(f"alter database {engine.url.database} set default_transaction_read_only = on"))
    await engine.dispose()
    raised = False
    try:
        await heart.beat(START)
    except Exception:  # the scheduler logs it and wakes the job again
        raised = True
    assert raised
    assert host.paths() == []


async def test_an_address_that_fails_is_told_once_and_never_by_name(ctx: Context, host: Host) -> None:
    heart = beating(ctx, host)
    host.answers["/ping/geheim"] = Reply(500)
    with structlog.testing.capture_logs() as logs:
        assert not await heart.beat(START)
        assert not await heart.beat(START)
        host.answers["/ping/geheim"] = Reply(204)
        assert await heart.beat(START)
    assert [(each["event"], each.get("reason")) for each in logs] == [
        ("the heartbeat is not heard", "http_500"),
        ("the heartbeat is heard again", None),
    ]
    assert "geheim" not in str(logs)
