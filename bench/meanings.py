"""Meaning for the roster of a made-up world: rhythms as the worker fits them, and what a rule makes of each account.

May assume a database filled by ``bench.world``. Promises: the answers about the roster then carry all that they carry
in life; nothing is fitted or judged by a shortcut.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.rules import NewRule
from app.platforms import platforms
from app.storage import names, pasts, rhythms, rules
from app.storage.names import Selection
from app.storage.raw import fetch
from app.worker import refit, sweep
from app.worker.clock import VirtualClock
from app.worker.context import Context
from bench.world import NOW

ROSTER = Selection(tag="roster")
GROUP = 100


async def fit(engine: AsyncEngine) -> int:
    """Fit the rhythms of the roster; how many have history enough."""
    async with engine.connect() as conn:
        ids = await names.select_ids(conn, ROSTER, limit=1000)
    for at in range(0, len(ids), GROUP):
        async with engine.begin() as conn:
            made = {id_: refit.fit(past) for id_, past in (await pasts.load(conn, ids[at : at + GROUP], NOW)).items()}
            await rhythms.follow(conn, sorted(made), NOW)
            await rhythms.write(conn, made, NOW)
    async with engine.begin() as conn:
        await fetch(conn, "analyze rhythms, rhythm_values")  # as the server does in a while
        return sum(each.enough for each in (await rhythms.marks(conn, ids)).values())


async def judge(engine: AsyncEngine) -> int:
    """Have a rule of a week judge the roster; how many accounts it judged."""
    ctx = Context(engine, None, platforms(), VirtualClock(NOW))  # type: ignore[arg-type]  # a sweep asks no network
    async with engine.begin() as conn:
        await rules.create(conn, NewRule(name="a week", tag=ROSTER.tag, length=timedelta(days=7)), NOW)
    return (await sweep.run_once(ctx, NOW)).judged
