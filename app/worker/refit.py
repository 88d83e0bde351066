"""Fits rhythms, in the background: after posts, at most once an hour an account.

Promises: rows decide who is due, so any number of workers may fit at once; no lock is held while anything is fitted;
the loop is given back after each account, which takes about a millisecond.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from app.domain.rhythm.fitting import fit_seconds
from app.domain.rhythm.state import Rhythm
from app.storage import pasts, rhythms
from app.storage.pasts import Past
from app.worker.context import Context

log = structlog.get_logger()
GROUP = 100
#: Groups of one waking; the rest waits for the next one.
MOST = 50


async def run_once(ctx: Context, now: datetime) -> int:
    """Fit whoever is due; returns how many."""
    total = 0
    for _ in range(MOST):
        async with ctx.engine.begin() as conn:
            ids = await rhythms.take(conn, now, GROUP)
        total += await fit_group(ctx, ids, now) if ids else 0
        if len(ids) < GROUP:
            break
    return total


async def fit_group(ctx: Context, ids: list[int], now: datetime) -> int:
    """Fit accounts that were taken at ``now``."""
    async with ctx.engine.connect() as conn:
        found = await pasts.load(conn, ids, now)
    fitted: dict[int, Rhythm] = {}
    for account_id, past in found.items():
        fitted[account_id] = fit(past)
        await asyncio.sleep(0)
    async with ctx.engine.begin() as conn:
        await rhythms.write(conn, fitted, now)
    return len(fitted)


def fit(past: Past) -> Rhythm:
    """The rhythm of a past. A zone that this system does not know is read as UTC."""
    try:
        return fit_seconds(past.posts, past.coverage, past.zone, past.at)
    except ValueError as error:
        log.warning("a rhythm is fitted by UTC", zone=past.zone, error=str(error))
        return fit_seconds(past.posts, past.coverage, "UTC", past.at)


async def renew(ctx: Context, now: datetime) -> None:
    """Whatever another version of the method has fitted is due."""
    async with ctx.engine.begin() as conn:
        await rhythms.renew(conn, now)
