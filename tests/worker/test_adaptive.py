"""Adaptive rules from looks to events: armed at a post, armed anew by a fit, told once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.domain.adaptive import Adaptive
from app.domain.rhythm.state import Rhythm
from app.storage import rhythms
from app.worker import refit
from app.worker.clock import VirtualClock
from app.worker.context import Context
from tests.worker.conftest import START, Asked, Host, Reply, rss
from tests.worker.lives import DAY, HOUR, LAST, MINUTE, Life

ADAPTIVE = {"kind": "adaptive", "length": None, "false_alarms": 26.0, "least": 3 * HOUR, "greatest": 9 * DAY}


class Busy(Life):
    """A post an hour for thirty days, all of them on the page."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.posts = [START - n * HOUR for n in range(1, 720)]

    def _answer(self, asked: Asked) -> Reply:
        return Reply(
            body=rss([(f"p{at:%Y%m%d%H%M%S}", at) for at in sorted(self.posts, reverse=True) if at <= asked.at])
        )

    async def fit(self) -> None:
        assert await refit.run_once(self.ctx, self.clock.now()) == 1

    async def rhythm(self) -> Rhythm:
        async with self.ctx.engine.connect() as conn:
            return (await rhythms.load(conn, [self.account_id]))[self.account_id]

    async def refitted(self) -> None:
        await self.sql("update rhythms set due_at = :now", now=self.clock.now())
        await self.fit()


@pytest.fixture
async def busy(
    ctx: Context, host: Host, clock: VirtualClock, rows: Callable[[str], Awaitable[list[dict[str, Any]]]]
) -> Busy:
    made = Busy(ctx, host, clock, rows)
    await made.begin()
    return made


async def test_a_rule_is_armed_by_the_rhythm_as_soon_as_there_is_one(busy: Busy) -> None:
    rule = await busy.rule(**ADAPTIVE)
    await busy.tick()
    state = await busy.state()
    assert state.deadline == LAST + 9 * DAY
    await busy.fit()
    await busy.tick()
    state = await busy.state()
    deadline = Adaptive(await busy.rhythm(), rule).deadline(LAST)
    assert state.deadline == deadline
    assert deadline < START + 5 * HOUR
    assert await busy.log() == []
    await busy.until(deadline + 40 * MINUTE)
    assert await busy.log() == [("quiet", deadline)]
    busy.posts.append(busy.clock.now())
    await busy.look()
    assert await busy.log() == [("quiet", deadline), ("resumed", busy.posts[-1])]
    state = await busy.state()
    assert state.deadline == Adaptive(await busy.rhythm(), rule).deadline(busy.posts[-1])
    quiet, resumed = await busy.data()
    assert quiet["meaning"]["times_a_year"] <= ADAPTIVE["false_alarms"]
    assert quiet["meaning"]["based_on"]["posts"] > 700
    assert "meaning" not in resumed


async def test_a_quiet_stays_told_whatever_is_fitted_later(busy: Busy) -> None:
    await busy.rule(**ADAPTIVE)
    await busy.tick()
    await busy.fit()
    await busy.until(START + 5 * HOUR)
    [(_, deadline)] = await busy.log()
    await busy.sql("delete from posts where posted_at < :last and extract(hour from posted_at) <> 11", last=LAST)
    await busy.refitted()
    await busy.until(busy.clock.now() + 2 * HOUR)
    assert await busy.log() == [("quiet", deadline)]
    state = await busy.state()
    assert (state.state, state.deadline) == ("quiet", deadline)


async def test_a_deadline_that_a_fit_moves_into_the_past_is_told_as_history(busy: Busy) -> None:
    rule = await busy.rule(**ADAPTIVE)
    await busy.until(START + 8 * HOUR)
    assert await busy.log() == []
    await busy.fit()
    await busy.tick()
    deadline = Adaptive(await busy.rhythm(), rule).deadline(LAST)
    assert await busy.log() == [("quiet", deadline)]
    [data] = await busy.data()
    assert data["initial"] is True
    await busy.until(busy.clock.now() + HOUR)
    assert len(await busy.log()) == 1


async def test_an_account_of_little_history_is_judged_by_the_greatest_length(busy: Busy) -> None:
    busy.posts = busy.posts[:100]
    await busy.rule(**{**ADAPTIVE, "greatest": 10 * HOUR})
    await busy.tick()
    await busy.fit()
    await busy.tick()
    state = await busy.state()
    assert state.deadline == LAST + 10 * HOUR
