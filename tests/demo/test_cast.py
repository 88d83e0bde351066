"""The demonstration, watched by the ordinary means under a virtual clock: within a minute it shows every state."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands import compose, demonstration, local
from app.demo import cast
from app.main import create_app
from app.worker import poll
from app.worker.clock import VirtualClock

START = datetime(2026, 11, 20, 14, tzinfo=UTC)
SILENT = ("actor", "director", "quiet-museum")
UNKNOWN = {
    "lost-island": "unreachable",
    "broken-radio": "unreachable",
    "walled-garden": "auth_required",
    "closed-shop": "gone",
    "vanished": "gone",
}


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_the_same_start_gives_the_same_world_with_every_role(hour: int) -> None:
    start = START.replace(hour=hour)
    world, schedules = cast.build(start)
    again, _ = cast.build(start)
    assert {name: p.events for name, p in world.personas.items()} == {n: p.events for n, p in again.personas.items()}
    assert world.personas.keys() == schedules.keys() == {role.name for role in cast.CAST}
    for role in cast.CAST:
        past = [event.claimed_at for event in world.personas[role.name].events if event.claimed_at <= start]
        if role.silent_for is not None:
            assert max(past) == start - role.silent_for
        assert bool(past) == (role.posts_a_day > 0)
        assert all(start - at <= cast.HISTORY for at in past)
    names = [event.native_id for persona in world.personas.values() for event in persona.events]
    assert len(names) > 2000


async def test_within_a_minute_every_state_shows(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = VirtualClock(START)
    monkeypatch.setattr(demonstration.runtime, "now", clock.now)
    monkeypatch.setattr(local, "create_app", functools.partial(create_app, clock=clock.now))
    settings = demonstration.settings(tmp_path, None, None)
    async with (
        demonstration.stage(START) as links,
        compose.worker_context(settings, engine) as real,
        local.local_api(settings, engine) as api,
    ):
        ctx = compose.Context(
            engine, real.fetcher, real.platforms, clock, parser=real.parser, options=compose.options(settings)
        )
        await demonstration.watch_all(settings, engine, ctx, links)
        assert "quietwatch silence --data-dir" in capsys.readouterr().out
        while clock.now() < START + timedelta(seconds=60):
            await poll.run_once(ctx, clock.now())
            clock.advance_to(clock.now() + timedelta(seconds=5))
        board = (await api.read("/v1/silence", {"limit": 100}))["items"]
        states = {item["account"]["subject"]: item["state"] for item in board}
        accounts = {a["subject"]: a async for a in api.items("/v1/accounts")}
        outcomes = {
            name: (await api.read(f"/v1/accounts/{accounts[name]['id']}/polls"))["items"][0]["outcome"]
            for name in UNKNOWN
        }
        posts = (await api.read(f"/v1/accounts/{accounts['harbour-news']['id']}/posts"))["items"]
    assert {name for name, state in states.items() if state == "unknown"} == UNKNOWN.keys()
    assert outcomes == UNKNOWN
    assert {states[name] for name in SILENT} == {"quiet"}
    assert {states[name] for name in ("harbour-news", "mayor", "theatre", "singer", "ministry")} == {"active"}
    assert accounts["ministry"]["handle"].startswith("@ministry-of-culture@")
    assert accounts["closed-shop"]["status"] == "stopped"
    assert datetime.fromisoformat(posts[0]["posted_at"]) > START  # posted while somebody watched
