"""The service holds itself to its word: each account's next day is forecast, and judged when it is over.

Promises: rows decide what is due, so any number of workers may do it at once; a day counts once; what is said of a day
is written before anybody knows of it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from app.domain.calibration import Record, Tally, bin_of, settle
from app.domain.rhythm.chances import chance
from app.storage import forecasts
from app.storage.forecasts import Due, Ready
from app.worker.context import Context

#: What is worked out of so many between two turns of the loop takes less than 50 ms.
GROUP = 200


async def run_once(ctx: Context, now: datetime) -> int:
    """Judge what is over, then say what comes next; returns how many days were judged or given up."""
    total = 0
    while True:
        async with ctx.engine.begin() as conn:
            due = await forecasts.take(conn, now, GROUP)
            await forecasts.settle(conn, *await asyncio.to_thread(judge, due))
        total += len(due)
        if len(due) < GROUP:
            break
    after = 0
    while True:
        async with ctx.engine.begin() as conn:
            ready = await forecasts.ready(conn, after, now, GROUP)
            await forecasts.say(conn, await asyncio.to_thread(say, ready))
        if not ready:
            break
        after = ready[-1].account_id
    async with ctx.engine.begin() as conn:
        await forecasts.prune(conn, now)
    return total


def judge(due: Sequence[Due]) -> tuple[list[tuple[int, Record]], list[tuple[date, int, Tally]]]:
    """The new record of each account, and what its day adds to the sums. A day that was not watched adds nothing."""
    records, sums = [], defaultdict[tuple[date, int], Tally](Tally)
    for each in due:
        if not each.watched:
            records.append((each.account_id, each.record))
            continue
        place = each.starts_at.date(), bin_of(each.chance)
        sums[place] += settle(each.record, each.chance, not each.posted)
        records.append((each.account_id, each.record.and_then(each.chance, not each.posted)))
    return records, [(day, number, tally) for (day, number), tally in sums.items()]


def say(ready: Sequence[Ready]) -> list[tuple[int, datetime, float]]:
    """The chance, for each account, that no post comes in the day from its start on."""
    length = forecasts.LENGTH
    return [
        (one.account_id, one.starts_at, chance(one.rhythm, one.last_post, one.starts_at, one.starts_at + length))
        for one in ready
    ]
