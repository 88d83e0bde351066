"""``events --follow``: the API's stream inside the process of the command."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import live
from app.commands.local import local_api
from app.config import Settings
from app.domain.events import EventType, NewEvent
from app.errors import BadInput
from app.storage import events

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def tell(engine: AsyncEngine, number: int = 1) -> list[str]:
    news = [NewEvent(EventType.DEGRADED, NOW, {"source": {"scope": "host", "name": "a.example"}})] * number
    async with engine.begin() as conn:
        return [str(each.id) for each in await events.record(conn, news, NOW)]


async def test_what_is_followed_arrives_once_also_when_the_reader_was_slow(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_WAITING", 3)
    wanted = await tell(engine)
    seen: list[str] = []
    async with (
        local_api(Settings(data_dir=tmp_path), engine) as api,
        aclosing(api.follow({"type": ["source.degraded"], "after": "0", "tag": None})) as stream,
    ):
        async with asyncio.timeout(20):
            seen.append((await anext(stream))["position"])
            wanted += [*await tell(engine), *await tell(engine, 20)]
            while len(seen) < len(wanted):
                seen.append((await anext(stream))["position"])
    assert seen == wanted


async def test_a_position_that_never_was_is_said(engine: AsyncEngine, tmp_path: Path) -> None:
    async with local_api(Settings(data_dir=tmp_path), engine) as api:
        with pytest.raises(BadInput) as caught:
            await anext(api.follow({"after": "99"}))
    assert caught.value.field == "Last-Event-ID"
