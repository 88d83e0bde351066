"""News that comes while a lane is given back: nobody could lease it at that moment, and it is not left to the tick."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.events import EventType, NewEvent
from app.storage import events, lanes
from app.worker.clock import SystemClock
from tests.worker.receivers import Message, World, receiving


async def test_news_that_comes_while_a_lane_is_given_back_is_sent_at_once(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, looked, both = World(engine, SystemClock()), asyncio.Event(), asyncio.Event()
    settle, claim = lanes.settle, lanes.claim
    held_back = False

    async def claimed(*args: Any) -> Any:
        found = await claim(*args)
        looked.set()
        return found

    async def settled(*args: Any) -> Any:
        """More is told after the look for more, and heard before the lane is free."""
        nonlocal held_back
        found = await settle(*args)
        if not held_back:
            held_back = True
            looked.clear()
            async with engine.begin() as conn:
                await events.record(conn, [event], live.clock.now())
            await looked.wait()
        return found

    def note(_: Message) -> tuple[int, dict[str, str], bytes]:
        if len(endpoint.got) == 2:
            both.set()
        return 200, {}, b""

    monkeypatch.setattr(lanes, "claim", claimed)
    monkeypatch.setattr(lanes, "settle", settled)
    async with receiving(note) as endpoint:
        await live.endpoint(endpoint.url)
        account = await live.account()
        event = NewEvent(EventType.QUIET, live.clock.now(), {}, account)
        worker = live.worker()
        hearing = asyncio.ensure_future(worker.listen())
        await live.tell(account)
        async with asyncio.timeout(10):
            await both.wait()
        hearing.cancel()
        await worker.stop()
    live.close()
