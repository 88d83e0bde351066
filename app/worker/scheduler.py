"""Wakes the jobs. It knows nothing of accounts: the rows decide what is due, the scheduler only wakes.

May assume a running loop. Promises: a job never runs twice at once; wakings that were missed are one waking; a job that
fails is logged and woken again. The only import of APScheduler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]  # it ships no types

log = structlog.get_logger()
Job = Callable[[], Awaitable[object]]


class Scheduler:
    """Interval jobs of one process."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._running: set[asyncio.Task[object] | None] = set()
        self._failing: set[str] = set()

    def every(self, name: str, interval: timedelta, job: Job) -> None:
        """Wake ``job`` at once and then every ``interval``."""

        async def run() -> None:
            task = asyncio.current_task()
            self._running.add(task)
            try:
                await job()
            except Exception as error:
                self._tell_failure(name, error)
            else:
                self._tell_success(name)
            finally:
                self._running.discard(task)

        self._scheduler.add_job(
            run, "interval", seconds=interval.total_seconds(), id=name, next_run_time=datetime.now(UTC)
        )

    def _tell_failure(self, name: str, error: Exception) -> None:
        """The first failure in a row; a job that is woken every second would say the same for hours."""
        if name not in self._failing:
            self._failing.add(name)
            kind, detail = type(error).__name__, str(error)[:500]
            log.error("a job failed and will be woken again", job=name, error=kind, detail=detail)

    def _tell_success(self, name: str) -> None:
        if name in self._failing:
            self._failing.discard(name)
            log.info("a job works again", job=name)

    def start(self) -> None:
        """Begin waking."""
        self._scheduler.start()

    async def stop(self) -> None:
        """Wake nobody any more and let the job that runs end (APScheduler's own shutdown would cancel it)."""
        self._scheduler.pause()
        await asyncio.gather(*filter(None, self._running))
        self._scheduler.shutdown(wait=False)
