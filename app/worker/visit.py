"""One visit of one host: counters first, then the pages that need to be read, one request after the other.

May assume the claims are leased to us and all of one host. Promises: each claim ends in exactly one finding or is given
back untouched with the time it shall be due; a host that asks to wait, has no budget left or cannot be reached is left
at once; a visit does not go on for longer than its time, so that no host holds the worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from app.domain import pace
from app.domain.models import Failure, OutcomeName, Unchanged
from app.platforms.base import CounterLook, CounterMissing, Platform
from app.storage import hosts
from app.storage.claims import Claim
from app.worker.context import Context
from app.worker.counting import batch_size, can_be_trusted, count, is_passing, is_refused
from app.worker.findings import Exchange, Finding, finding
from app.worker.line import Closed, Line
from app.worker.looking import look_at

Deliver = Callable[[Finding], Awaitable[None]]
#: Reasons of the fetcher that speak of the host, not of one account.
_HOST_DOWN = frozenset({"dns", "connect", "tls", "timeout", "incomplete"})
#: So many of them in a row end a visit; the host then rests, the longer the more often.
_STRIKES = 2
_REST = timedelta(seconds=30)
_LONGEST_REST = timedelta(minutes=15)


@dataclass(slots=True)
class Visit:
    """``run`` it once."""

    ctx: Context
    line: Line
    claims: Sequence[Claim]
    deliver: Deliver
    left: dict[int, Claim] = field(init=False)
    strikes: int = 0
    answered: bool = False
    refused_at: datetime | None = field(init=False)
    """When the host last said that it has no batch counter."""

    def __post_init__(self) -> None:
        self.refused_at = self.claims[0].counter_refused_at
        self.left = {claim.account_id: claim for claim in self.claims}

    async def run(self) -> list[tuple[Claim, datetime]]:
        """Visit the host; returns the claims to give back, each with the time it shall be due."""
        started = self.ctx.clock.monotonic()
        back_at = self.ctx.clock.now()
        try:
            for name, claims in groupby(sorted(self.claims, key=_by_platform), _by_platform):
                await self._ask(self.ctx.platforms[name], list(claims), started)
        except Closed as closed:
            back_at = closed.until
        await self._note_budget()
        await self._note_host()
        await self._note_counter()
        step = timedelta(milliseconds=1)  # ahead of those that were put off meanwhile
        return [(claim, back_at + step * place) for place, claim in enumerate(self.left.values(), 1)]

    async def _ask(self, platform: Platform, claims: list[Claim], started: float) -> None:
        pages: list[tuple[Claim, int | None]] = []
        asked = 0
        while asked < len(claims) and (size := batch_size(platform, self.refused_at, self.ctx.clock.now())):
            self._check_time(started)
            pages += await self._count(platform, claims[asked : asked + size])
            asked += size
        pages += [(self._informed(claim), None) for claim in claims[asked:]]
        for claim, counter in pages:
            self._check_time(started)
            await self._settle(await look_at(self.ctx, platform, claim, self.line.send, counter))

    async def _count(self, platform: Platform, claims: list[Claim]) -> list[tuple[Claim, int | None]]:
        """Settle those whose counter says enough; returns the others, with what it said."""
        pages: list[tuple[Claim, int | None]] = []
        failed: Finding | None = None
        enough: list[Finding] = []
        counted = await count(platform, claims, self.line.send, self.ctx.parser)
        self.refused_at = self.ctx.clock.now() if is_refused(counted) else None
        for claim, answer, exchanges in counted:
            settled = self._settled(platform, claim, answer, exchanges)
            if settled is not None:
                enough.append(settled)
                continue
            # Where the page is not reached, the move must not be forgotten: the counter may move back.
            forgotten = self.left[claim.account_id] = msgspec.structs.replace(self._informed(claim), counter=None)
            counter = _value(answer)
            pages.append((forgotten if counter is None else claim, counter))
        for settled in enough:
            if isinstance(settled.look, Failure):
                failed = settled
                await self._deliver(settled)
            else:
                await self._settle(settled)
        if failed is not None:
            await self._react(failed)
        return pages

    def _informed(self, claim: Claim) -> Claim:
        """The claim as if it had been taken knowing whether its host has a counter."""
        if claim.counter_refused_at == self.refused_at:
            return claim
        return msgspec.structs.replace(claim, counter_refused_at=self.refused_at)

    def _settled(
        self, platform: Platform, claim: Claim, answer: CounterLook, exchanges: tuple[Exchange, ...]
    ) -> Finding | None:
        now = self.ctx.clock.now()
        if isinstance(answer, Unchanged) and can_be_trusted(claim, platform, now):
            return finding(claim, answer, exchanges, now, counter=answer.counter)
        if isinstance(answer, Failure) and is_passing(answer):
            return finding(claim, answer, exchanges, now)
        return None

    async def _settle(self, found: Finding) -> None:
        await self._deliver(found)
        await self._react(found)

    async def _deliver(self, found: Finding) -> None:
        del self.left[found.claim.account_id]
        await self.deliver(found)

    async def _react(self, found: Finding) -> None:
        """Leave the host where the look says so. Raises Closed."""
        look = found.look
        if not isinstance(look, Failure):
            self.strikes, self.answered = 0, True
            return
        if look.outcome is OutcomeName.RATE_LIMITED or look.retry_after:
            await self._block(found, look)
        if look.reason not in _HOST_DOWN:
            self.answered = True
            return
        self.strikes += 1
        if self.strikes >= _STRIKES and self.left:
            raise Closed(await self._rest(look.reason), look.reason)

    async def _block(self, found: Finding, look: Failure) -> None:
        own = pace.LIMIT_WAIT * 2 ** min(found.claim.failures, 8)
        until = found.looked_at + min(look.retry_after or own, pace.LONGEST_RETRY)
        async with self.ctx.engine.begin() as conn:
            await hosts.block(conn, self.line.host_id, until, look.reason)
        self.line.close_until(until)
        raise Closed(until, look.reason)

    async def _rest(self, reason: str) -> datetime:
        now = self.ctx.clock.now()
        doublings = min(self.claims[0].host_failures, 5)
        until = now + min(_REST * (1 << doublings), _LONGEST_REST)
        async with self.ctx.engine.begin() as conn:
            await hosts.failed(conn, self.line.host_id, now, until, reason)
        return until

    async def _note_budget(self) -> None:
        """Tell the other workers, and those after a restart, that the host's budget is used up."""
        until = self.line.closed_until("look", self.ctx.clock.now())
        if until is not None:
            async with self.ctx.engine.begin() as conn:
                await hosts.block(conn, self.line.host_id, until, "budget")

    async def _note_host(self) -> None:
        """The first answer after failures ends them."""
        if self.answered and self.claims[0].host_failures:
            async with self.ctx.engine.begin() as conn:
                await hosts.recovered(conn, self.line.host_id)

    async def _note_counter(self) -> None:
        """Whether the server has a counter, where this is news."""
        if self.refused_at != self.claims[0].counter_refused_at:
            async with self.ctx.engine.begin() as conn:
                await hosts.note_counter(conn, self.line.host_id, self.refused_at)

    def _check_time(self, started: float) -> None:
        if self.ctx.clock.monotonic() - started > self.ctx.options.visit.total_seconds():
            raise Closed(self.ctx.clock.now(), "visit over")


def _by_platform(claim: Claim) -> str:
    return claim.platform


def _value(answer: CounterLook) -> int | None:
    return None if isinstance(answer, CounterMissing | Failure) else answer.counter


def foreseen(platforms: Mapping[str, Platform], claims: Sequence[Claim], now: datetime) -> int:
    """How many requests a visit will make at least: one a batch where there is a counter, else one an account."""
    sizes = Counter((c.platform, batch_size(platforms[c.platform], c.counter_refused_at, now)) for c in claims)
    return sum(-(-number // (size or 1)) for (_, size), number in sizes.items())
