"""What is said of each account's next day is held against what comes, day by day."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app import metrics
from app.domain.calibration import Record, Tally
from app.domain.models import DEFAULT_KINDS, DateNote, Kind, Post, Stretch
from app.storage import forecasts, rhythms, sightings, track
from app.storage.sightings import NewPosts
from app.worker import forecasts as job
from app.worker import refit
from app.worker.alarms import Watching
from app.worker.context import Context
from tests.storage import histories
from tests.storage.histories import DAY, HOUR, NOW
from tests.waiting import blocked

BEGIN = NOW - 100 * DAY


class World:
    """Accounts that post by chance, so many times a day, and are looked at once an hour."""

    def __init__(self, ctx: Context, seed: int, rates: list[float]) -> None:
        self.ctx, self.rates = ctx, rates
        self.rng = random.Random(seed)  # noqa: S311 - no secret
        self.ids: list[int] = []
        self.names: list[str] = []
        self.now = BEGIN
        self._count = 0

    async def begin(self, days: int) -> None:
        """Accounts with so many days of history, fitted and forecast."""
        async with self.ctx.engine.begin() as conn:
            for number in range(len(self.rates)):
                account = await histories.add_account(conn, f"one{number}")
                self.ids.append(account.id)
                self.names.append(account.public_id)
                seen = [Stretch(BEGIN, NOW + 100 * DAY, DEFAULT_KINDS, True, BEGIN, NOW + 100 * DAY)]
                await histories.write(conn, {account.id: ([], seen)})
        await self.live(days)

    async def live(self, days: int, seen: bool = True) -> None:
        """Days pass, in one go; what is due at their end is done."""
        end = self.now + days * DAY
        async with self.ctx.engine.begin() as conn:
            for id_, rate in zip(self.ids, self.rates, strict=True):
                await sightings.insert_posts(conn, [NewPosts(id_, tuple(self._posts(rate, days)))])
            await sightings.refresh_last_posts(conn, dict.fromkeys(self.ids, 28.0), end)
            if seen:
                moved = text("update account_state set covered_from = :start, covered_until = :end")
                await conn.execute(moved, {"start": BEGIN, "end": end})
            await rhythms.follow(conn, self.ids, end)
        self.now = end
        await refit.run_once(self.ctx, end)
        await job.run_once(self.ctx, end)

    def _posts(self, rate: float, days: int) -> list[Post]:
        made, at = [], self.now
        while (at := at + DAY * self.rng.expovariate(rate)) < self.now + days * DAY:
            self._count += 1
            made.append(Post(f"p{self._count}", Kind.ORIGINAL, at, at))
        return made

    async def record(self, place: int) -> Record:
        async with self.ctx.engine.connect() as conn:
            return await forecasts.record_of(conn, self.ids[place])


async def test_steady_accounts_are_calibrated_and_one_that_changes_drifts(ctx: Context) -> None:
    world = World(ctx, 7, [0.4 + 0.15 * number for number in range(24)])
    await world.begin(90)
    for _ in range(28):
        await world.live(1)
    async with ctx.engine.connect() as conn:
        found = await track.read(conn, world.now)
    whole = found.whole
    assert whole.windows == 24 * 28
    assert whole.deviation is not None
    assert abs(whole.deviation) < 2.5
    assert all(abs(each.deviation or 0) < 3.5 for each in found.bins)
    assert found.records == 24
    assert not found.many_drift
    world.rates[20:] = [0.1] * 4
    for _ in range(14):
        await world.live(1)
    async with ctx.engine.connect() as conn:
        changed = await track.read(conn, world.now)
    assert changed.many_drift
    assert {name for name, _ in changed.named} <= set(world.names[20:])
    assert changed.drifting == len(changed.named) >= 3
    records = [await world.record(place) for place in range(24)]
    assert [len(record.chances) for record in records] == [28] * 24
    assert not any(record.drifts for record in records[:20])
    await Watching(ctx).look(world.now)
    shown = metrics.render().decode()
    assert f'quietwatch_accounts_drifting{{which="found"}} {changed.drifting}.0' in shown
    assert 'quietwatch_forecast_quality{figure="brier"}' in shown
    assert 'quietwatch_forecasts{chance="0-0.01",which="all"}' in shown


async def test_a_day_that_was_not_watched_counts_neither_way(ctx: Context) -> None:
    world = World(ctx, 1, [3.0, 3.0])
    await world.begin(60)
    async with ctx.engine.begin() as conn:
        # The first account has a hole since; of the second a post came that nobody can date.
        hole = text("update account_state set covered_from = :at where account_id = :id")
        await conn.execute(hole, {"at": world.now + HOUR, "id": world.ids[0]})
        at = world.now + 2 * HOUR
        undated = Post("undated", Kind.ORIGINAL, at, at, None, DateNote.MISSING, world.now)
        await sightings.insert_posts(conn, [NewPosts(world.ids[1], (undated,))])
        covered = text("update account_state set covered_until = :at")
        await conn.execute(covered, {"at": world.now + 25 * HOUR})
    assert await job.run_once(ctx, world.now + 25 * HOUR) == 2
    async with ctx.engine.connect() as conn:
        assert (await track.read(conn, world.now + 2 * DAY)).whole == Tally()
    for place in range(2):
        assert await world.record(place) == Record()


async def test_the_post_before_a_day_is_not_in_it(ctx: Context) -> None:
    """Coverage ends a margin before a look: a post that the look showed may lie behind it, and the day begins there."""
    world = World(ctx, 4, [3.0])
    await world.begin(60)
    async with ctx.engine.begin() as conn:
        await conn.execute(text("update forecasts set starts_at = null, chance = null"))
        last = Post("last", Kind.ORIGINAL, world.now + HOUR, world.now + HOUR)
        await sightings.insert_posts(conn, [NewPosts(world.ids[0], (last,))])
        await sightings.refresh_last_posts(conn, {world.ids[0]: 28.0}, last.posted_at)
    await job.run_once(ctx, world.now + HOUR)
    async with ctx.engine.begin() as conn:
        covered = text("update account_state set covered_until = :at")
        await conn.execute(covered, {"at": world.now + 26 * HOUR})
    assert await job.run_once(ctx, world.now + 26 * HOUR) == 1
    assert (await world.record(0)).silences == (True,)


async def test_a_day_without_a_look_waits_and_is_given_up(ctx: Context) -> None:
    world = World(ctx, 2, [3.0])
    await world.begin(60)
    start = world.now
    await world.live(1, seen=False)
    assert await job.run_once(ctx, start + DAY + HOUR) == 0
    assert await job.run_once(ctx, start + DAY + forecasts.PATIENCE) == 1
    async with ctx.engine.connect() as conn:
        assert (await track.read(conn, start + 9 * DAY)).whole == Tally()
        [pending] = (await conn.execute(text("select starts_at from forecasts"))).scalars()
    assert pending is None
    await world.live(2)
    async with ctx.engine.connect() as conn:
        [pending] = (await conn.execute(text("select starts_at from forecasts"))).scalars()
    assert pending is not None


async def test_a_day_counts_once_whoever_judges_and_young_accounts_are_not_forecast(ctx: Context) -> None:
    world = World(ctx, 3, [4.0, 0.02])
    await world.begin(60)
    await world.live(1)
    for _ in range(3):
        await job.run_once(ctx, world.now)
    async with ctx.engine.connect() as conn:
        assert (await track.read(conn, world.now)).whole.windows == 1
    assert await world.record(1) == Record()


async def test_an_account_that_is_erased_meanwhile_stops_nobody(ctx: Context) -> None:
    async with ctx.engine.begin() as conn:
        gone, stays = [await histories.add_account(conn, name) for name in ("gone", "stays")]
    said = [(gone.id, NOW, 0.5), (stays.id, NOW, 0.5)]
    async with ctx.engine.connect() as eraser, ctx.engine.begin() as conn:
        await eraser.execute(text("delete from accounts where id = :id"), {"id": gone.id})
        saying = asyncio.create_task(forecasts.say(conn, said))
        await blocked(ctx.engine)
        await eraser.commit()
        await saying
    async with ctx.engine.connect() as conn:
        assert list((await conn.execute(text("select account_id from forecasts"))).scalars()) == [stays.id]


async def test_old_days_go(ctx: Context) -> None:
    async with ctx.engine.begin() as conn:
        for age in (5, 399, 402):
            day = (NOW - age * DAY).date()
            await forecasts.settle(conn, [], [(day, 3, Tally(1, 0, 0.1, 0.09, 0.01))] * 2)
    await job.run_once(ctx, NOW)
    async with ctx.engine.connect() as conn:
        left = await forecasts.days(conn, (NOW - 500 * DAY).date(), NOW.date())
    assert [day.windows for day in left] == [2, 2]


@pytest.mark.parametrize("shift", [0, 60])
async def test_all_accounts_that_change_together_are_warned_of_once(ctx: Context, shift: int) -> None:
    rng = random.Random(5)  # noqa: S311 - no secret
    async with ctx.engine.begin() as conn:
        for age in range(50, 3, -1):
            more = shift if age < 7 else 0
            tally = Tally(400, 100 + rng.randint(-12, 12) + more, 100.0, 75.0, 75.0)
            await forecasts.settle(conn, [], [((NOW - timedelta(days=age)).date(), 4, tally)])
    watching = Watching(ctx)
    with capture_logs() as logs:
        await watching.look(NOW)
        await watching.look(NOW)
    assert str(logs).count("accounts do not keep to their rhythms") == (1 if shift else 0)
    assert f"quietwatch_forecast_drift {1.0 if shift else 0.0}" in metrics.render().decode()
