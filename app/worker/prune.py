"""Housekeeping: what is kept for a time only goes, and the gauges are set.

Promises: short transactions; stops by itself when nothing is left to delete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app import metrics
from app.storage import figures, pruning
from app.storage.engine import AsyncConnection
from app.worker.context import Context

#: Deletes at most some rows that are older than it is told, and says how many.
Prune = Callable[[AsyncConnection, datetime, timedelta], Awaitable[int]]


async def run_once(ctx: Context, now: datetime) -> int:
    """Delete what is older than it is kept; returns how many rows."""
    options = ctx.options
    kept: tuple[tuple[Prune, timedelta], ...] = (
        (pruning.prune_polls, options.keep_polls),
        (pruning.prune_attempts, options.keep_attempts),
        (pruning.prune_deliveries, options.keep_attempts),
        (pruning.prune_notices, options.keep_attempts),
        (pruning.prune_events, options.keep_events),
        (pruning.prune_pauses, options.keep_events),
    )
    return sum([await _prune_all(ctx, prune, now, keep) for prune, keep in kept])


async def _prune_all(ctx: Context, prune: Prune, now: datetime, keep: timedelta) -> int:
    total = 0
    while True:
        async with ctx.engine.begin() as conn:
            gone = await prune(conn, now, keep)
        total += gone
        if not gone:
            return total


async def set_gauges(ctx: Context, now: datetime) -> None:
    """Bring the gauges of /metrics up to date."""
    async with ctx.engine.connect() as conn:
        found = await figures.read(conn, now)
    for (platform, status), count in found.accounts.items():
        metrics.accounts.labels(platform, status).set(count)
    for platform, share in found.covered_share.items():
        metrics.coverage_share.labels(platform).set(share)
    metrics.backlog.set(found.due)
    metrics.backlog_age.set(found.overdue_by.total_seconds())
