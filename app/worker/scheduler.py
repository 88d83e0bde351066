"""Wakes the jobs. It knows nothing of accounts: the rows decide what is due, the scheduler only wakes.

May assume a running loop. Promises: a job never runs twice at once; wakings that were missed are one waking; a job that
fails is logged and woken again. The only import of APScheduler.
"""

from __future__ import annotations

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

    def every(self, name: str, interval: timedelta, job: Job) -> None:
        """Wake ``job`` at once and then every ``interval``."""

        async def run() -> None:
            try:
                await job()
            except Exception as error:
                log.error(
                    "a job failed and will be woken again", job=name, error=type(error).__name__, detail=str(error)
                )

        self._scheduler.add_job(
            run, "interval", seconds=interval.total_seconds(), id=name, next_run_time=datetime.now(UTC)
        )

    def start(self) -> None:
        """Begin waking."""
        self._scheduler.start()

    def stop(self) -> None:
        """Wake nobody any more; a job that runs goes on."""
        self._scheduler.shutdown(wait=False)
