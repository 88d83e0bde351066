"""Polling: due accounts are leased, their hosts visited, what was found written down.

May assume a context. Promises: hosts are visited at the same time, each with one request at a time, so that a slow one
delays nobody else; leases are renewed while work goes on; what is not looked at is given back; a stop loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from app.storage import claims, hosts
from app.storage.claims import Claim
from app.worker.clock import StepWatch
from app.worker.context import Context
from app.worker.counting import batch_size
from app.worker.findings import Finding
from app.worker.intake import Intake, Report
from app.worker.line import Line
from app.worker.pauses import beat
from app.worker.visit import Visit, foreseen

log = structlog.get_logger()
#: Visits of one host that run or wait; more are not begun.
MOST_QUEUED = 2
#: A visit of ``run_once`` may last this long.
ONCE = timedelta(hours=1)


async def run_once(ctx: Context, now: datetime) -> Report:
    """Look at everything that is due at ``now``; returns when it is written down."""
    # Rounds, not a stream: nobody else's turn is waited for, so a host gives all it has.
    options = replace(ctx.options, per_host=ctx.options.claim * 2, visit=ONCE)
    poller = Poller(replace(ctx, options=options))
    await beat(ctx, now)
    try:
        while await poller.claim(now):
            await poller.drain()
    finally:
        await poller.stop(timedelta(0))
    return poller.intake.report


class Poller:
    """The polling of one process. ``claim`` starts work, ``drain`` waits for it, ``stop`` ends it."""

    def __init__(self, ctx: Context) -> None:
        self.intake = Intake(ctx)
        self._ctx = ctx
        self._lines: dict[int, Line] = {}
        self._visits: set[asyncio.Task[None]] = set()
        self._held: dict[int, Claim] = {}
        self._places = asyncio.Semaphore(ctx.options.concurrency)
        self._queued: Counter[int] = Counter()
        self._watch = StepWatch(ctx.clock)
        self._steps = 0
        self._heartbeat: asyncio.Task[None] | None = None

    @property
    def held(self) -> int:
        """Accounts leased now."""
        return len(self._held)

    async def claim(self, now: datetime) -> int:
        """Lease due accounts as far as there is room and start visiting their hosts; returns how many."""
        self._forget()
        options = self._ctx.options
        if self.intake.resting_until is not None and now < self.intake.resting_until:
            return 0  # nobody is asked for what cannot be written down
        room = min(options.claim, options.in_flight - self.held)
        if room <= 0:
            return 0
        busy = [host_id for host_id, visits in self._queued.items() if visits >= MOST_QUEUED]
        async with self._ctx.engine.begin() as conn:
            leased = await claims.claim_due(conn, now, room, options.lease, options.per_host, busy)
            leased += await claims.claim_companions(
                conn, now, self._free_places(leased, now), options.lease, options.batch_ahead
            )
            slots = await hosts.reserve(conn, self._lengths(leased, now), now)
        self._held.update((claim.account_id, claim) for claim in leased)
        for of_host in _by_host(leased):
            task = asyncio.get_running_loop().create_task(self._visit(of_host, slots.get(of_host[0].host_id)))
            self._visits.add(task)
            task.add_done_callback(self._visits.discard)
        if self._heartbeat is None and leased:
            self._heartbeat = asyncio.get_running_loop().create_task(self._keep_leases())
        return len(leased)

    async def drain(self) -> None:
        """Wait until every visit is over and everything found is written."""
        while self._visits:
            await asyncio.wait(self._visits)
        await self.intake.drain()
        self._forget()
        await self._end_heartbeat()

    async def stop(self, within: timedelta) -> None:
        """Let running visits end for so long, then cancel them; write what was found, give the rest back."""
        if self._visits:
            await asyncio.wait(self._visits, timeout=within.total_seconds())
        for task in self._visits:
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        await self.intake.drain()
        self._forget()
        await self._give_back([(claim, self._ctx.clock.now()) for claim in self._held.values()])
        self._held.clear()
        await self._end_heartbeat()

    def _free_places(self, leased: Sequence[Claim], now: datetime) -> dict[int, int]:
        """How many more accounts the last batch request of each host could count."""
        found, platforms = {}, self._ctx.platforms
        for of_host in _by_host(leased):
            size = max(batch_size(platforms[claim.platform], claim.counter_refused_at, now) for claim in of_host)
            if size and len(of_host) % size:
                found[of_host[0].host_id] = size - len(of_host) % size
        return found

    def _lengths(self, leased: Sequence[Claim], now: datetime) -> dict[int, timedelta]:
        """How much of its time each host is asked for."""
        platforms = self._ctx.platforms
        found = {
            of[0].host_id: platforms[of[0].platform].spacing * foreseen(platforms, of, now) for of in _by_host(leased)
        }
        return {host_id: length for host_id, length in found.items() if length}

    async def _visit(self, of_host: list[Claim], slot: datetime | None) -> None:
        host_id = of_host[0].host_id
        line = self._line(of_host[0])
        self._queued[host_id] += 1
        try:
            async with line.lock, self._places:
                line.use_slots(slot, foreseen(self._ctx.platforms, of_host, self._ctx.clock.now()))
                back = await self._run(line, of_host)
        finally:
            self._queued[host_id] -= 1
            if not self._queued[host_id] and not line.closed:
                del self._queued[host_id], self._lines[host_id]
        await self._give_back(back)

    async def _run(self, line: Line, of_host: list[Claim]) -> list[tuple[Claim, datetime]]:
        steps = self._steps

        async def deliver(found: Finding) -> None:
            self._watch_clock()
            await self.intake.put(found if self._steps == steps else found._replace(void="clock_step"))

        visit = Visit(self._ctx, line, of_host, deliver)
        try:
            return await visit.run()
        except asyncio.CancelledError:
            self._held.update(visit.left)  # a counter that was seen to move is given back as forgotten
            raise
        except Exception:
            log.exception("a visit broke", host=line.name)
            return [(claim, self._ctx.clock.now() + timedelta(minutes=1)) for claim in visit.left.values()]

    def _watch_clock(self) -> None:
        step = self._watch.stepped()
        if step is not None:
            self._steps += 1
            log.warning("the wall clock was set: looks under way prove nothing", seconds=step.total_seconds())

    def _line(self, claim: Claim) -> Line:
        line = self._lines.get(claim.host_id)
        if line is None:
            platform = self._ctx.platforms[claim.platform]
            line = Line(self._ctx, claim.host_id, claim.host, claim.platform, platform.spacing)
            self._lines[claim.host_id] = line
        return line

    async def _give_back(self, back: Sequence[tuple[Claim, datetime]]) -> None:
        if not back:
            return
        for claim, _ in back:
            self._held.pop(claim.account_id, None)
        try:
            async with self._ctx.engine.begin() as conn:
                await claims.release(conn, [claim for claim, _ in back], [due_at for _, due_at in back])
        except Exception as error:
            # They are no longer renewed: they run out, and whoever takes them next reads the page.
            log.warning("leases could not be given back", leases=len(back), error=type(error).__name__)

    def _forget(self) -> None:
        """Accounts whose findings are written are no longer ours."""
        for account_id in self.intake.done:
            self._held.pop(account_id, None)
        self.intake.done.clear()

    async def _keep_leases(self) -> None:
        """The heartbeat: a worker that dies is noticed within one lease."""
        options, clock = self._ctx.options, self._ctx.clock
        while True:
            await asyncio.sleep(options.heartbeat.total_seconds())
            self._forget()
            held = sorted(self._held.values(), key=lambda claim: claim.account_id)
            if not held:
                continue
            try:
                await beat(self._ctx, clock.now())
                async with self._ctx.engine.begin() as conn:
                    await claims.renew(conn, held, clock.now() + options.lease)
            except Exception as error:
                log.warning("leases could not be renewed", error=type(error).__name__)

    async def _end_heartbeat(self) -> None:
        task, self._heartbeat = self._heartbeat, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _by_host(leased: Sequence[Claim]) -> list[list[Claim]]:
    found: dict[int, list[Claim]] = defaultdict(list)
    for claim in leased:
        found[claim.host_id].append(claim)
    return list(found.values())
