"""The same window in the weeks before: the same answers as when it is asked about itself, and the range they give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest

from app.api.judging import Question
from app.api.weighing import Weighed
from app.domain.models import DEFAULT_KINDS, Interval
from tests.api.conftest import NOW, Api
from tests.api.fitting import fit_all
from tests.api.seeding import ago, watch

DAY = 24


def posting(last: float, every: float, count: int) -> list[float]:
    return [last + number * every + (number * number % 7) / 5 for number in range(count)]


@pytest.fixture
async def world(api: Api) -> None:
    """Regular accounts, one known for a month only, one without history enough."""
    covered = ((2400, 0.1),)
    for number in range(6):
        every = 15 + 6 * number
        await watch(api.engine, f"some{number}", posts=posting(2 + number, every, 2300 // every), covered=covered)
    await watch(api.engine, "later", posts=posting(3, 20, 35), covered=((700, 0.1),))
    await watch(api.engine, "young", posts=(100, 90, 80), covered=((110, 0.1),))
    await fit_all(api.engine, NOW)


async def ask(client: httpx2.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await client.get("/v1/participation", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.usefixtures("world")
async def test_each_past_window_is_answered_as_if_it_were_asked_about(client: httpx2.AsyncClient) -> None:
    start, end = ago(3 * DAY), ago(2 * DAY)
    found = await ask(client, start=start.isoformat(), end=end.isoformat(), weeks=10)
    assert [each["weeks_before"] for each in found["compared"]] == list(range(1, 11))
    for each in found["compared"]:
        back = timedelta(weeks=each["weeks_before"])
        alone = await ask(client, start=(start - back).isoformat(), end=(end - back).isoformat())
        assert {name: each[name] for name in alone["totals"]} == alone["totals"]
        assert each["window"] == alone["window"]
        assert (each["judged"], each["judged_silent"]) == (alone["expected"]["judged"], alone["expected"]["silent"])
        assert each["expected_silent"] == alone["expected"]["expected_silent"]
    judged = [each["judged"] for each in found["compared"]]
    assert judged[0] == 7
    assert judged[-1] == 6  # one was not known yet
    expected = found["expected"]
    assert (expected["range_from"], expected["past_weeks"]) == ("past_weeks", 10)
    assert expected["low"] <= expected["expected_silent"] <= expected["high"]
    assert expected["usual"] == (expected["low"] <= expected["silent"] <= expected["high"])
    assert "nine times in ten" in expected["sentence"]["en"]
    body = {"start": start.isoformat(), "end": end.isoformat(), "weeks": 10}
    posted = (await client.post("/v1/participation", json=body)).json()
    assert (posted["expected"], posted["compared"]) == (expected, found["compared"])


@pytest.mark.usefixtures("world")
async def test_without_weeks_or_history_nothing_is_sharper_than_it_is(client: httpx2.AsyncClient) -> None:
    window = {"start": ago(3 * DAY).isoformat(), "end": ago(2 * DAY).isoformat()}
    plain = await ask(client, **window)
    assert plain["compared"] == []
    assert (plain["expected"]["range_from"], plain["expected"]["past_weeks"]) == ("independence", 0)
    assert "nine times" not in plain["expected"]["sentence"]["en"]
    few = await ask(client, **window, weeks=3)
    assert few["expected"]["low"] <= plain["expected"]["low"]
    assert few["expected"]["high"] >= plain["expected"]["high"]
    assert "nine times" not in few["expected"]["sentence"]["en"]
    young = await ask(client, **window, weeks=3, account="bluesky:young")
    expected = young["expected"]
    assert (expected["judged"], expected["expected_silent"], expected["low"], expected["high"]) == (0, None, None, None)
    assert (expected["usual"], expected["range_from"], expected["sentence"]) == (None, None, None)
    assert [each["expected_silent"] for each in young["compared"]] == [None] * 3
    assert young["compared"][2]["unknown"] == 1
    other = await ask(client, **window, weeks=2, kinds="original")
    assert other["expected"] is None
    assert [(each["judged"], each["accounts"]) for each in other["compared"]] == [(None, 8)] * 2


@pytest.mark.usefixtures("world")
async def test_days_and_windows_to_come_are_compared_with_those_that_are_over(client: httpx2.AsyncClient) -> None:
    day = (NOW + timedelta(days=1)).date()
    own = await ask(client, date=day.isoformat(), weeks=2)
    assert [each["date"] for each in own["compared"]] == [(day - timedelta(weeks=w)).isoformat() for w in (1, 2)]
    assert own["compared"][0]["posted"] + own["compared"][0]["silent"] >= 7
    ahead = await ask(client, start=ago(-24 * 10).isoformat(), length="P1D", weeks=2)
    assert [each["weeks_before"] for each in ahead["compared"]] == [2, 3]
    assert (ahead["expected"]["silent"], ahead["expected"]["usual"]) == (None, None)
    assert ahead["expected"]["past_weeks"] == 2


async def test_too_much_is_refused(client: httpx2.AsyncClient) -> None:
    refused = await client.get("/v1/participation?length=P1D&weeks=27")
    assert (refused.status_code, refused.json()["field"]) == (422, "weeks")


@pytest.mark.usefixtures("world")
async def test_an_hour_that_the_clock_skipped_is_no_window(client: httpx2.AsyncClient) -> None:
    """On 29 March 2026 clocks in Paris went from 02:00 to 03:00."""
    for start, end in (("00:15", "01:00"), ("00:00", "01:00"), ("00:10", "00:50")):
        asked = {"start": f"2026-04-05T{start}:00Z", "end": f"2026-04-05T{end}:00Z", "zone": "Europe/Paris"}
        found = await ask(client, **asked, weeks=2)
        for each in found["compared"]:
            assert each["window"]["start"] < each["window"]["end"]
            assert each["window"]["start"].startswith(("2026-03-29T", "2026-03-22T"))


def question(start: datetime, end: datetime, zone: str | None = None) -> Question:
    return Question(DEFAULT_KINDS, NOW, None, Interval(start, end), None, zone)


def test_past_windows_keep_to_local_time_and_do_not_touch() -> None:
    zone = "Europe/Paris"  # summer time ended on 25 October
    start = datetime(2026, 11, 1, 23, tzinfo=UTC)
    local = question(start, start + timedelta(days=1), zone)
    assert local.weeks_before(2).window == Interval(
        datetime(2026, 10, 18, 22, tzinfo=UTC), datetime(2026, 10, 19, 22, tzinfo=UTC)
    )
    assert question(start, start + timedelta(days=1)).weeks_before(2).window == Interval(
        start - timedelta(weeks=2), start - timedelta(days=13)
    )
    long = question(NOW - timedelta(days=10), NOW)
    assert long.past_weeks(3) == [2, 4, 6]
    assert question(NOW, NOW + timedelta(days=7)).past_weeks(2) == [1, 2]
    spring = Interval(datetime(2026, 4, 1, 8, tzinfo=UTC), datetime(2026, 4, 1, 9, tzinfo=UTC))
    ahead = Question(DEFAULT_KINDS, datetime(2026, 3, 25, 9, 30, tzinfo=UTC), None, spring, None, zone)
    assert ahead.past_weeks(1) == [2]  # the week before it ends an hour later, which is not over
    own = Question(DEFAULT_KINDS, NOW, None, None, date(2026, 11, 22))
    assert own.past_weeks(2) == [1, 2]
    assert own.weeks_before(1).day == date(2026, 11, 15)
    assert Weighed(NOW).expected() is not None
