"""The log of events and what follows from an event, on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.events import EventType, NewEvent
from app.domain.models import Identity
from app.storage import accounts, events
from app.storage.event_tables import deliveries, notices, notifiers, webhooks
from app.storage.event_tables import events as log

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def watched(conn: AsyncConnection, name: str, tags: tuple[str, ...] = ()) -> int:
    identity = Identity("feed", f"https://{name}.example/feed", name, f"{name}.example", f"https://{name}.example/")
    return (await accounts.add(conn, identity, now=NOW, tags=tags))[0].id


async def endpoint(conn: AsyncConnection, name: str, **values: object) -> int:
    row = {"public_id": name, "url": "https://x.example/", "created_at": NOW, **values}
    found: int = (await conn.execute(insert(webhooks).values(row).returning(webhooks.c.id))).scalar_one()
    return found


def quiet(account_id: int | None, **values: Any) -> NewEvent:
    return NewEvent(EventType.QUIET, NOW - timedelta(hours=1), {"at": NOW}, account_id, **values)


async def test_the_events_of_an_account_are_numbered_without_holes_across_transactions(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        one, other = await watched(conn, "a"), await watched(conn, "b")
        first = await events.record(conn, [quiet(one), quiet(other), quiet(one), quiet(None)], NOW)
    async with engine.begin() as conn:
        second = await events.record(conn, [quiet(one)], NOW)
    assert [each.sequence for each in [*first, *second]] == [1, 1, 2, 0, 3]
    assert sorted(each.id for each in [*first, *second]) == [each.id for each in [*first, *second]]
    assert len({each.public_id for each in first}) == 4
    assert not any("." in each.public_id for each in first)


async def test_an_event_goes_to_the_endpoints_that_asked_for_it(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        account = await watched(conn, "a", ("freeze",))
        everything = await endpoint(conn, "all")
        tagged = await endpoint(conn, "tagged", tags=["freeze"])
        await endpoint(conn, "other tag", tags=["other"])
        await endpoint(conn, "other type", types=["account.resumed"])
        disabled = await endpoint(conn, "disabled", status="disabled")
        later = NOW + timedelta(hours=2)
        made = await events.record(
            conn,
            [
                quiet(account),
                quiet(account, tell_at=later),
                quiet(account, only_webhook=tagged),
                quiet(account, not_webhook=everything),
            ],
            NOW,
        )
        rows = (await conn.execute(select(deliveries).order_by(deliveries.c.event_id, deliveries.c.webhook_id))).all()
    found = [(row.event_id, row.webhook_id, row.status, row.due_at) for row in rows]
    first, second, third, fourth = (each.id for each in made)
    assert found == [
        (first, everything, "pending", NOW),
        (first, tagged, "pending", NOW),
        (first, disabled, "held", None),
        (second, everything, "pending", later),
        (second, tagged, "pending", later),
        (second, disabled, "held", None),
        (third, tagged, "pending", NOW),
        (fourth, tagged, "pending", NOW),
        (fourth, disabled, "held", None),
    ]
    assert {row.lane for row in rows} == {account % events.LANES}


async def test_people_are_told_the_usual_types_after_their_digest(engine: AsyncEngine) -> None:
    digest = timedelta(minutes=5)
    async with engine.begin() as conn:
        account = await watched(conn, "a")
        row = {"public_id": "ntf_1", "name": "n", "ciphertext": b"", "key_id": "k", "service": "mailto"}
        await conn.execute(insert(notifiers).values(digest=digest, created_at=NOW, **row))
        renamed = NewEvent(EventType.RENAMED, NOW, {}, account)
        made = await events.record(conn, [quiet(account), renamed], NOW)
        rows = (await conn.execute(select(notices.c.event_id, notices.c.due_at))).all()
    assert [tuple(row) for row in rows] == [(made[0].id, NOW + digest)]


async def test_ids_grow_in_the_order_of_commits(engine: AsyncEngine) -> None:
    """A reader who has seen an id never finds a smaller one appear behind it."""
    async with engine.begin() as conn:
        accounts_ = [await watched(conn, name) for name in "abcdefgh"]
    seen: list[tuple[int, set[int]]] = []

    async def write(account: int) -> None:
        for _ in range(5):
            async with engine.begin() as conn:
                await events.record(conn, [quiet(account)], NOW)
            async with engine.connect() as conn:
                newest = (await conn.execute(select(log.c.id).order_by(log.c.id.desc()).limit(1))).scalar_one()
                known = set((await conn.execute(select(log.c.id).where(log.c.id <= newest))).scalars())
            seen.append((newest, known))

    await asyncio.gather(*(write(account) for account in accounts_))
    async with engine.connect() as conn:
        final = set((await conn.execute(select(log.c.id))).scalars())
    for newest, known in seen:
        assert {id_ for id_ in final if id_ <= newest} == known
