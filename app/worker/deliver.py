"""Deliveries: lanes in which something is due are leased, and what is due in them is sent, one after another.

May assume a context with a sealer. Promises: lanes run at the same time, so that a slow or dead endpoint delays
nobody else; an endpoint gets at most ``events.LANES`` requests at once; nothing is sent in a lane whose lease may end
before the answer comes; a stop lets what is under way end and gives the lanes back. News is heard at once
(``Deliverer.listen``); ``tick`` is what finds due retries, and everything where hearing fails.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from app import metrics
from app.sealing import CannotOpen
from app.storage import lanes
from app.storage.events import CHANNEL, LANES
from app.storage.lanes import Due, Lane, Result, Settling
from app.storage.listening import listen
from app.webhooks import envelope, policy, signing
from app.worker.context import Context
from app.worker.ledger import LEASE, Ledger, Turn
from app.worker.post import DEADLINE_SECONDS, Poster

log = structlog.get_logger()
#: Lanes leased in one claim.
MOST_CLAIMED = 500
#: Deliveries loaded at first and at most for one turn; a turn ends after ``TURN`` whatever is left of it.
FIRST_BATCH, MOST_BATCH = 10, 100
TURN = timedelta(seconds=1)
#: What a lease must still be good for before something is sent under it.
MARGIN = timedelta(seconds=DEADLINE_SECONDS + 5)
#: An endpoint whose secret cannot be opened (a key of ours is missing) is left alone for so long.
UNOPENED = timedelta(minutes=1)


class Deliverer:
    """The deliveries of one process. ``listen`` and ``tick`` start work, ``drain`` waits for it, ``stop`` ends it."""

    def __init__(self, ctx: Context, poster: Poster) -> None:
        self._ctx = ctx
        self._poster = poster
        self._ledger = Ledger(ctx)
        self._running: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._news = asyncio.Event()
        self._heard = 0
        self._stopping = False
        self._unopened: set[int] = set()

    async def tick(self) -> None:
        """Start on everything that is due."""
        async with self._claiming:
            while await self._claim() >= MOST_CLAIMED:
                pass

    async def listen(self) -> NoReturn:
        """Start on news the moment it is committed, until cancelled."""
        hearing = asyncio.create_task(listen(self._ctx.engine, CHANNEL, self._hear))
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                with suppress(Exception):  # the tick tells of it, and tries again
                    await self.tick()
        finally:
            hearing.cancel()

    def _hear(self, _: str | None) -> None:
        self._heard += 1
        self._news.set()

    async def drain(self) -> None:
        """Wait until everything that was started is written down."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self) -> None:
        """Start nothing more; let what is under way end (15 s at most) and give the lanes back."""
        self._stopping = True
        await self.drain()

    async def _claim(self) -> int:
        room = min(MOST_CLAIMED, self._ctx.options.lanes - len(self._running))
        if room <= 0 or self._stopping:
            return 0
        now = self._ctx.clock.now()
        async with self._ctx.engine.begin() as conn:
            leased = await lanes.claim(conn, now, room, LEASE)
            work = await lanes.load(conn, {lane.place: FIRST_BATCH for lane in leased}, now)
        for lane in leased:
            turn = Turn(lane, work[lane.place]) if lane.place in work else None
            task = asyncio.get_running_loop().create_task(self._run(lane, turn))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(leased)

    async def _run(self, lane: Lane, turn: Turn | None) -> None:
        """Turn after turn, until nothing is due any more."""
        settling = Settling(lane, (), 0)
        try:
            if turn is not None:
                settling = await self._take_turn(turn, None)
            while (turn := await self._settle(settling)) is not None:
                settling = await self._take_turn(turn, settling.rest_until)
        except Exception:
            log.exception("a lane broke: its deliveries are sent again when its lease ends", webhook=lane.webhook_id)

    async def _settle(self, settling: Settling) -> Turn | None:
        """The next turn, or None. What was heard of meanwhile may have come after the look for more and before the lane
        was free for anybody: then all is looked through once more."""
        heard = self._heard
        turn = await self._ledger.settle(settling)
        if turn is None and heard != self._heard:
            self._news.set()
        return turn

    async def _take_turn(self, turn: Turn, free_at: datetime | None) -> Settling:
        """Send what is due, for about ``TURN``, nothing before ``free_at``."""
        clock, lane, batch = self._ctx.clock, turn.lane, turn.batch
        keys = self._keys(turn)
        if not keys:
            return Settling(lane, (), 0, clock.now() + UNOPENED)
        results: list[Result] = []
        began = clock.monotonic()
        for due in batch.due:
            if free_at is not None:
                await clock.sleep_until(free_at)
            if self._stopping or clock.now() + MARGIN > lane.until or clock.monotonic() - began > TURN.total_seconds():
                break
            # Both lanes together keep to the endpoint's own limit; so does whoever leases this one next.
            free_at = clock.now() + timedelta(seconds=LANES / batch.per_second) if batch.per_second else None
            results.append(await self._attempt(batch.url, keys, due))
            if results[-1].rest_until is not None or results[-1].gone:
                break
        most = 0 if self._stopping else min(MOST_BATCH, max(1, 2 * len(results)))
        return Settling(lane, results, most, free_at)

    async def _attempt(self, url: str, keys: Sequence[bytes], due: Due) -> Result:
        at = self._ctx.clock.now()
        body = envelope.encode(due.type, due.occurred_at, due.sequence, due.data)
        sent = await self._poster.post(url, signing.headers(keys, due.event, at, body), body)
        now = max(self._ctx.clock.now(), at)
        verdict = policy.judge(sent.status, sent.retry_after, due.number, random.random(), at, now)  # noqa: S311
        _count(due, at, now, verdict.fate)
        return Result(
            delivery_id=due.id,
            number=due.number,
            at=at,
            ended_at=now,
            fate=verdict.fate.value,
            next_at=verdict.next_at,
            status=sent.status,
            error=sent.error,
            answer=sent.answer,
            rest_until=verdict.rest_until,
            gone=sent.status == policy.GONE,
        )

    def _keys(self, turn: Turn) -> list[bytes]:
        """The endpoint's keys, the newest first; none where one of them cannot be opened."""
        sealer, webhook_id = self._ctx.sealer, turn.lane.webhook_id
        assert sealer is not None  # noqa: S101 - whoever delivers is given one
        try:
            keys = [signing.read_secret(sealer.open(s.ciphertext, s.key_id).decode()) for s in turn.batch.secrets]
        except (CannotOpen, ValueError) as error:
            if webhook_id not in self._unopened:
                self._unopened.add(webhook_id)
                log.error("a webhook's secret cannot be opened: it gets nothing", webhook=webhook_id, detail=str(error))
            return []
        self._unopened.discard(webhook_id)
        return keys


def _count(due: Due, at: datetime, now: datetime, fate: str) -> None:
    metrics.deliveries.labels(fate).inc()
    metrics.delivery_seconds.observe((now - at).total_seconds())
