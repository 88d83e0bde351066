"""Who is silent: one account, the board, the longest on record."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.conftest import NOW, Api
from tests.api.seeding import ago, watch

DAY = 24


@pytest.fixture
async def world(api: Api) -> dict[str, str]:
    """One account in every state; the id by handle."""
    engine = api.engine
    made = [
        await watch(engine, "active", posts=(300, 2), covered=((400, 0.1),), tags=["press"]),
        await watch(engine, "quiet", posts=(500, 10 * DAY), covered=((600, 0.1),), subject="Quinn", tags=["press"]),
        await watch(engine, "holes", posts=(9 * DAY,), covered=((10 * DAY, 200), (48, 0.1))),
        await watch(engine, "down", posts=(8 * DAY,), covered=((9 * DAY, 100),), outcome="unreachable", reason="dns"),
        await watch(engine, "fresh", outcome=None),
        await watch(engine, "empty", covered=((400, 0.1),)),
    ]
    return {account.handle: account.public_id for account in made}


async def test_a_silence_is_told_with_its_proof(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    answer = (await client.get("/v1/accounts/bluesky:quiet/silence")).json()
    assert answer["account"] == {"id": world["quiet"], "platform": "bluesky", "handle": "quiet", "subject": "Quinn"}
    assert (answer["state"], answer["at"], answer["min"]) == ("quiet", "2026-11-22T12:00:00Z", "P7D")
    assert answer["last_post"]["url"] == "https://bsky.app/profile/quiet/post/1"
    streak = answer["streak"]
    assert streak["since"] == "2026-11-12T12:00:00Z"
    assert (streak["proven"], streak["possible"]) == ("P9DT23H54M", "P10D")
    assert (streak["observed_until"], streak["largest_gap_seconds"]) == ("2026-11-22T11:54:00Z", 840)
    assert streak["longest_on_record"] == "P10DT20H"
    assert answer["note"] == "no surviving post seen; largest gap between looks PT14M"
    assert (answer["meaning"], answer["no_meaning"], answer["rule"]) == (None, "not_fitted_yet", None)


@pytest.mark.parametrize(
    ("handle", "state", "reasons"),
    [
        ("active", "active", []),
        ("quiet", "quiet", []),
        ("holes", "unknown", ["page_ended_before"]),
        ("down", "unknown", ["source_unreachable"]),
        ("fresh", "unknown", ["not_polled_yet"]),
        ("empty", "quiet", []),
    ],
)
async def test_every_state_has_its_reason(
    client: httpx2.AsyncClient, world: dict[str, str], handle: str, state: str, reasons: list[str]
) -> None:
    answer = (await client.get(f"/v1/accounts/{world[handle]}/silence")).json()
    assert (answer["state"], answer["reasons"]) == (state, reasons)
    worked_out = (await client.get(f"/v1/accounts/{world[handle]}/silence?as_of={NOW.isoformat()[:19]}Z")).json()
    assert worked_out["state"] == state
    assert worked_out["streak"]["proven"] == answer["streak"]["proven"]


async def test_the_board_lists_the_longest_silence_first(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    answer = (await client.get("/v1/silence")).json()
    assert [row["account"]["handle"] for row in answer["items"]] == [
        "quiet",
        "holes",
        "down",
        "active",
        "fresh",
        "empty",
    ]
    assert answer["totals"] == {"active": 1, "quiet": 2, "unknown": 3}
    quiet = (await client.get("/v1/silence?state=quiet&tag=press")).json()["items"]
    assert [row["account"]["handle"] for row in quiet] == ["quiet"]
    strict = (await client.get("/v1/silence?min=P20D")).json()
    assert strict["totals"]["quiet"] == 0
    handles: list[str] = []
    url = "/v1/silence?limit=2"
    while url:
        page = await client.get(url)
        handles += [row["account"]["handle"] for row in page.json()["items"]]
        link = page.headers.get("link")
        url = link[1 : link.index(">")] if link else ""
    assert handles == [row["account"]["handle"] for row in answer["items"]]


async def test_the_board_of_an_earlier_moment(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    then = (await client.get("/v1/silence", params={"as_of": ago(250).isoformat(), "min": "P2D"})).json()
    states = {row["account"]["handle"]: row["state"] for row in then["items"]}
    assert states["active"] == "quiet"
    assert states["quiet"] == "quiet"
    assert states["down"] == "unknown"
    future = await client.get("/v1/silence", params={"as_of": "2027-01-01T00:00:00Z"})
    assert future.json()["field"] == "as_of"


async def test_an_unchanged_silence_is_not_sent_again(
    api: Api, client: httpx2.AsyncClient, world: dict[str, str]
) -> None:
    first = await client.get("/v1/accounts/bluesky:quiet/silence")
    assert first.headers["etag"].startswith('W/"')
    again = await client.get("/v1/accounts/bluesky:quiet/silence", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


async def test_the_longest_on_record(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    rows = {row["account"]["handle"]: row for row in (await client.get("/v1/streaks")).json()["items"]}
    assert rows["quiet"]["longest"]["possible"] == "P10DT20H"
    assert rows["active"]["longest"]["open"] is False
    assert rows["holes"]["longest"]["open"] is True
    assert rows["fresh"]["longest"] is None
    assert (await client.get("/v1/streaks?within=P100Y")).status_code == 422
