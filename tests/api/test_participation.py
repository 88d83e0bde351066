"""Who took part: three answers, any window, any set."""

from __future__ import annotations

import csv
import io

import httpx2
import pytest

from tests.api.conftest import Api
from tests.api.seeding import ago, watch

WINDOW = {"start": ago(48).isoformat(), "end": ago(24).isoformat()}


@pytest.fixture
async def world(api: Api) -> None:
    """Posted, silent, unknown for each of several reasons."""
    engine = api.engine
    await watch(engine, "posted", posts=(100, 30), covered=((200, 0.1),), subject="P", zone="Asia/Tokyo", tags=["x"])
    await watch(engine, "silent", posts=(100,), covered=((200, 0.1),), subject="S", zone="Pacific/Apia", tags=["x"])
    await watch(engine, "hole", posts=(100,), covered=((200, 40), (30, 0.1)))
    await watch(engine, "down", posts=(100,), covered=((200, 60),), outcome="refused", reason="login_wall")
    await watch(engine, "fresh", outcome=None)


async def test_three_answers(client: httpx2.AsyncClient, world: None) -> None:
    answer = (await client.get("/v1/participation", params=WINDOW)).json()
    assert answer["totals"] == {"accounts": 5, "posted": 1, "silent": 1, "unknown": 3}
    rows = {row["account"]["handle"]: row for row in answer["items"]}
    assert rows["posted"]["evidence"][0]["url"] == "https://bsky.app/profile/posted/post/1"
    assert rows["silent"]["note"] == "no surviving post seen; largest gap between looks PT14M"
    assert rows["silent"]["covered_share"] == 1
    assert rows["hole"]["answer"] == "unknown"
    assert rows["hole"]["covered_share"] == pytest.approx(14 / 24, abs=1e-6)
    assert rows["down"]["reasons"] == ["source_refused"]
    assert rows["fresh"]["reasons"] == ["not_polled_yet"]


async def test_sets_and_pages_keep_the_totals(client: httpx2.AsyncClient, world: None) -> None:
    tagged = (await client.get("/v1/participation", params={**WINDOW, "tag": "x"})).json()
    assert tagged["totals"] == {"accounts": 2, "posted": 1, "silent": 1, "unknown": 0}
    named = await client.get("/v1/participation", params=[*WINDOW.items(), ("account", "hole"), ("account", "down")])
    assert [row["account"]["handle"] for row in named.json()["items"]] == ["hole", "down"]
    assert (await client.get("/v1/participation", params={**WINDOW, "account": "nobody"})).status_code == 404
    first = (await client.get("/v1/participation", params={**WINDOW, "limit": 2})).json()
    rest = (await client.get("/v1/participation", params={**WINDOW, "limit": 9, "cursor": first["next"]})).json()
    assert first["totals"] == rest["totals"]
    assert len(first["items"]) + len(rest["items"]) == 5


async def test_a_day_is_each_subjects_own(client: httpx2.AsyncClient, world: None) -> None:
    answer = (await client.get("/v1/participation", params={"date": "2026-11-21"})).json()
    rows = {row["account"]["handle"]: row for row in answer["items"]}
    assert rows["posted"]["window"] == {"start": "2026-11-20T15:00:00Z", "end": "2026-11-21T15:00:00Z"}
    assert rows["silent"]["window"] == {"start": "2026-11-20T11:00:00Z", "end": "2026-11-21T11:00:00Z"}
    assert rows["hole"]["window"]["start"] == "2026-11-21T00:00:00Z"
    paris = (await client.get("/v1/participation", params={"date": "2026-11-21", "zone": "Europe/Paris"})).json()
    assert paris["window"] == {"start": "2026-11-20T23:00:00Z", "end": "2026-11-21T23:00:00Z"}
    dates = {"start": "2026-11-20", "end": "2026-11-21", "zone": "Europe/Paris"}
    assert (await client.get("/v1/participation", params=dates)).json()["window"]["end"] == "2026-11-20T23:00:00Z"


async def test_a_date_that_a_zone_skipped_is_no_silence(client: httpx2.AsyncClient, world: None) -> None:
    answer = (await client.get("/v1/participation", params={"date": "2011-12-30"})).json()
    row = next(row for row in answer["items"] if row["account"]["handle"] == "silent")
    assert (row["answer"], row["reasons"], row["window"]) == ("unknown", ["no_such_day"], None)
    refused = await client.get("/v1/participation", params={"date": "2011-12-30", "zone": "Pacific/Apia"})
    assert refused.json()["type"] == "urn:quietwatch:problem:bad-window"


async def test_an_earlier_moment_knows_less(client: httpx2.AsyncClient, world: None) -> None:
    answer = (await client.get("/v1/participation", params={**WINDOW, "as_of": ago(40).isoformat()})).json()
    assert answer["totals"]["posted"] == 0
    assert {row["answer"] for row in answer["items"]} == {"unknown"}


async def test_the_body_asks_the_same(client: httpx2.AsyncClient, world: None) -> None:
    asked = (await client.get("/v1/participation", params=WINDOW)).json()
    posted = (await client.post("/v1/participation", json=WINDOW)).json()
    assert posted == asked
    named = {**WINDOW, "accounts": ["hole", "posted"], "kinds": ["original"]}
    assert len((await client.post("/v1/participation", json=named)).json()["items"]) == 2


async def test_the_table_carries_its_method(client: httpx2.AsyncClient, world: None) -> None:
    answer = await client.get("/v1/participation", params=WINDOW, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["answer"] for row in rows] == ["posted", "silent", "unknown", "unknown", "unknown"]
    assert rows[0]["evidence_url"] == "https://bsky.app/profile/posted/post/1"
    assert rows[1]["note"].startswith("no surviving post seen")
    assert "invisible" in answer.headers["quietwatch-method"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "start"),
        ("start=2026-11-20T00:00:00Z&end=2026-11-19T00:00:00Z", "end"),
        ("start=1991-01-01T00:00:00Z&end=2091-01-01T00:00:00Z", "end"),
        ("start=2026-11-20&end=2026-11-21", "end"),
        ("date=2026-11-20&start=2026-11-20T00:00:00Z", "date"),
        ("date=2026-11-20&zone=Mars/Olympus", "zone"),
        ("date=2026-02-30", "date"),
        ("start=2026-11-20T00:00:00Z&zone=subject", "date"),
        ("start=2026-11-20T00:00:00Z&end=2026-11-21T00:00:00Z&length=P1D", "end"),
        ("start=2026-11-20T00:00:00Z&tag=%00", "tag"),
        ("start=2026-11-20T00:00:00Z&kinds=", "kinds"),
    ],
)
async def test_a_window_that_cannot_be_is_refused(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/v1/participation?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
