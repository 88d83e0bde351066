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
