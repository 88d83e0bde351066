"""One account on a host that answers as it is told, lived through in steps of ten minutes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from app.domain.rules import NewRule, Rule
from app.storage import rule_states, rules
from app.worker import sweep
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.pauses import beat
from app.worker.poll import run_once
from app.worker.watch import watch
from tests.worker.conftest import START, Asked, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
STEP = 10 * MINUTE
LENGTH = 6 * HOUR
LAST = START - HOUR
"""The last post at the start."""
QUIET = LAST + LENGTH
SOON = QUIET + 40 * MINUTE
"""The confirming look is over."""


class Life:
    """One feed, watched in steps of ten minutes; ``posts`` are shown once their time has come."""

    def __init__(self, ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
        self.ctx = replace(ctx, options=replace(ctx.options, own_pause=30 * MINUTE, live_gap=8 * HOUR))
        self.host, self.clock, self.rows = host, clock, rows
        self.posts = [START - n * HOUR for n in range(1, 6)]
        self.shown_late: dict[datetime, datetime] = {}
        self.down = False
        self.account_id = 0

    async def begin(self) -> None:
        self.host.answers["/feed"] = self._answer
        self.account_id = (await watch(self.ctx, f"{self.host.base}/feed")).id

    def _answer(self, asked: Asked) -> Reply:
        if self.down:
            return Reply(500)
        shown = [at for at in self.posts if self.shown_late.get(at, at) <= asked.at]
        return Reply(body=rss([(f"p{at:%d%H%M%S}", at) for at in sorted(shown, reverse=True)[:10]]))

    async def rule(self, **values: Any) -> Rule:
        async with self.ctx.engine.begin() as conn:
            return await rules.create(conn, NewRule(**{"length": LENGTH, **values}), self.clock.now())

    async def change(self, rule: Rule, **changes: Any) -> None:
        async with self.ctx.engine.begin() as conn:
            await rules.patch(conn, rule.id, changes, self.clock.now())

    async def sql(self, statement: str, **values: Any) -> None:
        async with self.ctx.engine.begin() as conn:
            await conn.execute(text(statement), values)

    async def until(self, end: datetime, *, looking: bool = True, sweeping: bool = True) -> None:
        while self.clock.now() < end:
            self.clock.advance_to(min(self.clock.now() + STEP, end))
            await self.tick(looking=looking, sweeping=sweeping)

    async def tick(self, *, looking: bool = True, sweeping: bool = True) -> None:
        await beat(self.ctx, self.clock.now())
        if looking:
            await run_once(self.ctx, self.clock.now())
        if sweeping:
            await sweep.run_once(self.ctx, self.clock.now())

    async def look(self) -> None:
        """Look now, whatever the pace."""
        await self.sql("update account_state set next_poll_at = :now", now=self.clock.now())
        await self.tick()

    async def log(self) -> list[tuple[str, datetime]]:
        return [(row["type"].removeprefix("account."), row["occurred_at"]) for row in await self.rows("events")]

    async def data(self) -> list[dict[str, Any]]:
        rows = await self.rows("events")
        return [row["data"] if isinstance(row["data"], dict) else msgspec.json.decode(row["data"]) for row in rows]

    async def state(self) -> Any:
        async with self.ctx.engine.connect() as conn:
            [[(_, found)]] = (await rule_states.states_of(conn, [self.account_id])).values()
            return found
