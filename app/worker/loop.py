"""The work of one process, from its start to a stop that loses nothing.

May assume a context with the system's clock. Promises: after a pause of ours (a restart, a suspended machine) the
overdue are spread over their own intervals, so that nobody is asked more than usual; a stop takes at most ``grace``
and the time of a commit.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from app.storage import claims
from app.worker import forecasts, prune, refit, sources, sweep
from app.worker.alarms import Watching
from app.worker.context import Context
from app.worker.deliver import Deliverer
from app.worker.heartbeat import Heartbeat
from app.worker.intake import Report
from app.worker.notify import Notifying
from app.worker.pauses import Pulse, beat
from app.worker.poll import Poller
from app.worker.scheduler import Scheduler

log = structlog.get_logger()
TICK = timedelta(seconds=1)
GAUGES = timedelta(seconds=30)
NOTIFY = timedelta(seconds=2)
HEARTBEAT = timedelta(seconds=60)
PRUNE = timedelta(hours=6)
SOURCES = timedelta(seconds=30)
REFIT = timedelta(seconds=10)
RENEW = timedelta(hours=1)
ALARMS = timedelta(hours=1)
FORECASTS = timedelta(hours=1)
#: How long visits may go on after the request to stop: a request under way takes at most 30 s, a service has 20.
GRACE = timedelta(seconds=12)
#: Who is overdue by more than this was missed in a pause of ours, not by chance.
LATE = timedelta(minutes=5)


async def work(ctx: Context, stop: asyncio.Event, grace: timedelta = GRACE) -> Report:
    """Poll and keep house until ``stop`` is set."""
    worker, notifying, beating, watching = Worker(ctx), Notifying(ctx), Heartbeat(ctx), Watching(ctx)
    deliverer = Deliverer(ctx, ctx.poster) if ctx.poster else None
    scheduler = Scheduler()
    # Beats of their own: a tick that hangs is no pause. The first one comes before the first look and the first sweep.
    pulse = Pulse(ctx)
    scheduler.every("pulse", TICK, pulse.beat)
    scheduler.every("poll", TICK, worker.tick)
    scheduler.every("sweep", TICK, lambda: sweep.run_once(ctx, ctx.clock.now()))
    scheduler.every("gauges", GAUGES, lambda: prune.set_gauges(ctx, ctx.clock.now()))
    scheduler.every("sources", SOURCES, lambda: sources.run_once(ctx, ctx.clock.now()))
    scheduler.every("refit", REFIT, lambda: refit.run_once(ctx, ctx.clock.now()))
    scheduler.every("alarms", ALARMS, lambda: watching.look(ctx.clock.now()))
    scheduler.every("forecasts", FORECASTS, lambda: forecasts.run_once(ctx, ctx.clock.now()))
    scheduler.every("renew", RENEW, lambda: refit.renew(ctx, ctx.clock.now()))
    scheduler.every("notify", NOTIFY, notifying.tick)
    scheduler.every("heartbeat", HEARTBEAT, lambda: beating.beat(worker.ticked_at))
    scheduler.every("prune", PRUNE, lambda: prune.run_once(ctx, ctx.clock.now()))
    if deliverer:
        scheduler.every("deliver", TICK, deliverer.tick)
    scheduler.start()
    listeners = [asyncio.ensure_future(deliverer.listen())] if deliverer else []
    try:
        await stop.wait()
    finally:
        await scheduler.stop()
        for listener in listeners:
            listener.cancel()
        ending = [worker.poller.stop(grace), notifying.settle(grace), *([deliverer.stop()] if deliverer else [])]
        await asyncio.gather(*ending)
    return worker.poller.intake.report


class Worker:
    """What the scheduler wakes."""

    def __init__(self, ctx: Context) -> None:
        self.poller = Poller(ctx)
        self._ctx = ctx
        self.ticked_at: datetime | None = None
        """When a tick last came to its end."""
        self._began_at: datetime | None = None

    async def tick(self) -> None:
        """Start looking at what is due; after a pause of ours spread it first."""
        now = self._ctx.clock.now()
        await beat(self._ctx, now)
        if self._began_at is None or abs(now - self._began_at) > LATE:
            await catch_up(self._ctx, now)
        self._began_at = now
        while await self.poller.claim(self._ctx.clock.now()) >= self._ctx.options.claim:
            pass
        self.ticked_at = now


async def catch_up(ctx: Context, now: datetime) -> int:
    """Spread everybody who was missed in a pause of ours over its own interval; returns how many."""
    options = ctx.options
    async with ctx.engine.begin() as conn:
        moved = await claims.spread_overdue(conn, now, LATE, options.poll_default, options.poll_longest)
    if moved:
        log.info("the overdue are spread after a pause of ours", accounts=moved)
    return moved
