"""Our own life: beats while somebody works, and a pause on record when nobody did or the clock was set.

Promises: what was seen before a pause is not fresh evidence after it; the pause is written before anything is judged,
also by a process that was stopped and wakes.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from app.storage import pauses
from app.worker.clock import StepWatch
from app.worker.context import Context

log = structlog.get_logger()


class Pulse:
    """The beats of one process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._watch = StepWatch(ctx.clock)

    async def beat(self) -> datetime | None:
        """A sign of life; notices a pause first. Returns when our last pause ended."""
        return await beat(self._ctx, self._ctx.clock.now(), self._watch)


async def beat(ctx: Context, now: datetime, watch: StepWatch | None = None) -> datetime | None:
    """One beat at ``now``."""
    step = watch.stepped() if watch is not None else None
    async with ctx.engine.begin() as conn:
        ended = await pauses.notice(conn, now, ctx.options.own_pause, step)
        await pauses.beat(conn, now)
    if ended == now:
        log.warning("we were not there: nothing is told on evidence from before", cause="clock" if step else "stopped")
    return ended
