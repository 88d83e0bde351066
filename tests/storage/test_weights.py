"""What the server reads off the marks is what the domain says of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import worth
from app.storage import names, rhythms, silence, unusual, weights
from app.storage.names import Selection
from tests.api.fitting import fit_all
from tests.storage import histories
from tests.storage.histories import DAY, NOW


@pytest.mark.parametrize("seed", range(3))
async def test_the_server_weighs_as_the_domain_does(engine: AsyncEngine, seed: int) -> None:
    async with engine.begin() as conn:
        await histories.world(conn, seed, 40)
    await fit_all(engine, NOW)
    async with engine.connect() as conn:
        ids = await names.select_ids(conn, Selection(), limit=100)
        standings, marks = await silence.load_standings(conn, ids), await rhythms.marks(conn, ids)
        open_ = await silence.live_streaks(conn, list(standings.values()), NOW)
        for hours in (0.5, 5, 30, 200, 2000, 20000):
            longer = [(id_, replace(each, proven=timedelta(hours=hours))) for id_, each in open_.items()]
            found = await weights.weigh(conn, longer)
            assert set(found) == set(marks)
            for id_, weight in found.items():
                said = worth.by_marks(marks[id_], timedelta(hours=hours))
                assert weight.reading == said.reading.value
                assert weight.chance == pytest.approx(said.chance, abs=6e-5)
                assert weight.times_a_year == pytest.approx(said.times_a_year, abs=0.06)
                assert weight.expected_posts == pytest.approx(said.expected_posts, abs=0.06)
                assert (weight.posts, weight.days) == (said.posts, pytest.approx(said.days, abs=0.06))


@pytest.mark.parametrize("seed", range(3))
async def test_a_list_brings_what_is_said_of_each_line(engine: AsyncEngine, seed: int) -> None:
    async with engine.begin() as conn:
        await histories.world(conn, seed, 40)
    await fit_all(engine, NOW)
    async with engine.connect() as conn:
        for now in (NOW - timedelta(days=3), NOW, NOW + timedelta(days=40)):
            bare = await silence.board(conn, Selection(), now=now, least=DAY, limit=100)
            rows = await silence.board(conn, Selection(), now=now, least=DAY, limit=100, weighed=True)
            alone = await weights.weigh(conn, [(row.standing.account_id, row.streak) for row in rows])
            assert [row._replace(weight=None) for row in rows] == bare
            assert {row.standing.account_id: row.weight for row in rows if row.weight is not None} == alone
            ranked = await unusual.board(conn, Selection(), now=now, least=DAY, limit=100)
            assert sorted(row for row, _ in ranked) == sorted(rows)
