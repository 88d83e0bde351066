"""People are told: one message for many events, by real services, and nobody waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.events import EventType, NewEvent
from app.domain.messages import Message
from app.domain.models import Identity
from app.sealing import Sealer
from app.storage import accounts, event_tables, events, notifiers
from app.storage.notifiers import NewNotifier, Notifier
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.messenger import Messenger
from app.worker.notify import LEASE, Notifying
from tests.worker.conftest import START
from tests.worker.people import mailbox, receiver

MINUTE = timedelta(minutes=1)
GRACE = timedelta(seconds=30)
SEALER = Sealer(lambda: [b"k" * 32])


class Recording:
    """Keeps what it should send; ``answers`` by address, ``held`` hang until they are let go."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.answers: dict[str, str] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.any_sent = asyncio.Event()

    async def send(self, address: str, message: Message) -> str | None:
        if address in self.held:
            await self.held[address].wait()
        self.sent.append((address, message))
        self.any_sent.set()
        return self.answers.get(address)


class World:
    """A context that tells, with its messenger."""

    def __init__(self, ctx: Context, clock: VirtualClock) -> None:
        self.clock = clock
        self.post = Recording()
        self.ctx = replace(ctx, sealer=SEALER, messenger=self.post)
        self.notifying = Notifying(self.ctx)

    async def person(self, address: str, **values: Any) -> Notifier:
        ciphertext, key_id = SEALER.seal(address.encode())
        new = NewNotifier(name=address, service="json", ciphertext=ciphertext, key_id=key_id, **values)
        async with self.ctx.engine.begin() as conn:
            return await notifiers.add(conn, new, self.clock.now())

    async def account(self, name: str, tags: Sequence[str] = ()) -> int:
        link = f"https://{name}.example/"
        async with self.ctx.engine.begin() as conn:
            identity = Identity("feed", link, link, f"{name}.example", link)
            return (await accounts.add(conn, identity, now=START, tags=tags))[0].id

    async def happen(self, count: int = 1, type_: EventType = EventType.QUIET, **more: Any) -> None:
        now = self.clock.now()
        async with self.ctx.engine.begin() as conn:
            await events.record(conn, [NewEvent(type_, now, {"reason": "dns"}, **more) for _ in range(count)], now)

    async def work(self, passed: timedelta = timedelta(0)) -> int:
        self.clock.advance_to(self.clock.now() + passed)
        begun = await self.notifying.tick()
        await self.notifying.settle(GRACE)
        return begun

    async def row(self, notifier: Notifier) -> Notifier:
        async with self.ctx.engine.connect() as conn:
            found = await notifiers.find(conn, notifier.public_id)
        assert found is not None
        return found

    async def waiting(self) -> int:
        async with self.ctx.engine.connect() as conn:
            return len((await conn.execute(select(event_tables.notices))).all())


@pytest.fixture
def world(ctx: Context, clock: VirtualClock) -> World:
    return World(ctx, clock)


async def test_many_transitions_of_a_minute_are_one_message(world: World) -> None:
    anna = await world.person("a")
    await world.happen(45)
    await world.happen(3, EventType.RESUMED)
    assert await world.work() == 0
    assert await world.work(MINUTE) == 1
    assert await world.work(MINUTE) == 0
    [(_, message)] = world.post.sent
    assert message.title == "Quietwatch: 45 quiet, 3 posted again"
    assert message.body().splitlines()[-1] == "and 28 more"
    assert await world.waiting() == 0
    assert (await world.row(anna)).sent_at == world.clock.now() - MINUTE


async def test_a_digest_takes_along_what_came_after_its_first_event(world: World) -> None:
    await world.person("a", digest=timedelta(hours=6))
    await world.happen()
    await world.work(timedelta(hours=5))
    await world.happen(2)
    assert world.post.sent == []
    await world.work(timedelta(hours=1))
    assert world.post.sent[0][1].total == 3
    assert await world.work(timedelta(hours=6)) == 0


async def test_quiet_hours_hold_a_message_back_and_others_go(world: World) -> None:
    await world.person("a")
    await world.happen(tell_at=START + timedelta(hours=8))
    await world.happen()
    await world.work(MINUTE)
    assert world.post.sent[0][1].total == 1
    assert await world.waiting() == 1
    await world.work(timedelta(hours=8))
    assert len(world.post.sent) == 2


async def test_types_and_tags_choose_and_language_and_zone_shape(world: World) -> None:
    await world.person("a", types=[EventType.RESUMED.value], language="fr", zone="Europe/Paris")
    await world.person("b", tags=["press"])
    tagged, other = await world.account("press", ["press"]), await world.account("other")
    await world.happen(1, EventType.RESUMED, account_id=other)
    await world.happen(1, EventType.QUIET, account_id=tagged)
    await world.work(MINUTE)
    sent = dict(world.post.sent)
    assert sent["a"].total == sent["b"].total == 1
    assert "nouvelle publication le 2026-03-01 13:00 CET" in sent["a"].entries[0]
    assert "quiet" in sent["b"].title.lower()


