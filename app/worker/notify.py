"""People are told: each notifier gets one message for all that happened since its last one.

May assume a tick every few seconds, in any number of workers. Promises: a notifier is leased to one worker; a message
that hangs or fails delays nobody else: it is sent beside the others and tried again ever more rarely; after five days
of nothing but failure the notifier is disabled, which is an event. Sent at least once: a crash between the sending and
its commit sends again.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from app import metrics
from app.domain import messages
from app.domain.events import EventType, NewEvent
from app.sealing import CannotOpen
from app.storage import events, notifiers
from app.storage.notifiers import Due
from app.webhooks import policy
from app.worker.context import Context
from app.worker.messenger import AT_ONCE, SECONDS

log = structlog.get_logger()
#: Longer than a message may take, waiting for its turn included.
LEASE = timedelta(seconds=2 * SECONDS + 30)


class Notifying:
    """Sends messages beside each other. One a process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._under_way: set[asyncio.Task[None]] = set()

    async def tick(self) -> int:
        """Begin what is due, as far as there is room; how many messages were begun."""
        ctx, room = self._ctx, AT_ONCE - len(self._under_way)
        if ctx.messenger is None or ctx.sealer is None or room <= 0:
            return 0
        now = ctx.clock.now()
        async with ctx.engine.begin() as conn:
            due = await notifiers.claim_due(conn, now, room, LEASE)
        for each in due:
            task = asyncio.create_task(self._tell(each))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(due)

    async def settle(self, grace: timedelta) -> None:
        """Let what is under way end; what takes longer is ended and sent again after its lease."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _tell(self, due: Due) -> None:
        try:
            await tell(self._ctx, due)
        except Exception as error:
            log.error("a message was not sent and will be", notifier=due.public_id, error=type(error).__name__)


async def tell(ctx: Context, due: Due) -> None:
    """One message to one leased notifier."""
    now, options = ctx.clock.now(), ctx.options
    async with ctx.engine.connect() as conn:
        news = await notifiers.load_news(conn, due, now, messages.MOST_ENTRIES)
    if news is None:
        async with ctx.engine.begin() as conn:
            await notifiers.give_back(conn, due)
        return
    zone = ZoneInfo(due.zone)
    message = messages.compose(news.told, news.counts, due.language, zone, options.public_url)
    reason = await _send(ctx, due, message)
    metrics.messages.labels(due.service, reason or "sent").inc()
    if reason is not None:
        await _fail(ctx, due, reason)
        return
    async with ctx.engine.begin() as conn:
        await notifiers.mark_told(conn, due, news, ctx.clock.now())
    if due.failures:
        log.info("a notifier works again", notifier=due.public_id, service=due.service)


async def _send(ctx: Context, due: Due, message: messages.Message) -> str | None:
    if ctx.sealer is None or ctx.messenger is None:  # nobody leases without them
        return "failed"
    try:
        address = ctx.sealer.open(due.ciphertext, due.key_id).decode()
    except CannotOpen:
        return "sealed"
    return await ctx.messenger.send(address, message)


async def _fail(ctx: Context, due: Due, reason: str) -> None:
    now = ctx.clock.now()
    next_at = next_attempt(due, now, random.random())  # noqa: S311 - spreads retries, guards nothing
    async with ctx.engine.begin() as conn:
        written = await notifiers.mark_failed(conn, due, now, reason, next_at)
        if written and next_at is None:
            about = {"id": due.public_id, "name": due.name, "service": due.service}
            data = {"notifier": about, "reason": reason}
            await events.record(conn, [NewEvent(EventType.ENDPOINT_DISABLED, now, data)], now)
    if written and (not due.failures or next_at is None):
        text = "a notifier fails" if next_at else "a notifier was disabled after long failure"
        log.warning(text, notifier=due.public_id, service=due.service, reason=reason)


def next_attempt(due: Due, now: datetime, chance: float) -> datetime | None:
    """When it is tried again after this failure: the waits of webhooks; None where it has failed for too long."""
    if policy.is_hopeless(due.failing_since, now):
        return None
    return now + policy.wait(min(due.failures + 1, len(policy.SCHEDULE)), chance)
