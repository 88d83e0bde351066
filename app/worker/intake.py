"""Group commits: findings are written together, many accounts in one transaction.

Promises: a finding waits at most ``group_wait`` or until the group is full; ``drain`` returns when everything that was
put is written or given up. Where a group cannot be written each look is tried alone, so that one costs no other; what
cannot be written even so is given back without its counter and made again after the usual interval: sources are not
asked more often because our database fails. While nothing at all can be written, ``resting_until`` says when to try.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog

from app import metrics
from app.domain.models import Page
from app.domain.pace import FLOOR, USUAL
from app.storage import claims
from app.worker import ingest
from app.worker.context import Context
from app.worker.findings import Finding
from app.worker.standing import failures_of, outcome_of, reason_of

log = structlog.get_logger()
#: After so many looks in a row that could not be written alone the rest of their group is not tried.
TRIES = 3
#: While nothing can be written: the first pause, doubled each time up to the least interval of a source.
_PAUSE = timedelta(minutes=1)


@dataclass(slots=True)
class Report:
    """What was done."""

    polls: int = 0
    new_posts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    """Looks that were made and not written: lease lost, or not to be written."""
    error: str | None = None
    """Why looks could not be written, the last time."""

    def add(self, other: Report) -> None:
        """Sum up."""
        self.polls += other.polls
        self.new_posts += other.new_posts
        self.outcomes.update(other.outcomes)
        self.dropped += other.dropped
        self.error = other.error or self.error


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
        self.resting_until: datetime | None = None
        self._error: str | None = None
        self._failing = False
        self._pauses = 0

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
                entries, unwritten = await self._store(group)
                self._note(unwritten, len(group))
                await self._give_back(unwritten)
            finally:
                self.done.update(found.claim.account_id for found in group)
        self._sum_up(group, entries)

    async def _store(self, group: list[Finding]) -> tuple[list[ingest.Entry], list[Finding]]:
        """Together, else each alone; returns what was written and the looks that could not be."""
        entries = await self._try(group)
        if entries is not None:
            return entries, []
        if len(group) == 1:
            return [], group
        written: list[ingest.Entry] = []
        unwritten: list[Finding] = []
        in_a_row = 0
        for found in group:
            entries = await self._try([found]) if in_a_row < TRIES else None
            in_a_row = in_a_row + 1 if entries is None else 0
            if entries is None:
                unwritten.append(found)
            else:
                written += entries
        return written, unwritten

    async def _try(self, group: list[Finding]) -> list[ingest.Entry] | None:
        try:
            return await ingest.apply(self._ctx, group, self._ctx.clock.now())
        except Exception as error:  # not a row was written
            self._error = f"{type(error).__name__}: {error}"[:500]
            return None

    def _note(self, unwritten: Sequence[Finding], looks: int) -> None:
        """Tell the first failure and the recovery; pause where nothing could be written."""
        if unwritten:
            self.report.error = self._error
        if unwritten and not self._failing:
            log.error("looks could not be written", looks=len(unwritten), of=looks, error=self._error)
        elif self._failing and not unwritten:
            log.info("looks are written again")
        self._failing = bool(unwritten)
        self._pauses = self._pauses + 1 if len(unwritten) == looks else 0
        pause = min(_PAUSE * 2 ** min(self._pauses - 1, 8), FLOOR) if self._pauses else None
        self.resting_until = self._ctx.clock.now() + pause if pause else None

    async def _give_back(self, unwritten: Sequence[Finding]) -> None:
        """Let them be made again. The counters are forgotten: nobody knows any more what the pages showed."""
        if not unwritten:
            return
        forgotten = [msgspec.structs.replace(found.claim, counter=None) for found in unwritten]
        due_at = self._ctx.clock.now() + USUAL
        try:
            async with self._ctx.engine.begin() as conn:
                await claims.release(conn, forgotten, [due_at] * len(forgotten))
        except Exception as error:  # the leases run out, which forgets the counters as well
            log.debug("leases could not be given back", leases=len(forgotten), error=type(error).__name__)

    def _sum_up(self, group: list[Finding], entries: list[ingest.Entry]) -> None:
        self.report.polls += len(entries)
        self.report.dropped += len(group) - len(entries)
        ended = Counter((entry.found.claim.platform, outcome_of(entry.found).value) for entry in entries)
        for (platform, outcome), looks in ended.items():
            self.report.outcomes[outcome] += looks
            metrics.polls.labels(platform, outcome).inc(looks)
        for entry in entries:
            self.report.new_posts += len(entry.verdict.news)
            _measure_lag(entry)
            _tell(entry.found)
        _measure(entries)


def _measure(entries: Sequence[ingest.Entry]) -> None:
    seen: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for entry in entries:
        seen[entry.found.claim.platform] += len(entry.verdict.news)
        late[entry.found.claim.platform] += entry.verdict.late
    for platform, posts in (+seen).items():
        metrics.posts_seen.labels(platform).inc(posts)
    for platform, posts in (+late).items():
        metrics.late_posts.labels(platform).inc(posts)


def _measure_lag(entry: ingest.Entry) -> None:
    claim, news = entry.found.claim, entry.verdict.news
    if news and claim.good_at is not None and isinstance(entry.found.look, Page):
        lag = metrics.observation_lag.labels(claim.platform)
        for post in news:
            if post.posted_at >= claim.good_at:
                lag.observe((post.first_seen_at - post.posted_at).total_seconds())


def _tell(found: Finding) -> None:
    """The first failure and the recovery, nothing between."""
    claim, failures = found.claim, failures_of(found)
    if not failures and not claim.failures:
        return
    about = {"account": claim.account_id, "platform": claim.platform, "host": claim.host}
    if failures == 1 or (failures and claim.outcome != outcome_of(found).value):
        log.warning("a look failed", outcome=outcome_of(found).value, reason=reason_of(found), **about)
    elif not failures and claim.failures:
        log.info("looks succeed again", after_failures=claim.failures, **about)
