"""Who watches the watcher: an address outside is asked every minute while the work really goes on.

May assume a wake-up each minute. Promises: it is asked only where this process's polling tick came to its end within
``FRESH`` and the database takes writes; a service there that misses the heartbeat can then tell a person. The address,
which is a secret, is logged nowhere.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from app.domain.models import Failure
from app.platforms.base import Request
from app.storage import heartbeat
from app.worker.context import Context

log = structlog.get_logger()
#: Older signs of life are none.
FRESH = timedelta(minutes=2)


class Heartbeat:
    """One a process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._failing = False

    async def beat(self, ticked_at: datetime | None) -> bool:
        """Ask the address if the work goes on; whether it answered well. ``ticked_at``: the end of the last tick."""
        ctx, now = self._ctx, self._ctx.clock.now()
        if ctx.options.heartbeat_url is None or not _is_fresh(ticked_at, now):
            return False
        async with ctx.engine.begin() as conn:
            beat = await heartbeat.last_beat(conn)
        if beat is not None and not _is_fresh(beat, now):
            return False
        answer = await ctx.fetcher.send(Request(ctx.options.heartbeat_url), now=ctx.clock.now)
        reason = answer.reason if isinstance(answer, Failure) else f"http_{answer.status}"
        well = not isinstance(answer, Failure) and 200 <= answer.status < 300
        self._tell(well, reason)
        return well

    def _tell(self, well: bool, reason: str) -> None:
        """The first failure in a row, and the recovery."""
        if well and self._failing:
            log.info("the heartbeat is heard again")
        elif not well and not self._failing:
            log.warning("the heartbeat is not heard", reason=reason)
        self._failing = not well


def _is_fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and abs(now - at) <= FRESH
