"""The replay with a rule: every true crossing told once, at its deadline, and no outage made anybody quiet.

Used by ``bench.replay --rules``. The judge knows what was posted and what the origins really showed; it shares no code
with the product. Silences of 48 hours between posts that some page showed are the true ones; those that no observer of
the same pages could have proven are counted apart. A silence that began before the first look, where that look proved
nothing behind itself (``Oracle.blind_before``), must be told once that long has been seen, not before and not later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.demo.world import Event
from app.domain.models import Interval
from app.domain.rules import NewRule
from app.storage import rules
from app.storage.raw import fetch
from app.worker import refit, sources, sweep
from app.worker.context import Context
from bench.replay_oracle import BACKDATED, Oracle
from bench.replay_world import Replay

LENGTH = timedelta(hours=48)
TICK = timedelta(microseconds=1)
FAULTS = ("missed", "twice", "invented", "at_another_time", "wrong_resumed")
TOLD = (
    *("true_crossings", "told_quiet", "told_resumed", "revised"),
    *("unprovable", "provable_later", "told_behind_a_hole"),
)
#: The platform itself was down for everybody: every host answers with errors then.
REAL_OUTAGES = (
    Interval(datetime(2020, 7, 15, 22, 20, tzinfo=UTC), datetime(2020, 7, 16, 0, 20, tzinfo=UTC)),
    Interval(datetime(2020, 10, 15, 21, 33, tzinfo=UTC), datetime(2020, 10, 15, 22, 59, tzinfo=UTC)),
)


async def begin(ctx: Context, rule: NewRule | None = None) -> None:
    """One rule on everything; without another one of LENGTH."""
    async with ctx.engine.begin() as conn:
        await rules.create(conn, rule or NewRule(length=LENGTH), ctx.clock.now())


async def beside_looks(ctx: Context, now: datetime) -> None:
    """What a worker does beside looking."""
    await sources.run_once(ctx, now)
    await refit.run_once(ctx, now)
    await sweep.run_once(ctx, now)


@dataclass(slots=True)
class Verdict:
    """What the judge found."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds from the deadline to the record, of quiets told while they lasted."""

    def blame(self, fault: str, text: str) -> None:
        """Something that must not be."""
        self.counts[fault] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{fault}: {text}")


