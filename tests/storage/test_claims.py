"""Leases: each due account to one holder, fair between hosts, and fenced."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.models import Identity
from app.storage import accounts, claims, hosts, tables

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=45)


async def add(conn: AsyncConnection, name: str, host: str = "example.org", platform: str = "feed") -> int:
    identity = Identity(platform, f"http://{host}/{name}", name, host, f"http://{host}/{name}")
    account, _ = await accounts.add(conn, identity, now=NOW)
    return account.id


async def claim(engine: AsyncEngine, now: datetime = NOW, limit: int = 100, per_host: int = 100) -> list[claims.Claim]:
    async with engine.begin() as conn:
        return await claims.claim_due(conn, now, limit, LEASE, per_host)


async def state_of(engine: AsyncEngine, account_id: int) -> dict[str, object]:
    table = tables.account_state
    async with engine.connect() as conn:
        row = (await conn.execute(select(table).where(table.c.account_id == account_id))).one()
        return dict(row._mapping)


async def test_a_due_account_is_leased_once_until_its_lease_ends(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await add(conn, "a")
    first = await claim(engine)
    assert [(c.handle, c.host, c.due_at, c.heads) for c in first] == [("a", "example.org", NOW, ())]
    assert await claim(engine, NOW + LEASE - timedelta(seconds=1)) == []
    second = await claim(engine, NOW + LEASE)
    assert second[0].token == first[0].token + 1


async def test_a_host_gives_at_most_its_share_and_hides_nobody_behind_it(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        for number in range(30):
            await add(conn, f"big{number}", "big.example")
        await add(conn, "small", "small.example")
        late = update(tables.account_state).where(tables.account_state.c.account_id <= 30)
        await conn.execute(late.values(next_poll_at=NOW - timedelta(hours=1)))
    seen: Counter[str] = Counter()
    for second in range(0, 12, 2):
        found = await claim(engine, NOW + timedelta(seconds=second), limit=4, per_host=2)
        assert len(found) == len({c.account_id for c in found}) <= 4
        assert Counter(c.host for c in found)["big.example"] <= 2
        seen.update(c.host for c in found)
    assert seen["small.example"] == 1
    assert seen["big.example"] >= 10


async def test_a_blocked_host_is_put_off_until_it_opens(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        account_id = await add(conn, "a")
        host_id = (await conn.execute(select(tables.hosts.c.id))).scalar_one()
        await hosts.block(conn, host_id, NOW + timedelta(minutes=5), "rate_limited")
        await hosts.block(conn, host_id, NOW + timedelta(minutes=1), "rate_limited")  # shortens nothing
    assert await claim(engine) == []
    assert await claim(engine, NOW + timedelta(minutes=2)) == []
    due = (await state_of(engine, account_id))["next_poll_at"]
    assert isinstance(due, datetime)
    assert due >= NOW + timedelta(minutes=5)
    assert len(await claim(engine, due)) == 1


async def test_others_come_in_the_place_of_those_that_are_put_off(engine: AsyncEngine) -> None:
    state = tables.account_state
    async with engine.begin() as conn:
        for host, number in (("closed", 12), ("big", 12), ("small", 3)):
            for n in range(number):
                account_id = await add(conn, f"{host}{n}", f"{host}.example")
                due = NOW - timedelta(minutes={"closed": 3, "big": 2, "small": 1}[host], seconds=-n)
                await conn.execute(update(state).where(state.c.account_id == account_id).values(next_poll_at=due))
        closed = select(tables.hosts.c.id).where(tables.hosts.c.name == "closed.example")
        await hosts.block(conn, (await conn.execute(closed)).scalar_one(), NOW + timedelta(hours=1), "budget")
    found = [c.handle for c in await claim(engine, limit=10, per_host=5)]
    assert found == ["big0", "big1", "big2", "big3", "big4", "small0", "small1", "small2"]


async def test_a_host_without_a_free_slot_soon_is_put_off(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await add(conn, "a")
        host_id = (await conn.execute(select(tables.hosts.c.id))).scalar_one()
        first = await hosts.reserve(conn, {host_id: timedelta(seconds=20)}, NOW)
        second = await hosts.reserve(conn, {host_id: timedelta(seconds=2)}, NOW)
    assert (first[host_id], second[host_id]) == (NOW, NOW + timedelta(seconds=20))
    assert await claim(engine) == []
    assert len(await claim(engine, NOW + timedelta(seconds=20))) == 1


async def test_renewing_and_releasing_need_the_token(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        account_id = await add(conn, "a")
    [old] = await claim(engine)
    [held] = await claim(engine, NOW + LEASE)
    async with engine.begin() as conn:
        assert await claims.renew(conn, [old], NOW + timedelta(hours=1)) == 0
        assert await claims.release(conn, [old], [NOW]) == 0
        assert await claims.renew(conn, [held], NOW + timedelta(hours=1)) == 1
        assert await claims.next_due(conn) == NOW + timedelta(hours=1)
        assert await claims.release(conn, [held], [NOW + timedelta(minutes=3)]) == 1
    row = await state_of(engine, account_id)
    assert (row["lease_until"], row["next_poll_at"]) == (None, NOW + timedelta(minutes=3))


async def test_a_pause_during_the_lease_wins(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        account_id = await add(conn, "a")
    [held] = await claim(engine)
    async with engine.begin() as conn:
        await accounts.patch(conn, account_id, {"status": "paused"}, now=NOW)
    async with engine.begin() as conn:
        await claims.renew(conn, [held], NOW + timedelta(hours=1))
        await claims.release(conn, [held], [NOW])
    assert (await state_of(engine, account_id))["next_poll_at"] is None


async def test_companions_fill_a_batch_and_come_at_most_a_quarter_early(engine: AsyncEngine) -> None:
    state = tables.account_state
    ages = {"soon": (4, 1), "far": (4, 3), "failing": (20, 1), "third": (20, 2)}  # minutes since the look, until due
    async with engine.begin() as conn:
        await add(conn, "due", "m.example", "mastodon")
        for name, (since, until) in ages.items():
            account_id = await add(conn, name, "m.example", "mastodon")
            row = update(state).where(state.c.account_id == account_id)
            looked, due = NOW - timedelta(minutes=since), NOW + timedelta(minutes=until)
            await conn.execute(row.values(polled_at=looked, next_poll_at=due, failures=int(name == "failing")))
    [held] = await claim(engine)
    async with engine.begin() as conn:
        found = await claims.claim_companions(conn, NOW, {held.host_id: 24}, LEASE, timedelta(minutes=5))
    assert {c.handle for c in found} == {"soon", "third"}


async def test_after_a_pause_of_ours_the_overdue_are_spread_over_their_interval(engine: AsyncEngine) -> None:
    state = tables.account_state
    async with engine.begin() as conn:
        for number in range(200):
            await add(conn, f"a{number}", f"h{number}.example")
        looked = NOW - timedelta(hours=24)
        await conn.execute(update(state).values(polled_at=looked, next_poll_at=looked + timedelta(hours=1)))
        await add(conn, "never looked at", "new.example")
    async with engine.begin() as conn:
        moved = await claims.spread_overdue(conn, NOW, timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=6))
        assert moved == 200
        due = (await conn.execute(select(state.c.next_poll_at).where(state.c.polled_at.is_not(None)))).scalars().all()
    minutes = Counter(int((at - NOW) / timedelta(minutes=10)) for at in due)
    assert set(minutes) == set(range(6))
    assert max(minutes.values()) <= 2 * 200 / 6
    assert [c.handle for c in await claim(engine)] == ["never looked at"]


async def test_the_claim_carries_memory_and_the_newest_coverage(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        account_id = await add(conn, "a")
        await conn.execute(
            update(tables.source_memory).values(
                memory={"x": [1]},
                etag=b'W/"\xff"',
                page_ids=["b", "a"],
                page_times=[NOW, NOW - LEASE],
                missing_ids=["a"],
            )
        )
        for day in range(12):
            start = NOW - timedelta(days=20 - day)
            row = {"starts_at": start, "ends_at": start + timedelta(hours=1), "recorded_from": start}
            row |= {"recorded_to": start, "account_id": account_id, "kinds": 15, "live": True, "lag_s": 60}
            await conn.execute(insert(tables.coverage).values(row))
    [held] = await claim(engine)
    assert held.memory.platform == {"x": [1]}
    assert held.memory.etag == b'W/"\xff"'
    assert held.memory.page_ids == ("b", "a")
    assert held.memory.missing_ids == ("a",)
    assert [head.stretch.start for head in held.heads] == [NOW - timedelta(days=20 - day) for day in range(11, 3, -1)]
    assert held.heads[0].stretch.lag == timedelta(minutes=1)


async def test_many_claimers_take_every_account_exactly_once(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        for number in range(120):
            await add(conn, f"a{number}", f"h{number % 40}.example")
    taken: Counter[int] = Counter()

    async def worker() -> None:
        while found := await claim(engine, limit=10, per_host=10):
            taken.update(c.account_id for c in found)

    await asyncio.gather(*(worker() for _ in range(8)))
    assert len(taken) == 120
    assert set(taken.values()) == {1}
