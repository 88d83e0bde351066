"""What silences are worth, over HTTP: words, figures, and why there are none."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.conftest import NOW, Api
from tests.api.fitting import fit_all
from tests.api.seeding import ago, watch

DAY = 24


def posting(last: float, every: float = 6, count: int = 400) -> list[float]:
    """Posts every few hours, a little off, the last one so many hours ago."""
    return [last + number * every + (number * number % 7) / 5 for number in range(count)]


@pytest.fixture
async def world(api: Api) -> dict[str, str]:
    """Regular accounts that fell silent at different times, a young one, one with a hole, one without a post."""
    covered = ((2400, 0.1),)
    made = [
        await watch(api.engine, "busy", posts=posting(2), covered=covered, tags=["press"]),
        await watch(api.engine, "stopped", posts=posting(10 * DAY), covered=covered, tags=["press"], subject="Sam"),
        await watch(api.engine, "weekly", posts=posting(6 * DAY, 7 * DAY, 12), covered=covered, tags=["press"]),
        await watch(api.engine, "young", posts=(100, 90, 80), covered=((110, 0.1),), tags=["press"]),
        await watch(api.engine, "hidden", posts=posting(10 * DAY), covered=((2400, 239), (1, 0.1)), tags=["press"]),
        await watch(api.engine, "empty", covered=covered, tags=["press"]),
    ]
    await fit_all(api.engine, NOW)
    return {account.handle: account.public_id for account in made}


async def silence_of(client: httpx2.AsyncClient, key: str, **params: str) -> dict[str, object]:
    found: dict[str, object] = (await client.get(f"/v1/accounts/{key}/silence", params=params)).json()
    return found


async def test_a_silence_says_what_it_is_worth(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    meaning = (await silence_of(client, world["stopped"]))["meaning"]
    assert isinstance(meaning, dict)
    assert (meaning["reading"], meaning["rank"]) == ("rare", 1)
    assert meaning["p_silent"] < 0.01
    assert meaning["times_a_year"] <= 1
    assert 30 < meaning["expected_posts"] < 50
    assert meaning["based_on"]["posts"] > 300
    assert meaning["sentence"]["en"].startswith("By its own rhythm this account goes 9 days or longer")
    assert "moins d’une fois par an" in meaning["sentence"]["fr"]


@pytest.mark.parametrize(
    ("handle", "reading"),
    [("busy", "too quiet to tell"), ("weekly", "ordinary"), ("young", "not enough history")],
)
async def test_what_is_not_unusual_is_not_said_to_be(
    client: httpx2.AsyncClient, world: dict[str, str], handle: str, reading: str
) -> None:
    meaning = (await silence_of(client, world[handle]))["meaning"]
    assert isinstance(meaning, dict)
    if reading == "not enough history":
        assert (meaning["p_silent"], meaning["times_a_year"], meaning["rank"]) == (None, None, None)
    else:
        assert meaning["reading"] == reading


async def test_unobserved_time_makes_nothing_rarer(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    hidden = (await silence_of(client, world["hidden"]))["meaning"]
    stopped = (await silence_of(client, world["stopped"]))["meaning"]
    assert isinstance(hidden, dict)
    assert isinstance(stopped, dict)
    assert hidden["reading"] not in {"unusual", "rare"}
    assert hidden["p_silent"] > stopped["p_silent"]


async def test_where_there_is_no_meaning_there_is_a_reason(
    api: Api, client: httpx2.AsyncClient, world: dict[str, str]
) -> None:
    key = world["stopped"]
    for params, reason in (
        ({"kinds": "original"}, "other_kinds"),
        ({"as_of": ago(5).isoformat()}, "earlier_moment"),
    ):
        found = await silence_of(client, key, **params)
        assert (found["meaning"], found["no_meaning"]) == (None, reason)
    assert (await silence_of(client, world["empty"]))["no_meaning"] == "no_post_on_record"
    fresh = await watch(api.engine, "fresh", posts=(30,), covered=((40, 0.1),))
    assert (await silence_of(client, fresh.public_id))["no_meaning"] == "not_fitted_yet"
    blind = await watch(api.engine, "blind", posts=(1,), covered=((40, 1),))
    assert (await silence_of(client, blind.public_id))["no_meaning"] == "not_observed"


async def test_the_rhythm_in_figures(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    found = (await client.get(f"/v1/accounts/{world['stopped']}/rhythm")).json()
    shown = found["rhythm"]
    assert (found["no_meaning"], shown["enough"], shown["zone"]) == (None, True, "UTC")
    assert 3.5 < shown["posts_a_day"] < 4.5
    assert [row["weekday"] for row in shown["weekdays"]][::6] == ["monday", "sunday"]
    assert (len(shown["week"]), {len(day) for day in shown["week"]}) == (7, {24})
    assert abs(sum(shown["hours"]) - 1) < 0.01
    assert shown["gaps"][2]["share"] == 0.5
    assert 5 < shown["gaps"][2]["gap_seconds"] / 3600 < 7
    moments = [row["quiet_from"] for row in shown["deadlines"]]
    assert moments == sorted(moments)
    assert shown["ahead"][0]["p_silent"] >= shown["ahead"][-1]["p_silent"]
    young = (await client.get(f"/v1/accounts/{world['young']}/rhythm")).json()["rhythm"]
    assert (young["enough"], young["ahead"]) == (False, None)
    empty = (await client.get(f"/v1/accounts/{world['empty']}/rhythm")).json()
    assert (empty["rhythm"], empty["no_meaning"]) == (None, "no_post_on_record")
    assert (await client.get("/v1/accounts/acc_none/rhythm")).status_code == 404


async def test_the_board_by_how_unusual(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    board = (await client.get("/v1/silence?sort=unusual")).json()
    handles = [row["account"]["handle"] for row in board["items"]]
    assert handles[0] == "stopped"
    assert handles[-2:] == ["young", "empty"]
    words = {row["account"]["handle"]: (row["meaning"] or {}).get("reading") for row in board["items"]}
    assert words == {
        "stopped": "rare",
        "weekly": "ordinary",
        "busy": "too quiet to tell",
        "hidden": None,
        "young": "not enough history",
        "empty": None,
    } | {"hidden": words["hidden"]}
    assert words["hidden"] not in {"unusual", "rare"}
    assert board["by_chance"]["judged"] == 4
    assert board["by_chance"]["rare_a_day"] == pytest.approx(4 / 365.25, rel=0.01)
    longest = (await client.get("/v1/silence")).json()
    by_id = {row["account"]["id"]: row for row in longest["items"]}
    assert by_id == {row["account"]["id"]: row for row in board["items"]}
    seen, url = [], "/v1/silence?sort=unusual&limit=2"
    while url:
        page = await client.get(url)
        seen += [row["account"]["handle"] for row in page.json()["items"]]
        link = page.headers.get("link")
        url = link[1 : link.index(">")] if link else ""
    assert seen == handles
    refused = await client.get("/v1/silence?sort=unusual&kinds=original")
    assert (refused.status_code, refused.json()["field"]) == (422, "sort")
    table = (await client.get("/v1/silence", headers={"Accept": "text/csv"})).text
    assert "meaning_reading,meaning_p_silent,meaning_times_a_year" in table


async def test_the_board_and_the_account_agree(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    for row in (await client.get("/v1/silence")).json()["items"]:
        alone = await silence_of(client, row["account"]["id"])
        if row["account"]["handle"] == "hidden":
            continue
        assert row["no_meaning"] == alone["no_meaning"]
        if row["meaning"] and isinstance(alone["meaning"], dict):
            assert row["meaning"]["reading"] == alone["meaning"]["reading"]
            assert row["meaning"]["based_on"] == alone["meaning"]["based_on"]


async def test_who_took_part_and_what_was_to_be_expected(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    window = {"start": ago(90).isoformat(), "end": ago(66).isoformat()}
    found = (await client.get("/v1/participation", params=window)).json()
    rows = {row["account"]["handle"]: row for row in found["items"]}
    assert rows["stopped"]["meaning"]["p_silent"] > 0.5  # it had been silent for six days
    assert rows["busy"]["meaning"]["p_silent"] < 0.05
    assert (rows["busy"]["answer"], rows["busy"]["meaning"]["stands"]) == ("posted", None)
    assert rows["young"]["meaning"]["reading"] == "not enough history"
    assert rows["young"]["meaning"]["p_silent"] is None
    assert rows["empty"]["no_meaning"] == "not_fitted_yet"
    assert found["expected"]["judged"] == 3
    assert found["expected"]["expected_silent"] == pytest.approx(
        sum(rows[name]["meaning"]["p_silent"] for name in ("busy", "stopped", "weekly")), rel=0.02
    )
    assert found["expected"]["sentence"]["en"].startswith("Of 3 accounts that can be judged 2 showed no post;")


async def test_a_silence_that_began_in_the_window_stands(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    window = {"start": ago(10 * DAY - 1).isoformat(), "end": ago(7 * DAY).isoformat()}
    found = (await client.get("/v1/participation", params=window)).json()
    stopped = next(row for row in found["items"] if row["account"]["handle"] == "stopped")
    assert stopped["answer"] == "silent"
    assert (stopped["meaning"]["reading"], stopped["meaning"]["stands"]) == ("rare", True)
    assert "its silence is rare" in stopped["meaning"]["sentence"]["en"]
    assert (found["expected"]["flagged"], found["expected"]["standing"]) == (1, 1)
    assert found["expected"]["expected_flagged"] < 0.1


async def test_windows_ahead_and_windows_without_a_meaning(client: httpx2.AsyncClient, world: dict[str, str]) -> None:
    ahead = {"start": ago(-48).isoformat(), "end": ago(-72).isoformat()}
    found = (await client.get("/v1/participation", params=ahead)).json()
    rows = {row["account"]["handle"]: row for row in found["items"]}
    assert "will show no post" in rows["busy"]["meaning"]["sentence"]["en"]
    assert (found["expected"]["silent"], found["expected"]["sentence"]) == (None, None)
    assert found["expected"]["judged"] == 4
    old = {"start": ago(2500).isoformat(), "end": ago(2450).isoformat()}
    rows = {
        row["account"]["handle"]: row for row in (await client.get("/v1/participation", params=old)).json()["items"]
    }
    assert rows["busy"]["no_meaning"] == "before_rhythm"
    other = (await client.get("/v1/participation", params=ahead | {"kinds": "original"})).json()
    assert (other["expected"], other["items"][0]["no_meaning"]) == (None, "other_kinds")
