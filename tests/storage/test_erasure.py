"""Erasure after things were told: rules, events, deliveries, attempts and notices go; others lose only the name."""

from __future__ import annotations

import asyncio
import json

from sqlalchemy import func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.events import EventType, NewEvent
from app.domain.models import Identity
from app.storage import accounts, erasure, events, hosts, looks, subjects
from app.storage import tables as known
from app.storage.event_tables import (
    account_told,
    deliveries,
    delivery_attempts,
    metadata,
    notices,
    notifiers,
    rule_states,
    rules,
    webhooks,
)
from app.storage.event_tables import events as log
from app.storage.events import Recorded
from tests.storage.histories import DAY, NOW
from tests.waiting import blocked


async def add(conn: AsyncConnection, name: str, subject_id: int | None) -> accounts.Account:
    """An account at a host of its own, as feeds have it."""
    link = f"https://{name}.example/"
    identity = Identity("feed", f"{link}feed.xml", f"{link}feed", f"{name}.example", link, display_name=name)
    account, _ = await accounts.add(conn, identity, now=NOW, subject_id=subject_id, tags=["team"])
    return account


async def tell(
    conn: AsyncConnection, account: accounts.Account, subject: str, other: accounts.Account
) -> list[Recorded]:
    """A rule, and four events: two of the account, one of another that moved to it, one of its host."""
    values = {"public_id": f"rul_{account.id}", "kind": "fixed", "length": DAY, "kinds": 15, "created_at": NOW}
    row = insert(rules).values(account_id=account.id, updated_at=NOW, **values).returning(rules.c.id)
    rule = (await conn.execute(row)).scalar_one()
    state = {"account_id": account.id, "rule_id": rule, "baseline": NOW, "since": NOW}
    await conn.execute(insert(rule_states).values(state))
    shown = {"id": account.public_id, "handle": account.handle, "subject": subject}
    news = [
        NewEvent(EventType.QUIET, NOW, {"account": shown}, account.id, rule),
        NewEvent(EventType.RESUMED, NOW, {"account": shown}, account.id, rule),
        NewEvent(EventType.MOVED, NOW, {"account": {"id": other.public_id}, "to": account.profile_url}, other.id),
        NewEvent(EventType.DEGRADED, NOW, {"source": {"scope": "host", "name": f"{account.display_name}.example"}}),
    ]
    made = await events.record(conn, news, NOW)
    sent = (await conn.execute(select(deliveries.c.id))).scalars().all()
    attempt = {"at": NOW, "number": 1, "duration_ms": 5, "status": 500}
    await conn.execute(insert(delivery_attempts), [{"delivery_id": each, **attempt} for each in sent])
    return made


async def listeners(conn: AsyncConnection) -> None:
    await conn.execute(insert(webhooks).values(public_id="whk_1", url="https://x.example/", created_at=NOW))
    row = {"public_id": "ntf_1", "name": "n", "ciphertext": b"", "key_id": "k", "service": "mail"}
    await conn.execute(insert(notifiers).values(digest=DAY, created_at=NOW, **row))


async def count(conn: AsyncConnection, table: object) -> int:
    found: int = (await conn.execute(select(func.count()).select_from(table))).scalar_one()  # type: ignore[arg-type]
    return found


async def test_nothing_that_was_told_is_left_of_an_erased_subject(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await listeners(conn)
        subject, _ = await subjects.add(conn, "Secretname", zone="UTC", now=NOW)
        account = await add(conn, "secretname", subject.id)
        other = await add(conn, "neighbour", None)
        await tell(conn, account, subject.name, other)
    async with engine.begin() as conn:
        assert await erasure.erase_subject(conn, subject.id, NOW) == 1
    async with engine.begin() as conn:
        for table in metadata.sorted_tables:
            rows = await conn.execute(select(literal_column(f"{table.name}::text")).select_from(table))
            held = [row for row in rows.scalars() if "secretname" in row.lower() or account.public_id in row]
            assert held == [], table.name
        left = (await conn.execute(select(log.c.account_id, log.c.data).order_by(log.c.id))).all()
        assert [row.account_id for row in left] == [other.id, None]
        assert left[0].data == {"account": {"id": other.public_id}, "to": "erased"}
        assert left[1].data == {"source": {"scope": "host", "name": "erased"}}
        for table, rest in ((deliveries, 2), (delivery_attempts, 2), (notices, 2), (account_told, 1)):
            assert await count(conn, table) == rest, table.name
        assert await count(conn, rules) == await count(conn, rule_states) == 0


async def test_a_word_of_an_answer_that_happens_to_be_a_name_stays(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        subject, _ = await subjects.add(conn, "feed", zone="UTC", now=NOW)
        other = await add(conn, "neighbour", None)
        data = {"account": {"platform": "feed", "subject": "feed"}, "deadline": NOW}
        made = await events.record(conn, [NewEvent(EventType.QUIET, NOW, data, other.id)], NOW)
        await erasure.erase_subject(conn, subject.id, NOW)
        kept = (await conn.execute(select(log.c.data).where(log.c.id == made[0].id))).scalar_one()
    assert kept == json.loads('{"account":{"platform":"feed","subject":"erased"},"deadline":"2026-11-22T12:00:00Z"}')


async def test_a_host_that_others_are_at_stays(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        identity = Identity("mastodon", "inst.example/1", "@a@inst.example", "inst.example", "https://inst.example/@a")
        first, _ = await accounts.add(conn, identity, now=NOW)
        second = Identity("mastodon", "inst.example/2", "@b@inst.example", "inst.example", "https://inst.example/@b")
        await accounts.add(conn, second, now=NOW)
        await erasure.erase_account(conn, first.id, NOW)
        assert (await conn.execute(select(known.hosts.c.name))).scalars().all() == ["inst.example"]


async def test_an_erasure_locks_as_the_workers_do(engine: AsyncEngine) -> None:
    """Accounts by id, hosts last: a look that is written and a claim never wait for an erasure that waits for them."""
    async with engine.begin() as conn:
        subject, _ = await subjects.add(conn, "one", zone="UTC", now=NOW)
        own = [f"https://one.example/{name}" for name in "ab"]
        identities = [Identity("feed", f"{link}.xml", link, "one.example", link) for link in own]
        first, second = [(await accounts.add(conn, each, now=NOW, subject_id=subject.id))[0] for each in identities]
        # Its row comes to lie behind the other one's.
        await conn.execute(update(known.accounts).where(known.accounts.c.id == first.id).values(handle="renamed"))
    async with engine.connect() as worker, engine.connect() as eraser:
        await looks.hold(worker, {first.id: 0})
        erasing = asyncio.create_task(erasure.erase_subject(eraser, subject.id, NOW))
        await blocked(engine)
        await looks.hold(worker, {second.id: 0})
        await worker.rollback()
        assert await erasing == 2
        await eraser.rollback()
        states = known.account_state
        await worker.execute(select(states).where(states.c.account_id == second.id).with_for_update())
        erasing = asyncio.create_task(erasure.erase_subject(eraser, subject.id, NOW))
        await blocked(engine)
        host_id = (await worker.execute(select(known.hosts.c.id))).scalar_one()
        await hosts.reserve(worker, {host_id: DAY}, NOW)
        await worker.rollback()
        assert await erasing == 2
        await eraser.commit()
