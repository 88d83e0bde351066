"""Housekeeping: what is kept for a time only goes, and the gauges are set.

Promises: short transactions; stops by itself when nothing is left to delete.
"""

from __future__ import annotations

from datetime import datetime

from app import metrics
from app.storage import figures, pruning
from app.worker.context import Context


async def run_once(ctx: Context, now: datetime) -> int:
    """Delete what is older than it is kept; returns how many rows."""
    total = 0
    while True:
        async with ctx.engine.begin() as conn:
            gone = await pruning.prune_polls(conn, now, ctx.options.keep_polls)
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