async def test_who_fails_is_tried_again_ever_more_rarely_and_disabled_at_last(world: World) -> None:
    anna, bob = await world.person("a"), await world.person("b")
    world.post.answers["a"] = "refused"
    await world.happen()
    with structlog.testing.capture_logs() as logs:
        await world.work(MINUTE)
        failed = await world.row(anna)
        assert (failed.status, failed.reason, failed.failures) == ("enabled", "refused", 1)
        assert failed.failing_since == world.clock.now()
        for _ in range(20):
            await world.work(timedelta(hours=30))
    ended = await world.row(anna)
    assert (ended.status, ended.reason) == ("disabled", "refused")
    assert 5 <= ended.failures <= 6
    assert (await world.row(bob)).failures == 0
    told = [message.title for address, message in world.post.sent if address == "b"]
    assert told == ["Quietwatch: (unnamed), quiet", "Quietwatch: a, endpoint disabled"]
    assert [each["event"] for each in logs] == ["a notifier fails", "a notifier was disabled after long failure"]
    assert await world.waiting() == 1  # what it missed is told when somebody enables it again
    world.post.answers.clear()
    async with world.ctx.engine.begin() as conn:
        await notifiers.patch(conn, anna.id, {"status": "enabled"})
    await world.work(MINUTE)
    assert world.post.sent[-1][0] == "a"
    assert await world.waiting() == 0


async def test_one_that_hangs_delays_nobody_and_is_not_sent_twice(world: World) -> None:
    await world.person("slow")
    world.post.held["slow"] = asyncio.Event()
    await world.happen()
    world.clock.advance_to(START + MINUTE)
    assert await world.notifying.tick() == 1
    await world.person("quick")
    await world.happen()
    world.clock.advance_to(START + 2 * MINUTE)
    assert await world.notifying.tick() == 1
    other = Notifying(world.ctx)
    assert await other.tick() == 0
    await asyncio.wait_for(world.post.any_sent.wait(), 10)
    assert [address for address, _ in world.post.sent] == ["quick"]
    world.post.held["slow"].set()
    await world.notifying.settle(GRACE)
    assert sorted(address for address, _ in world.post.sent) == ["quick", "slow"]


async def test_a_lost_lease_writes_nothing_and_somebody_else_tells_it(world: World) -> None:
    await world.person("a")
    await world.happen()
    world.clock.advance_to(START + MINUTE)
    async with world.ctx.engine.begin() as conn:
        [due] = await notifiers.claim_due(conn, world.clock.now(), 5, LEASE)
    async with world.ctx.engine.connect() as conn:
        news = await notifiers.load_news(conn, due, world.clock.now(), 20)
    assert news is not None
    assert await world.work() == 0
    assert await world.work(LEASE) == 1
    async with world.ctx.engine.begin() as conn:
        assert not await notifiers.mark_told(conn, due, news, world.clock.now())
        assert not await notifiers.mark_failed(conn, due, world.clock.now(), "refused", None)
    assert len(world.post.sent) == 1


async def test_an_address_that_no_key_opens_is_a_failure(world: World) -> None:
    anna = await world.person("a")
    world.ctx = replace(world.ctx, sealer=Sealer(lambda: [b"x" * 32]))
    world.notifying = Notifying(world.ctx)
    await world.happen()
    await world.work(MINUTE)
    assert (await world.row(anna)).reason == "sealed"


async def test_real_messages_reach_a_mailbox_and_a_receiver_and_passwords_stay_in(
    world: World, engine: AsyncEngine
) -> None:
    world.ctx = replace(world.ctx, messenger=Messenger(["127.0.0.0/8"]))
    world.ctx = replace(world.ctx, options=replace(world.ctx.options, public_url="https://quiet.example"))
    world.notifying = Notifying(world.ctx)
    async with mailbox() as box, receiver() as one:
        mail = f"mailto://127.0.0.1:{box.port}?from=q@quiet.example&to=anna@example.org&mode=insecure"
        await world.person(mail)
        await world.person(f"json://anna:geheim@127.0.0.1:{one.port}/in", language="fr")
        await world.happen()
        with structlog.testing.capture_logs() as logs:
            assert await world.work(MINUTE) == 2
    assert box.mails[0]["Subject"] == "Quietwatch: (unnamed), quiet"
    assert one.bodies[0]["title"].startswith("Quietwatch : (sans nom)")
    assert "geheim" not in str(logs)
    async with engine.connect() as conn:
        for table in event_tables.metadata.sorted_tables:
            rows = (await conn.execute(select(table))).all()
            assert not any(b"geheim" in row.ciphertext for row in rows if hasattr(row, "ciphertext"))
            assert "geheim" not in str([tuple(row) for row in rows if table.name != "notifiers"])


async def test_a_storm_is_a_message_and_not_a_flood(world: World) -> None:
    await world.person("a")
    async with world.ctx.engine.begin() as conn:
        rows = [{"public_id": f"e{n}", "type": "account.quiet", "data": {}} for n in range(5000)]
        made = insert(event_tables.events).values(occurred_at=START, recorded_at=START)
        await conn.execute(made, rows)
        ids = (await conn.execute(select(event_tables.events.c.id))).scalars().all()
        await conn.execute(
            insert(event_tables.notices).values(notifier_id=1), [{"event_id": i, "due_at": START} for i in ids]
        )
    assert await world.work(MINUTE) == 1
    assert world.post.sent[0][1].title == "Quietwatch: 5000 quiet"
    assert world.post.sent[0][1].body().splitlines()[-1] == "and 4980 more"
    assert await world.waiting() == 0
