"""What becomes true by the passing of time alone, and rules that are new: judged within a second.

Promises: rows decide what is due, so any number of workers may sweep at once and none tells anything twice; an account
that somebody is writing down is left for the next time; a pause of ours is on record before anything is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.storage import judgements
from app.worker import telling
from app.worker.context import Context

BATCH = 500
#: A sweep goes on for at most so many batches; the rest waits a second.
MOST = 100


@dataclass(slots=True)
class Report:
    """What a sweep did."""

    judged: int = 0
    """Pairs of account and rule."""
    told: int = 0
    """Events."""


async def run_once(ctx: Context, now: datetime) -> Report:
    """Judge everything whose time has come, in transactions of BATCH."""
    report = Report()
    for _ in range(MOST):
        async with ctx.engine.begin() as conn:
            pairs = await judgements.due(conn, now, BATCH)
            done = await telling.when_due(ctx, conn, pairs, now) if pairs else telling.Telling()
        report.judged += len(done.judged)
        report.told += len(done.news)
        if len(pairs) < BATCH:
            break
    return report
