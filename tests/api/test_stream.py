"""The stream of events on a real socket: what is recorded arrives once, in order, whatever breaks in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from app.api import live, streaming
from app.domain.events import EventType
from app.storage import migrate
from app.storage.embedded import EmbeddedServer
from app.storage.engine import create_engine
from tests.api.conftest import Api, build
from tests.api.seeding import ago, watch
from tests.api.telling import Reader, served, tell


@pytest.fixture
async def port(api: Api) -> AsyncIterator[int]:
    async with served(api.app) as port:
        yield port


async def test_an_event_arrives_as_the_log_gives_it(api: Api, port: int) -> None:
    account = await watch(api.engine, "a", tags=["freeze"])
    reader = await Reader(port, api.read).open()
    assert (reader.status, "content-type: text/event-stream" in reader.head.lower()) == (200, True)
    assert "quietwatch-position: 0" in reader.head.lower()
    (made,) = await tell(api.engine, account)
    event = await reader.event()
    assert event is not None
    assert (event["id"], event["event"]) == (str(made.id), "account.quiet")
    async with api.client(api.read) as client:
        assert json.loads(event["data"]) == (await client.get(f"/v1/events/{made.public_id}")).json()
    await reader.close()


async def test_a_client_that_returns_misses_nothing_and_sees_nothing_twice(api: Api, port: int) -> None:
    account = await watch(api.engine, "a")
    await tell(api.engine, account, times=3)
    reader = await Reader(port, api.read).open("?after=0")
    first = await reader.event()
    await reader.close()
    assert first is not None
    made = await tell(api.engine, account, times=live.BATCH + 1)
    again = await Reader(port, api.read).open("?after=0", last=first["id"])
    seen = [await again.event() for _ in range(live.BATCH + 3)]
    (newest,) = await tell(api.engine, account)
    seen.append(await again.event())
    found = [int(event["id"]) for event in seen if event]
    assert found == [*range(int(first["id"]) + 1, made[-1].id + 1), newest.id]
    await again.close()


async def test_only_what_was_asked_for_arrives(api: Api, port: int) -> None:
    one, other = await watch(api.engine, "a", tags=["x"]), await watch(api.engine, "b")
    await tell(api.engine, one, EventType.RESUMED)
    by_tag = await Reader(port, api.read).open("?after=0&tag=x&type=account.quiet")
    await tell(api.engine, other)
    await tell(api.engine, None, EventType.DEGRADED)
    (wanted,) = await tell(api.engine, one)
    event = await by_tag.event()
    assert event is not None
    assert event["id"] == str(wanted.id)
    await by_tag.close()


async def test_many_readers_cost_one_connection_and_none_when_they_left(api: Api, port: int) -> None:
    account = await watch(api.engine, "a")
    readers = [await Reader(port, api.read).open() for _ in range(live.MOST_PER_KEY)]
    refused = await Reader(port, api.read).open()
    assert (refused.status, "retry-after" in refused.head.lower()) == (429, True)
    await tell(api.engine, account)
    for reader in readers:
        assert await reader.event()
        await reader.close()
    other = await Reader(port, api.write).open()
    assert other.status == 200
    await other.close()
    await refused.close()
    async with asyncio.timeout(10), api.client(api.read) as client:
        while api.app.state.context.live._task is not None:
            await client.get("/v1/tags")


async def test_a_stream_lives_by_comments_and_ends_with_its_key(
    api: Api, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.02)
    reader = await Reader(port, api.read).open()
    for _ in range(3):
        while not (await reader.chunk()).startswith(b": "):
            pass
    async with api.client(api.admin) as admin:
        prefix = api.read.split("_")[1]
        assert (await admin.delete(f"/v1/keys/{prefix}")).status_code == 200
    assert await reader.event() is None
    await reader.close()


async def test_a_reader_who_does_not_keep_up_is_let_go(api: Api, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """He takes nothing while more is recorded than a socket and his seat hold: his stream ends, not our memory."""
    monkeypatch.setattr(live, "MOST_WAITING", 100)
    account = await watch(api.engine, "a")
    reader = await Reader(port, api.read).open()
    bulk = {"padding": "x" * 15_000}
    for _ in range(12):
        await tell(api.engine, account, times=50, **bulk)
    waiting = api.app.state.context.live
    async with asyncio.timeout(30):
        while waiting._seats:
            await tell(api.engine, account, times=50, **bulk)
    await reader.close()


async def test_a_restart_of_the_database_costs_no_event(data_dir: Path, tmp_path: Path) -> None:
    server = await asyncio.to_thread(EmbeddedServer.start, data_dir, settings={"fsync": "off"})
    engine = create_engine(server.url)
    try:
        await migrate.upgrade(server.url)
        api = await build(engine, tmp_path)
        account = await watch(engine, "a")
        async with served(api.app) as port:
            reader = await Reader(port, api.read).open()
            (before,) = await tell(engine, account)
            first = await reader.event()
            await asyncio.to_thread(server.stop)
            server = await asyncio.to_thread(EmbeddedServer.start, data_dir, settings={"fsync": "off"})
            made = await tell(engine, account, times=2)
            seen = [await reader.event(), await reader.event()]
            assert [event and int(event["id"]) for event in (first, *seen)] == [before.id, *(each.id for each in made)]
            await reader.close()
    finally:
        await engine.dispose()
        await asyncio.to_thread(server.stop)


async def test_a_stop_of_the_service_ends_the_streams_at_once(api: Api) -> None:
    async with served(api.app) as port:
        reader = await Reader(port, api.read).open()
    assert await reader.event() is None
    await reader.close()
    async with api.client(api.read) as client:
        refused = await client.get("/v1/events/stream")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:quietwatch:problem:unavailable")


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "9" * 30, "²", "17"])
async def test_a_position_that_never_was_is_refused(api: Api, position: str) -> None:
    async with api.client(api.read) as client:
        for answer in (
            await client.get("/v1/events/stream", params={"after": position}),
            await client.get("/v1/events/stream", headers={"Last-Event-ID": position.encode()}),  # type: ignore[dict-item]
        ):
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:quietwatch:problem:bad-position")


async def test_a_position_that_was_pruned_is_gone(api: Api, port: int) -> None:
    """The oldest event is spared by pruning, as that of an open silence is: it proves nothing about what followed."""
    account = await watch(api.engine, "a")
    spared, pruned = await tell(api.engine, account, at=ago(401 * 24), times=2)
    first, second = await tell(api.engine, account, times=2)
    await forget(api, pruned.id)
    async with api.client(api.read) as client:
        for position in (spared.id, pruned.id):
            answer = await client.get("/v1/events/stream", headers={"Last-Event-ID": str(position)})
            assert (answer.status_code, answer.json()["type"]) == (410, "urn:quietwatch:problem:gone")
    for position, then in ((first.id, second.id), (0, spared.id)):
        reader = await Reader(port, api.read).open(last=str(position))
        event = await reader.event()
        assert event is not None
        assert event["id"] == str(then)
        await reader.close()
    await forget(api, second.id)
    reader = await Reader(port, api.read).open(last=str(second.id))
    assert reader.status == 200, "nothing came after the newest: nothing is lost"
    await reader.close()


async def forget(api: Api, position: int) -> None:
    async with api.engine.begin() as conn:
        await conn.execute(text("delete from events where id = :id"), {"id": position})


async def test_a_head_request_ends(api: Api) -> None:
    async with api.client(api.read) as client:
        answer: httpx2.Response = await client.head("/v1/events/stream")
    assert (answer.status_code, answer.content) == (200, b"")
