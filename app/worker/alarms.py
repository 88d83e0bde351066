"""The service watches itself: how often adaptive rules cry wolf, and how often what it said of a day came true.

Promises: gauges take few labels, whatever the number of rules and accounts; a rule that drifts is named in the log of
the process, once, and so is the day on which all accounts together began to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from app import metrics
from app.domain.calibration import bounds
from app.storage import alarms, track
from app.storage.alarms import Kept
from app.storage.track import Track
from app.worker.context import Context

log = structlog.get_logger()
#: Rules with gauges of their own.
MOST = 50


class Watching:
    """One per process: it remembers of what it warned."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._warned: set[str] = set()
        self._side = 0

    async def look(self, now: datetime) -> None:
        """Set the gauges; warn of what began to drift."""
        async with self._ctx.engine.connect() as conn:
            rules, found = await alarms.kept(conn, now), await track.read(conn, now)
        show_rules(rules)
        show_track(found)
        drifting = {rule.rule: rule for rule in rules if rule.drifts}
        for name in drifting.keys() - self._warned:
            rule = drifting[name]
            log.warning("an adaptive rule cries wolf", rule=name, realised=rule.ended, borne=round(rule.expected, 1))
        self._warned = set(drifting)
        self._warn(found)

    def _warn(self, found: Track) -> None:
        drift = found.drift
        side = drift.side if drift else 0
        if drift and side and side != self._side:
            usual = f"{drift.low} to {drift.high}"
            log.warning("accounts do not keep to their rhythms", silent=drift.last.silent, usual=usual)
        self._side = side


def show_rules(rules: Sequence[Kept]) -> None:
    """The gauges of adaptive rules; those of a rule that is gone go."""
    metrics.false_alarms.labels("borne").set(sum(rule.expected for rule in rules))
    metrics.false_alarms.labels("realised").set(sum(rule.ended for rule in rules))
    metrics.rules_drifting.set(sum(rule.drifts for rule in rules))
    metrics.rule_alarms.clear()
    metrics.rule_accounts.clear()
    for rule in sorted(rules, key=lambda each: (not each.drifts, -each.told, -each.account_years))[:MOST]:
        metrics.rule_alarms.labels(rule.rule, "borne").set(rule.expected)
        metrics.rule_alarms.labels(rule.rule, "realised").set(rule.ended)
        metrics.rule_accounts.labels(rule.rule, "above").set(rule.above)
        metrics.rule_accounts.labels(rule.rule, "below").set(rule.below)


def show_track(found: Track) -> None:
    """The gauges of what was said and what came."""
    for number, tally in enumerate(found.bins):
        chance = "{:g}-{:g}".format(*bounds(number))
        metrics.forecasts.labels(chance, "all").set(tally.windows)
        metrics.forecasts.labels(chance, "expected").set(tally.expected)
        metrics.forecasts.labels(chance, "silent").set(tally.silent)
    figures = {"brier": found.whole.brier, "skill": found.whole.skill, "calibration_error": found.error}
    for name, value in figures.items():
        if value is not None:
            metrics.forecast_quality.labels(name).set(value)
    metrics.forecast_drift.set(found.drift.side if found.drift else 0)
    metrics.accounts_drifting.labels("found").set(found.drifting)
    metrics.accounts_drifting.labels("by_chance").set(found.by_chance)
