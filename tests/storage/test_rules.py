"""Rules on record and the accounts they judge, on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.models import Identity, Interval, Kind
from app.domain.quiet_hours import QuietHours
from app.domain.rules import NewRule
from app.domain.silence import State
from app.errors import BadInput
from app.storage import accounts, rule_states, rules, subjects

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def watched(conn: AsyncConnection, name: str, **more: Any) -> int:
    identity = Identity("feed", f"https://{name}.example/feed", name, f"{name}.example", f"https://{name}.example/")
    return (await accounts.add(conn, identity, now=NOW, **more))[0].id


async def judged_by(conn: AsyncConnection, rule_id: int) -> list[int]:
    return [state.account_id for state in await rule_states.page(conn, rule_id=rule_id)]


async def test_a_rule_comes_back_as_it_was_written(engine: AsyncEngine) -> None:
    hours = QuietHours(time(22), time(7, 30), "Europe/Paris", ("mon", "sat"))
    new = NewRule(
        name="night",
        tag="freeze",
        length=2 * DAY,
        kinds=Kind.ORIGINAL | Kind.QUOTE,
        late=DAY,
        repeat_every=DAY,
        repeat_most=3,
        quiet_hours=(hours,),
        pauses=(Interval(NOW, NOW + DAY),),
    )
    async with engine.begin() as conn:
        made = await rules.create(conn, new, NOW)
        assert await rules.find(conn, made.public_id) == made == await rules.get(conn, made.id)
        assert all(getattr(made, name) == getattr(new, name) for name in NewRule.__slots__)
        assert await rules.page(conn, tag="freeze") == [made]
        assert await rules.page(conn, tag="other") == []
        assert await rules.page(conn, after=made.id) == []
        assert await rules.get(conn, made.id + 1) is None
        adaptive = await rules.create(conn, NewRule("adaptive", false_alarms=0.5, least=DAY, greatest=7 * DAY), NOW)
        assert await rules.get(conn, adaptive.id) == adaptive


async def test_what_cannot_be_meant_is_refused_and_leaves_nothing(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        with pytest.raises(BadInput):
            await rules.create(conn, NewRule(length=timedelta(0)), NOW)
        assert await rules.page(conn) == []


async def test_a_rule_judges_exactly_its_scope_whatever_changes(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        subject = (await subjects.add(conn, "S", now=NOW))[0].id
        one = await watched(conn, "one", tags=["freeze"])
        other = await watched(conn, "other", subject_id=subject)
        made = {
            "account": await rules.create(conn, NewRule(account_id=one, length=DAY), NOW),
            "subject": await rules.create(conn, NewRule(subject_id=subject, length=DAY), NOW),
            "tag": await rules.create(conn, NewRule(tag="freeze", length=DAY), NOW),
            "all": await rules.create(conn, NewRule(length=DAY), NOW),
        }

        async def scopes() -> dict[str, list[int]]:
            return {name: await judged_by(conn, rule.id) for name, rule in made.items()}

        assert await scopes() == {"account": [one], "subject": [other], "tag": [one], "all": [one, other]}
        third = await watched(conn, "third", tags=["freeze"], subject_id=subject)
        await accounts.patch(conn, one, {"tags": []}, now=NOW)
        await accounts.patch(conn, other, {"subject_id": None}, now=NOW)
        assert await scopes() == {"account": [one], "subject": [third], "tag": [third], "all": [one, other, third]}
        await accounts.patch(conn, third, {"status": "paused"}, now=NOW)
        assert await scopes() == {"account": [one], "subject": [], "tag": [], "all": [one, other]}
        await accounts.patch(conn, third, {"status": "watched"}, now=NOW)
        await accounts.forget_tag(conn, "freeze", NOW)
        await rules.patch(conn, made["all"].id, {"status": "paused"}, NOW)
        assert await scopes() == {"account": [one], "subject": [third], "tag": [], "all": []}
        await accounts.erase(conn, one, NOW)
        assert await rules.get(conn, made["account"].id) is None
        assert await rules.delete(conn, made["subject"].id)
        assert not await rules.delete(conn, made["subject"].id)
        assert await rule_states.page(conn) == []


async def test_reconciling_everything_changes_nothing_that_stands(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await watched(conn, "one")
        made = await rules.create(conn, NewRule(length=DAY), NOW)
        before = await rule_states.page(conn)
        await rules.reconcile(conn, NOW + DAY)
        assert await rule_states.page(conn) == before
        assert (before[0].check_at, before[0].baseline, before[0].state) == (NOW, NOW, State.UNKNOWN)
        assert (await rule_states.states_of(conn, [before[0].account_id, 99]))[99] == []
        assert (await rule_states.tally(conn, made.id))[State.UNKNOWN] == 1
        assert await rule_states.page(conn, held=True) == []
        assert await rule_states.sights(conn, [before[0].account_id]) == {}


async def test_a_change_that_matters_is_judged_at_once(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        account = await watched(conn, "one")
        made = await rules.create(conn, NewRule(length=DAY), NOW)
        await conn.exec_driver_sql("update rule_states set rule_version = 1, check_at = null")
        renamed = await rules.patch(conn, made.id, {"name": "n", "pauses": (Interval(NOW, NOW + DAY),)}, NOW + DAY)
        assert renamed is not None
        assert renamed.version == 1
        [[(_, state)]] = (await rule_states.states_of(conn, [account])).values()
        assert state.check_at is None
        longer = await rules.patch(conn, made.id, {"length": 3 * DAY}, NOW + DAY)
        assert longer is not None
        assert (longer.version, longer.length, longer.updated_at) == (2, 3 * DAY, NOW + DAY)
        assert longer == await rules.get(conn, made.id)
        [[(_, state)]] = (await rule_states.states_of(conn, [account])).values()
        assert (state.check_at, state.baseline) == (NOW + DAY, NOW + DAY)
        with pytest.raises(BadInput):
            await rules.patch(conn, made.id, {"tag": "x"}, NOW)
        assert await rules.patch(conn, 99, {}, NOW) is None


async def test_changes_of_a_rule_beside_new_accounts_wait_for_each_other(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        made = await rules.create(conn, NewRule(length=DAY), NOW)

    async def add(number: int) -> None:
        async with engine.begin() as conn:
            await watched(conn, f"a{number}")

    async def change(days: int) -> None:
        async with engine.begin() as conn:
            await rules.patch(conn, made.id, {"length": days * DAY}, NOW)

    await asyncio.gather(*(add(n) for n in range(5)), *(change(n) for n in range(2, 7)))
    async with engine.begin() as conn:
        found = await rules.get(conn, made.id)
        assert found is not None
        assert found.version == 6
        assert len(await judged_by(conn, made.id)) == 5
