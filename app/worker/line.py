"""The way to one host within this process: one request at a time, in reserved slots, within the host's own budget.

May assume: ``lock`` is held around a visit. Promises: no request before its slot; none once the host's headers said
that its budget is nearly used up (RESERVE is left for others behind our address), until it renews. Other hosts that a
conversation asks on the way (a directory) neither use nor change this host's budget.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from prometheus_client import Counter

from app import metrics
from app.domain.models import Failure
from app.platforms.base import Request, Response
from app.platforms.limits import budget
from app.storage import hosts
from app.worker.buckets import bucket_of
from app.worker.context import Context
from app.worker.fetch import Validators

#: This share of a budget, and at least so many requests, is never used.
RESERVE_SHARE = 0.02
RESERVE = 2


class Closed(Exception):
    """The host may not be asked before ``until``; nothing was sent."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.until = until
        self.reason = reason


class Line:
    """One host. ``name`` is the politeness unit: ``name`` or ``name:port``, or a shared domain."""

    def __init__(self, ctx: Context, host_id: int, name: str, platform: str, spacing: timedelta) -> None:
        self.lock = asyncio.Lock()
        self.host_id = host_id
        self.name = name
        self.exhausted: dict[str, datetime] = {}
        self._ctx = ctx
        self._platform = platform
        self._seconds = metrics.request_seconds.labels(platform)
        self._counters: dict[str, Counter] = {}
        self._own: str | None = None
        self._spacing = spacing
        self._slots: deque[datetime] = deque()
        self._sent_at: datetime | None = None

    async def send(self, request: Request, validators: Validators | None = None) -> Response | Failure:
        """Send when the slot comes. Raises Closed where the budget for this kind of request is used up."""
        ours = self._is_ours(request.url)
        if ours:
            await self._wait(request.cost)
        clock = self._ctx.clock
        began = clock.monotonic()
        answer = await self._ctx.fetcher.send(request, validators=validators, now=clock.now)
        self._count(f"{answer.status // 100}xx" if isinstance(answer, Response) else "failed")
        self._seconds.observe(clock.monotonic() - began)
        if isinstance(answer, Response):
            if ours:
                self._note_budget(request.cost, answer)
            return answer
        # That another host is down says nothing of this one: its other accounts can be asked all the same.
        return answer if ours else replace(answer, reason=f"elsewhere_{answer.reason}")

    def _is_ours(self, url: str) -> bool:
        if self._own is not None and url.startswith(self._own):
            return True
        ours = bucket_of(urlsplit(url).netloc, self._platform) == self.name
        if ours:
            end = url.find("/", url.find("://") + 3)
            self._own = url[: end + 1] if end > 0 else None
        return ours

    def _count(self, status: str) -> None:
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = metrics.requests.labels(self._platform, status)
        counter.inc()

    @property
    def closed(self) -> bool:
        """Whether the host asked to be left alone until later."""
        return any(self.closed_until(cost, self._ctx.clock.now()) for cost in self.exhausted)

    def closed_until(self, cost: str, now: datetime) -> datetime | None:
        """When requests of this kind may be made again, None for now."""
        until = self.exhausted.get(cost)
        return until if until is not None and until > now else None

    def close_until(self, until: datetime) -> None:
        """The host asked to be left alone, by every kind of request."""
        for cost in ("look", "paging"):
            self.exhausted[cost] = max(until, self.exhausted.get(cost, until))

    async def _wait(self, cost: str) -> None:
        until = self.closed_until(cost, self._ctx.clock.now())
        if until is not None:
            raise Closed(until, "budget")
        if not self._spacing:
            return
        if not self._slots:
            await self._reserve()
        slot = self._slots.popleft()
        # A slot from before the visit could begin is as good as now, but not two of them at once.
        free_at = slot if self._sent_at is None else max(slot, self._sent_at + self._spacing)
        await self._ctx.clock.sleep_until(free_at)
        self._sent_at = self._ctx.clock.now()

    def use_slots(self, first: datetime | None, requests: int) -> None:
        """The slots of the visit that begins; those that an earlier one did not use have lapsed."""
        self._slots.clear()
        if first is not None:
            self._slots.extend(first + self._spacing * number for number in range(requests))

    async def _reserve(self) -> None:
        # Only for requests nobody could foresee: the claim reserves for all its hosts in one statement.
        async with self._ctx.engine.begin() as conn:
            first = await hosts.reserve(conn, {self.host_id: self._spacing}, self._ctx.clock.now())
        self._slots.append(first[self.host_id])

    def _note_budget(self, cost: str, answer: Response) -> None:
        granted = budget(answer.headers, answer.requested_at)
        if granted is None:
            return
        reserve = max(RESERVE, int((granted.limit or 0) * RESERVE_SHARE))
        if granted.remaining <= min(reserve, max((granted.limit or reserve) - 1, 0)):
            self.exhausted[cost] = granted.reset_at
