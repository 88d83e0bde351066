"""Sources that fail, or failed, for many accounts at once."""

from __future__ import annotations

from datetime import timedelta

import httpx2
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.event_tables import sources
from tests.api.conftest import NOW


async def test_degraded_sources_come_first(client: httpx2.AsyncClient, engine: AsyncEngine) -> None:
    assert (await client.get("/v1/sources")).json()["items"] == []
    async with engine.begin() as conn:
        await conn.execute(insert(sources).values(platform="feed", recovered_at=NOW, reason="unreachable"))
        since = NOW - timedelta(hours=1)
        row = {"degraded_since": since, "reason": "unreachable", "failing": 7, "accounts": 9}
        await conn.execute(insert(sources).values(row))
    first, second = (await client.get("/v1/sources")).json()["items"]
    assert first == {
        "source": {"scope": "network", "name": None},
        "degraded": True,
        "since": "2026-11-22T11:00:00Z",
        "recovered_at": None,
        "reason": "unreachable",
        "failing": 7,
        "accounts": 9,
        "held": 0,
    }
    assert (second["source"], second["degraded"]) == ({"scope": "platform", "name": "feed"}, False)
