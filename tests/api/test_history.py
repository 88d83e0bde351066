"""What is on record about one account: posts, coverage, looks, streaks, days."""

from __future__ import annotations

import csv
import io
import itertools

import httpx2
import pytest

from tests.api.conftest import Api
from tests.api.seeding import ago, watch


@pytest.fixture
async def path(api: Api) -> str:
    """Alice: posts 100, 70 and 30 hours ago; seen from 110 to 60 and from 50 hours ago until now."""
    account = await watch(
        api.engine, "alice", posts=(100, 70, 30), covered=((110, 60), (50, 0.1)), subject="Alice", zone="Europe/Paris"
    )
    return f"/v1/accounts/{account.public_id}"


async def test_posts_walk_newest_first(client: httpx2.AsyncClient, path: str) -> None:
    first = await client.get(f"{path}/posts", params={"limit": 2})
    assert [post["id"] for post in first.json()["items"]] == ["p2", "p1"]
    rest = await client.get(f"{path}/posts", params={"limit": 2, "cursor": first.json()["next"]})
    assert [post["id"] for post in rest.json()["items"]] == ["p0"]
    assert rest.json()["next"] is None
    assert (await client.get(f"{path}/posts", params={"kinds": "repost"})).json()["items"] == []
    inside = {"start": ago(80).isoformat(), "end": ago(60).isoformat()}
    assert [post["id"] for post in (await client.get(f"{path}/posts", params=inside)).json()["items"]] == ["p1"]
    earlier = await client.get(f"{path}/posts", params={"as_of": ago(50).isoformat()})
    assert [post["id"] for post in earlier.json()["items"]] == ["p1", "p0"]


async def test_coverage_leaves_nothing_out(client: httpx2.AsyncClient, path: str) -> None:
    items = (await client.get(f"{path}/coverage")).json()["items"]
    assert [item["seen"] for item in items] == ["live", "not", "live", "not"]
    assert all(left["end"] == right["start"] for left, right in itertools.pairwise(items))
    assert items[1] | {"length": "PT10H", "length_seconds": 36000} == items[1]
    first = (await client.get(f"{path}/coverage", params={"limit": 1})).json()
    again = (await client.get(f"{path}/coverage", params={"limit": 3, "cursor": first["next"]})).json()
    assert [*first["items"], *again["items"]] == items


async def test_polls_tell_each_outcome(client: httpx2.AsyncClient, path: str) -> None:
    items = (await client.get(f"{path}/polls")).json()["items"]
    assert [(item["outcome"], item["looks"]) for item in items] == [("page", 1)]
    assert (await client.get(f"{path}/polls", params={"outcome": "gone"})).json()["items"] == []
    assert (await client.get(f"{path}/polls", params={"outcome": "lost"})).status_code == 422


async def test_streaks_have_two_lengths(client: httpx2.AsyncClient, path: str) -> None:
    items = (await client.get(f"{path}/streaks")).json()["items"]
    assert [item["possible"] for item in items] == ["P1DT6H", "P1DT16H", "P1DT6H"]
    assert [item["open"] for item in items] == [True, False, False]
    assert items[0]["proven"] == "P1DT5H54M"
    assert items[1]["proven"] == "PT10H"
    assert items[1]["ended_by"]["url"].endswith("/post/2")
    long = (await client.get(f"{path}/streaks", params={"min": "P1D"})).json()["items"]
    assert [item["since"] for item in long] == [items[0]["since"], items[2]["since"]]
    longest = (await client.get(f"{path}/streaks", params={"sort": "longest", "length": "possible", "limit": 1})).json()
    assert longest["items"][0]["possible"] == "P1DT16H"
    following = await client.get(
        f"{path}/streaks", params={"sort": "longest", "length": "possible", "cursor": longest["next"]}
    )
    assert len(following.json()["items"]) == 2


async def test_a_calendar_day_is_the_subjects_own(client: httpx2.AsyncClient, path: str) -> None:
    answer = (await client.get(f"{path}/calendar", params={"start": "2026-11-18", "end": "2026-11-22"})).json()
    assert answer["zone"] == "Europe/Paris"
    assert [(day["date"], day["state"], day["posts"]) for day in answer["items"]] == [
        ("2026-11-18", "posted", 1),
        ("2026-11-19", "posted", 1),
        ("2026-11-20", "unknown", 0),
        ("2026-11-21", "posted", 1),
        ("2026-11-22", "unknown", 0),
    ]
    assert answer["items"][0]["start"] == "2026-11-17T23:00:00Z"
    assert answer["items"][-1]["reasons"] == ["window_not_over"]


@pytest.mark.parametrize(
    ("part", "query", "field"),
    [
        ("posts", "start=2026-11-18", "start"),
        ("posts", "start=1926-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", "start"),
        ("posts", "start=2026-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", "end"),
        ("posts", "start=1991-01-01T00:00:00Z&end=2091-01-01T00:00:00Z", "end"),
        ("posts", "kinds=story,fleet", "kinds"),
        ("posts", "limit=0", "limit"),
        ("posts", "limit=1000000000", "limit"),
        ("posts", "cursor=AAAA", "cursor"),
        ("posts", "as_of=yesterday", "as_of"),
        ("streaks", "min=7 days", "min"),
        ("streaks", "min=P1Y", "min"),
        ("calendar", "zone=../../etc/passwd", "zone"),
        ("calendar", "zone=(a%2B)%2B$", "zone"),
        ("calendar", "start=2026-01-01&end=2025-01-01", "end"),
        ("calendar", "start=1999-01-01&end=2025-01-01", "start"),
        ("coverage", "when=now", "when"),
    ],
)
async def test_what_cannot_be_asked_is_named(
    client: httpx2.AsyncClient, path: str, part: str, query: str, field: str
) -> None:
    answer = await client.get(f"{path}/{part}?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert answer.json()["type"].startswith("urn:quietwatch:problem:")


async def test_a_cursor_belongs_to_its_question(client: httpx2.AsyncClient, path: str) -> None:
    cursor = (await client.get(f"{path}/posts", params={"limit": 1})).json()["next"]
    for url in (f"{path}/streaks?cursor={cursor}", f"{path}/posts?kinds=original&cursor={cursor}"):
        assert (await client.get(url)).json()["type"] == "urn:quietwatch:problem:bad-cursor"


@pytest.mark.parametrize("part", ["posts", "coverage", "polls", "streaks", "calendar"])
async def test_every_list_comes_in_three_formats(client: httpx2.AsyncClient, path: str, part: str) -> None:
    items = (await client.get(f"{path}/{part}")).json()["items"]
    lines = await client.get(f"{path}/{part}", headers={"Accept": "application/x-ndjson"})
    assert len(lines.text.splitlines()) == len(items)
    table = await client.get(f"{path}/{part}", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert len(rows) == len(items)
    assert table.headers["quietwatch-method"]
    assert (await client.get(f"{path}/{part}", headers={"Accept": "image/png"})).status_code == 406
