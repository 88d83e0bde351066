"""Which sources are degraded: judged again and again, told once at the beginning and once at the end.

Promises: one transaction for the state of a source, its event and the transitions it releases; of several workers one
judges at a time; while a source is degraded a few of its accounts are tried again and again, and once it is back all
that failed, or whose transitions wait, are looked at soon, spread out, and nobody sooner than it allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from app.domain.events import EventType, NewEvent
from app.domain.sources import Scope, Tally, failing, recovered
from app.storage import events, names, sources
from app.storage.engine import AsyncConnection
from app.storage.sources import Source
from app.webhooks.sources import source_data
from app.worker.context import Context

log = structlog.get_logger()
#: Accounts of a degraded source that are tried again at each judgement.
PROBES = 3
#: Over how long the looks are spread when a source is back.
SPREAD = timedelta(minutes=10)
MOST = 10_000
#: A canary is silent when it has not posted for twice its longest silence on record, and at least for this long.
CANARY_SILENCE = timedelta(hours=6)
#: One failed look may be chance.
CANARY_FAILURES = 2


@dataclass(slots=True)
class Report:
    """What changed."""

    degraded: int = 0
    recovered: int = 0


@dataclass(slots=True)
class Outcome:
    """What came of judging. Rows of accounts wait until every source is judged: their locks have an order."""

    told: list[NewEvent] = field(default_factory=list)
    back: list[Source] = field(default_factory=list)
    looks: list[tuple[Source, int, timedelta]] = field(default_factory=list)
    """(source, at most so many, spread over)."""


async def run_once(ctx: Context, now: datetime) -> Report:
    """Judge every source at ``now``."""
    report = Report()
    outcome = Outcome()
    async with ctx.engine.begin() as conn:
        if not await sources.take_turn(conn):
            return report
        found = await _with_canaries(ctx, conn, await sources.tallies(conn, now), now)
        for source, tally in _widest_first(found):
            await _judge(conn, source, tally, found, outcome, now)
        await sources.release(conn, outcome.back, now)
        for source, most, over in outcome.looks:
            await sources.draw_forward(conn, source, now, most, over, held=source in outcome.back)
        await events.record(conn, outcome.told, now)
    report.degraded = sum(each.type is EventType.DEGRADED for each in outcome.told)
    report.recovered = len(outcome.told) - report.degraded
    for each in outcome.told:
        log.warning("a source is degraded" if each.type is EventType.DEGRADED else "a source is back", **each.data)
    return report


def _widest_first(found: Sequence[tuple[Source, Tally]]) -> list[tuple[Source, Tally]]:
    order = list(Scope)
    return sorted(found, key=lambda each: (order.index(each[0].scope), each[0].name or ""))


async def _judge(
    conn: AsyncConnection,
    source: Source,
    tally: Tally,
    found: list[tuple[Source, Tally]],
    outcome: Outcome,
    now: datetime,
) -> None:
    since, scope, name = source.degraded_since, source.scope, source.name
    if since is None:
        reason = failing(scope, tally, now)
        if reason is None or _is_covered(source, tally, found):
            return
        after = replace(source, degraded_since=now, reason=reason, failing=tally.failing, accounts=tally.accounts)
        await sources.save(conn, after)
        _replace(found, after, tally)
        data = source_data(scope, name, tally, reason=reason, since=now)
        outcome.told.append(NewEvent(EventType.DEGRADED, now, data))
    elif not recovered(scope, tally, now):
        outcome.looks.append((source, PROBES, timedelta(0)))
    else:
        held = await sources.held(conn, source)
        await sources.save(conn, replace(source, degraded_since=None, recovered_at=now, failing=0))
        outcome.back.append(source)
        outcome.looks.append((source, MOST, SPREAD))
        data = source_data(scope, name, tally, reason=source.reason, since=since, until=now, held=held)
        outcome.told.append(NewEvent(EventType.RECOVERED, now, data))


def _is_covered(source: Source, tally: Tally, found: Sequence[tuple[Source, Tally]]) -> bool:
    """Whether a wider source that is degraded stands for this one already."""
    wider = {other.scope for other, _ in found if other.degraded_since is not None}
    if source.scope is not Scope.NETWORK and Scope.NETWORK in wider:
        return True
    if source.scope is not Scope.HOST:
        return False
    platforms = {other.name for other, _ in found if other.degraded_since and other.scope is Scope.PLATFORM}
    return tally.platform in platforms


def _replace(found: list[tuple[Source, Tally]], after: Source, tally: Tally) -> None:
    for place, (source, _) in enumerate(found):
        if source.scope is after.scope and source.name == after.name:
            found[place] = (after, tally)


async def _with_canaries(
    ctx: Context, conn: AsyncConnection, found: list[tuple[Source, Tally]], now: datetime
) -> list[tuple[Source, Tally]]:
    named = {
        platform: await _canary(conn, key, now)
        for platform, key in ctx.options.canaries.items()
        if any(source.scope is Scope.PLATFORM and source.name == platform for source, _ in found)
    }
    return [
        (source, replace(tally, canary=named.get(source.name or "")) if source.scope is Scope.PLATFORM else tally)
        for source, tally in found
    ]


async def _canary(conn: AsyncConnection, key: str, now: datetime) -> str | None:
    """Why the operator's canary makes the platform suspect; None where it sings or nobody knows it."""
    account_id = await names.find_id(conn, key)
    bird = await sources.canary(conn, account_id) if account_id is not None else None
    if bird is None:
        return None
    if bird.failures >= CANARY_FAILURES:
        return "canary_failing"
    patience = max(CANARY_SILENCE, 2 * (bird.longest or timedelta(0)))
    silent = bird.last_post_at is not None and now - bird.last_post_at > patience
    return "canary_silent" if silent else None
