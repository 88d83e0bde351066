"""Rhythms of everybody in a test's database, fitted as the worker does it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage import names, pasts, rhythms
from app.storage.names import Selection
from app.worker import refit


async def fit_all(engine: AsyncEngine, now: datetime) -> None:
    """Fit every account that has posted."""
    async with engine.begin() as conn:
        ids = await names.select_ids(conn, Selection(), limit=10_000)
        made = {id_: refit.fit(past) for id_, past in (await pasts.load(conn, ids, now)).items()}
        await rhythms.follow(conn, sorted(made), now)
        await rhythms.write(conn, made, now)