async def judge(engine: AsyncEngine, oracles: dict[int, Oracle], replay: Replay) -> dict[str, Any]:
    """Compare the log of events with what happened."""
    found = Verdict()
    async with engine.connect() as conn:
        for account_id, oracle in oracles.items():
            judge_account(found, await _log(conn, account_id), oracle, replay.starts_at, replay.ends_at)
        sources_told = await fetch(conn, "select count(*) from events where type = 'source.degraded'")
    counts = found.counts
    figures: dict[str, Any] = {name: counts[name] for name in (*TOLD, *FAULTS)}
    figures["degraded_told"] = sources_told[0][0]
    late = sorted(found.delays)
    figures["deadline_to_record_p50_s"] = late[len(late) // 2] if late else None
    figures["rule_examples"] = found.examples
    return figures


async def _log(conn: AsyncConnection, account_id: int) -> list[dict[str, Any]]:
    rows = await fetch(
        conn,
        "select type, occurred_at, recorded_at, data::text from events where account_id = $1 order by sequence",
        account_id,
    )
    return [
        {"type": row[0].removeprefix("account."), "at": row[1], "recorded": row[2], "data": msgspec.json.decode(row[3])}
        for row in rows
    ]


def judge_account(found: Verdict, log: list[dict[str, Any]], oracle: Oracle, begins: datetime, end: datetime) -> None:
    """Judge what was told of one account, as ``_log`` gives it, from the first look at ``begins`` to ``end``."""
    known = sorted(_counted(oracle), key=lambda each: each.claimed_at)
    times = [each.claimed_at for each in known]
    quiets = [each for each in log if each["type"] == "quiet"]
    revised = {each["data"]["old"]["at"] for each in log if each["type"] == "verdict.revised"}
    found.counts["told_quiet"] += len(quiets)
    found.counts["revised"] += len(revised)
    standing = {each["at"] for each in quiets if _stamp(each["at"]) not in revised}
    if len(quiets) != len({each["at"] for each in quiets}):
        found.blame("twice", f"{known[0].native_id}: {[each['at'] for each in quiets]}")
    true = _crossings(found, times, oracle.blind_before, begins, end)
    for deadline in true:
        _judge_crossing(found, deadline, standing, oracle, end)
    for each in quiets:
        _judge_quiet(found, each, true, oracle, begins, standing)
    for each in log:
        if each["type"] == "resumed":
            found.counts["told_resumed"] += 1
            if each["at"] not in times:
                found.blame("wrong_resumed", f"{each['at']}")


def _counted(oracle: Oracle) -> list[Event]:
    """The posts that some page showed; back-dated ones end no silence."""
    return [
        event
        for event in oracle.events
        if oracle.known_from(event) is not None and event.appears_at - event.claimed_at <= BACKDATED
    ]


def _crossings(
    found: Verdict, times: list[datetime], blind_before: datetime | None, begins: datetime, end: datetime
) -> dict[datetime, datetime | None]:
    """When something must be told, and the post that ended that silence.

    A silence of which nothing was provable before ``blind_before`` counts from there; one that ended sooner is not to
    be told at all.
    """
    true: dict[datetime, datetime | None] = {}
    for one, following in zip(times, [*times[1:], None], strict=True):
        deadline, provable = one + LENGTH, max(one, blind_before or one) + LENGTH
        if (following is not None and following < deadline) or not begins <= provable <= end:
            continue
        if following is None or following >= provable:
            true[provable] = following
            found.counts["provable_later"] += provable != deadline
        elif begins <= deadline:
            found.counts.update(["true_crossings", "unprovable"])
    return true


def _judge_crossing(found: Verdict, deadline: datetime, standing: set[datetime], oracle: Oracle, end: datetime) -> None:
    found.counts["true_crossings"] += 1
    if deadline in standing:
        return
    if oracle.best(deadline - LENGTH + TICK, deadline, end) == "silent":
        found.blame("missed", f"{oracle.events[0].native_id}: the crossing at {deadline}")
    else:
        found.counts["unprovable"] += 1


def _judge_quiet(
    found: Verdict,
    told: dict[str, Any],
    true: dict[datetime, datetime | None],
    oracle: Oracle,
    begins: datetime,
    standing: set[datetime],
) -> None:
    deadline, recorded = told["at"], told["recorded"]
    start = deadline - LENGTH + TICK
    if oracle.fault("silent", start, deadline, recorded) is not None:
        found.blame("invented", f"{oracle.events[0].native_id}: quiet at {deadline}, told at {recorded}")
    elif oracle.blind_before is not None and begins <= deadline < oracle.blind_before + LENGTH:
        found.blame("at_another_time", f"{oracle.events[0].native_id}: {deadline}, before it was provable")
    elif deadline in true and not told["data"]["retrospective"]:
        found.delays.append((recorded - deadline).total_seconds())
    elif deadline not in true and deadline in standing and deadline >= begins:
        # Behind a hole a silence is counted from where it is proven: right only where nobody could have known better.
        proven = [at for at in true if at <= deadline and oracle.best(at - LENGTH + TICK, at, recorded) == "silent"]
        following = true[max(proven)] if proven else None
        if proven and (following is None or following >= deadline):
            found.blame("at_another_time", f"{oracle.events[0].native_id}: {deadline} and not {max(proven)}")
        else:
            found.counts["told_behind_a_hole"] += 1


def _stamp(at: datetime) -> str:
    return msgspec.json.decode(msgspec.json.encode(at), type=str)


def promised(figures: dict[str, Any]) -> bool:
    """Every true crossing that can be known, once, at its deadline, or where the first look proved nothing behind
    itself, as soon as it is provable; nobody quiet because of an outage."""
    return figures["true_crossings"] > 0 and not any(figures[name] for name in FAULTS)
