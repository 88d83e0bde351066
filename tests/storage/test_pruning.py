"""What is kept for a time only, and what is kept longer because somebody still waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.events import EventType, NewEvent
from app.storage import events, pruning
from app.storage.event_tables import (
    deliveries,
    delivery_attempts,
    notices,
    notifiers,
    own_pauses,
    rule_states,
    rules,
    webhooks,
)
from app.storage.event_tables import events as log
from tests.storage.histories import DAY, NOW, add_account

KEEP = 30 * DAY
OLD = NOW - 31 * DAY


@pytest.fixture
async def conn(engine: AsyncEngine):  # type: ignore[no-untyped-def]  # an async generator of AsyncConnection
    async with engine.begin() as connection:
        yield connection


async def happened(conn: AsyncConnection, *, rule_id: int | None = None, account_id: int | None = None) -> int:
    news = [NewEvent(EventType.QUIET, OLD, {}, account_id, rule_id)]
    return (await events.record(conn, news, OLD))[0].id


async def kept(conn: AsyncConnection) -> list[int]:
    return list((await conn.execute(select(log.c.id).order_by(log.c.id))).scalars())


async def endpoint(conn: AsyncConnection, name: str, status: str = "enabled") -> int:
    row = {"public_id": name, "url": "https://x.example/", "created_at": OLD, "status": status}
    found: int = (await conn.execute(insert(webhooks).values(row).returning(webhooks.c.id))).scalar_one()
    return found


async def person(conn: AsyncConnection, name: str) -> int:
    row: dict[str, Any] = {"public_id": name, "name": "n", "ciphertext": b"", "key_id": "k", "service": "mail"}
    made = insert(notifiers).values(digest=DAY, created_at=OLD, **row).returning(notifiers.c.id)
    found: int = (await conn.execute(made)).scalar_one()
    return found


async def end_deliveries(conn: AsyncConnection, status: str = "delivered") -> None:
    await conn.execute(update(deliveries).values(status=status, due_at=None, done_at=OLD))


async def test_events_go_when_their_time_is_over_and_take_all_that_hangs_on_them(conn: AsyncConnection) -> None:
    await endpoint(conn, "whk_1")
    await happened(conn)
    await end_deliveries(conn)
    fresh = (await events.record(conn, [NewEvent(EventType.QUIET, NOW, {})], NOW))[0].id
    assert await pruning.prune_events(conn, NOW, KEEP) == 1
    assert await kept(conn) == [fresh]
    assert (await conn.execute(select(deliveries.c.event_id))).scalars().all() == [fresh]


async def test_an_event_waits_for_its_deliveries_and_messages_but_not_for_the_disabled(conn: AsyncConnection) -> None:
    webhook, notifier = await endpoint(conn, "whk_1"), await person(conn, "ntf_1")
    await happened(conn)
    assert await pruning.prune_events(conn, NOW, KEEP) == 0
    await end_deliveries(conn, "held")
    assert await pruning.prune_events(conn, NOW, KEEP) == 0
    await conn.execute(update(notifiers).where(notifiers.c.id == notifier).values(status="disabled"))
    assert await pruning.prune_events(conn, NOW, KEEP) == 1
    assert webhook
    assert (await conn.execute(select(func.count()).select_from(notices))).scalar_one() == 0


async def test_the_event_that_opened_a_silence_is_kept_while_it_lasts(conn: AsyncConnection) -> None:
    account = await add_account(conn, "alice")
    values = {"public_id": "rul_1", "kind": "fixed", "length": DAY, "kinds": 15, "created_at": OLD, "updated_at": OLD}
    rule = (await conn.execute(insert(rules).values(values).returning(rules.c.id))).scalar_one()
    opened = await happened(conn, rule_id=rule, account_id=account.id)
    state = {"account_id": account.id, "rule_id": rule, "baseline": OLD, "since": OLD, "quiet_event_id": opened}
    await conn.execute(insert(rule_states).values(state))
    assert await pruning.prune_events(conn, NOW, KEEP) == 0
    await conn.execute(update(rule_states).values(quiet_event_id=None))
    assert await pruning.prune_events(conn, NOW, KEEP) == 1


async def test_attempts_and_ended_deliveries_have_their_own_time(conn: AsyncConnection) -> None:
    await endpoint(conn, "whk_1")
    await endpoint(conn, "whk_2", "disabled")
    await happened(conn)
    ids = (await conn.execute(select(deliveries.c.id).order_by(deliveries.c.id))).scalars().all()
    tried = [{"delivery_id": ids[0], "at": at, "number": n, "duration_ms": 5} for n, at in enumerate((OLD, NOW))]
    await conn.execute(insert(delivery_attempts), tried)
    assert await pruning.prune_attempts(conn, NOW, KEEP) == 1
    assert await pruning.prune_deliveries(conn, NOW, KEEP) == 0
    await conn.execute(
        update(deliveries).where(deliveries.c.id == ids[0]).values(status="failed", due_at=None, done_at=OLD)
    )
    assert await pruning.prune_deliveries(conn, NOW, KEEP) == 1
    left = (await conn.execute(select(deliveries.c.id, deliveries.c.status))).all()
    assert [tuple(row) for row in left] == [(ids[1], "held")]
    assert len(await kept(conn)) == 1


async def test_what_a_disabled_notifier_should_have_told_goes(conn: AsyncConnection) -> None:
    enabled, disabled = await person(conn, "ntf_1"), await person(conn, "ntf_2")
    await happened(conn)
    await happened(conn)
    await conn.execute(update(notifiers).where(notifiers.c.id == disabled).values(status="disabled"))
    assert await pruning.prune_notices(conn, NOW + DAY, KEEP, 1) == 1
    assert await pruning.prune_notices(conn, NOW + DAY, KEEP, 1) == 1
    assert await pruning.prune_notices(conn, NOW + DAY, KEEP, 1) == 0
    assert set((await conn.execute(select(notices.c.notifier_id))).scalars()) == {enabled}


async def test_the_last_pause_of_ours_is_never_forgotten(conn: AsyncConnection) -> None:
    rows = [{"starts_at": OLD - n * DAY, "ends_at": OLD - n * DAY, "cause": "stopped"} for n in (9, 5, 1)]
    await conn.execute(insert(own_pauses), rows)
    assert await pruning.prune_pauses(conn, NOW, KEEP) == 2
    assert (await conn.execute(select(own_pauses.c.ends_at))).scalars().all() == [OLD - DAY]
