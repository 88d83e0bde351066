"""Group commits: findings are written together, many accounts in one transaction.

Promises: a finding waits at most ``group_wait`` or until the group is full; ``drain`` returns when everything that was
put is written; a group that cannot be written is dropped, its leases run out and its looks are made again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from app import metrics
from app.domain.models import Page
from app.worker import ingest
from app.worker.context import Context
from app.worker.findings import Finding
from app.worker.standing import failures_of, outcome_of, reason_of

log = structlog.get_logger()


@dataclass(slots=True)
class Report:
    """What was done."""

    polls: int = 0
    new_posts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    """Looks that were made and not written: lease lost, or the database away."""

    def add(self, other: Report) -> None:
        """Sum up."""
        self.polls += other.polls
        self.new_posts += other.new_posts
        self.outcomes.update(other.outcomes)
        self.dropped += other.dropped


class Intake:
    """Collects findings and writes them in groups. One per poller; one group is written at a time."""

    def __init__(self, ctx: Context) -> None:
        self.report = Report()
        self._ctx = ctx
        self._waiting: list[Finding] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self.done: set[int] = set()

    async def put(self, found: Finding) -> None:
        """Take a finding; returns at once, unless the database is behind by two groups."""
        self._waiting.append(found)
        if len(self._waiting) >= self._ctx.options.group:
            self._flush()
            while len(self._writing) > 2:
                await asyncio.wait(self._writing, return_when=asyncio.FIRST_COMPLETED)
        elif self._timer is None:
            delay = self._ctx.options.group_wait / timedelta(seconds=1)
            self._timer = asyncio.get_running_loop().call_later(delay, self._flush)

    async def drain(self) -> None:
        """Write everything that waits."""
        self._flush()
        while self._writing:
            await asyncio.wait(self._writing)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            group, self._waiting = self._waiting, []
            task = asyncio.get_running_loop().create_task(self._write(group))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self, group: list[Finding]) -> None:
        async with self._turn:
            try:
                entries = await ingest.apply(self._ctx, group, self._ctx.clock.now())
            except Exception as error:
                # Nothing is lost: not a row was written, the leases end, and the looks are made again.
                log.error("looks could not be written", looks=len(group), error=type(error).__name__, detail=str(error))
                self.report.dropped += len(group)
                return
            finally:
                self.done.update(found.claim.account_id for found in group)
        self._sum_up(group, entries)

    def _sum_up(self, group: list[Finding], entries: list[ingest.Entry]) -> None:
        self.report.polls += len(entries)
        self.report.dropped += len(group) - len(entries)
        for entry in entries:
            self.report.new_posts += len(entry.verdict.news)
            self.report.outcomes[outcome_of(entry.found).value] += 1
            _measure(entry)
            _tell(entry.found)


def _measure(entry: ingest.Entry) -> None:
    claim, news = entry.found.claim, entry.verdict.news
    metrics.polls.labels(claim.platform, outcome_of(entry.found).value).inc()
    if not news:
        return
    metrics.posts_seen.labels(claim.platform).inc(len(news))
    if entry.verdict.late:
        metrics.late_posts.labels(claim.platform).inc(entry.verdict.late)
    if claim.good_at is not None and isinstance(entry.found.look, Page):
        lag = metrics.observation_lag.labels(claim.platform)
        for post in news:
            if post.posted_at >= claim.good_at:
                lag.observe((post.first_seen_at - post.posted_at).total_seconds())


def _tell(found: Finding) -> None:
    """The first failure and the recovery, nothing between."""
    claim, failures = found.claim, failures_of(found)
    about = {"account": claim.account_id, "platform": claim.platform, "host": claim.host}
    if failures == 1 or (failures and claim.outcome != outcome_of(found).value):
        log.warning("a look failed", outcome=outcome_of(found).value, reason=reason_of(found), **about)
    elif not failures and claim.failures:
        log.info("looks succeed again", after_failures=claim.failures, **about)
