"""What came of deliveries, written down for many lanes at once: one transaction for whoever waits, then the next.

May assume lanes that this process holds. Promises: results, health of endpoints, new work and the event that an
endpoint was disabled are committed together; while the database is away nothing is given up before the lease is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.domain.events import EventType, NewEvent
from app.storage import events, lanes
from app.storage.lanes import Batch, Lane, Settled, Settling
from app.webhooks import housekeeping, policy
from app.worker.context import Context

log = structlog.get_logger()
#: A send takes 15 s at most and is settled a moment later.
LEASE = timedelta(seconds=45)
#: Lanes in one transaction.
MOST_GROUP = 250
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Turn:
    """A lane that is still held, and what is due in it."""

    lane: Lane
    batch: Batch


class Ledger:
    """Settles lanes in groups."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: list[tuple[Settling, asyncio.Future[Turn | None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def settle(self, settling: Settling) -> Turn | None:
        """Write the results down; the next turn, or None where nothing is due or the lane is no longer ours."""
        future: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((settling, future))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())
        return await future

    async def _write_all(self) -> None:
        """Group after group: what arrives while one is written is the next."""
        while self._waiting:
            group, self._waiting = self._waiting[:MOST_GROUP], self._waiting[MOST_GROUP:]
            settled = await self._insist([settling for settling, _ in group])
            for settling, future in group:
                place = settling.lane.place
                turn = settled and place in settled.work and Turn(settled.held[place], settled.work[place])
                if not future.done():
                    future.set_result(turn or None)
        self._writer = None

    async def _insist(self, group: Sequence[Settling]) -> Settled | None:
        """Try until it is written or every lease is over (then others send again)."""
        until = max(each.lane.until for each in group)
        while True:
            now = self._ctx.clock.now()
            try:
                return await self._write(group, now)
            except Exception as error:
                log.warning("results of deliveries could not be written yet", error=type(error).__name__)
                if now >= until:
                    return None
            await asyncio.sleep(RETRY_SECONDS)

    async def _write(self, group: Sequence[Settling], now: datetime) -> Settled:
        async with self._ctx.engine.begin() as conn:
            settled = await lanes.settle(conn, group, now, LEASE, now - policy.DISABLED_AFTER)
            news = [
                NewEvent(
                    EventType.ENDPOINT_DISABLED,
                    now,
                    housekeeping.disabled(public_id, url, reason),
                    not_webhook=id_,
                )
                for id_, public_id, url, reason in settled.disabled
            ]
            await events.record(conn, news, now)
        for place in settled.lost:
            log.warning("a lane was lost: its deliveries are sent again by another worker", webhook=place[0])
        for _, public_id, url, reason in settled.disabled:
            log.warning("an endpoint was disabled", webhook=public_id, host=housekeeping.host_of(url), reason=reason)
        return settled
