"""The service watches itself: how often adaptive rules cry wolf, against how often they may.

Promises: the gauges cover all adaptive rules together; a rule that drifts is named in the log of the process, once.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from app import metrics
from app.storage import alarms
from app.worker.context import Context

log = structlog.get_logger()


class Watching:
    """One per process: it remembers of which rules it warned."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._warned: set[str] = set()

    async def look(self, now: datetime) -> None:
        """Set the gauges; warn of rules that began to drift."""
        async with self._ctx.engine.connect() as conn:
            rules = await alarms.kept(conn, now)
        metrics.false_alarms.labels("borne").set(sum(rule.expected for rule in rules))
        metrics.false_alarms.labels("realised").set(sum(rule.ended for rule in rules))
        drifting = {rule.rule: rule for rule in rules if rule.drifts}
        for name in drifting.keys() - self._warned:
            rule = drifting[name]
            log.warning("an adaptive rule cries wolf", rule=name, realised=rule.ended, borne=round(rule.expected, 1))
        self._warned = set(drifting)
