"""Deliveries on a real database to real endpoints (battery C4, C8, D2 to D11, E4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks import Webhook as Standard
from svix import Webhook as Svix

from app.storage import lanes, webhooks
from app.webhooks.signing import refusal, write_secret
from app.worker.clock import SystemClock, VirtualClock
from app.worker.guard import Guard
from app.worker.ledger import LEASE
from tests.worker.conftest import START
from tests.worker.receivers import Message, World, receiving, seal, stamp

SECOND = timedelta(seconds=1)
KEY = bytes(24)


@pytest.fixture
async def world(engine: AsyncEngine) -> AsyncIterator[World]:
    made = World(engine, VirtualClock(START))
    yield made
    made.close()


@pytest.fixture
async def live(engine: AsyncEngine) -> AsyncIterator[World]:
    """The same by the machine's clock."""
    made = World(engine, SystemClock())
    yield made
    made.close()


async def test_what_is_sent_verifies_with_receivers_of_others_making(live: World) -> None:
    async with receiving() as endpoint:
        await live.endpoint(endpoint.url)
        (event,) = await live.tell(await live.account())
        await live.deliver()
    (message,) = endpoint.got
    assert (message.id, message.line) == (event.public_id, "POST /hook HTTP/1.1")
    assert message.headers["content-type"] == "application/json"
    for library in (Standard, Svix):
        library(write_secret(KEY)).verify(message.body, message.headers)
    assert message.body.startswith(b'{"type":"account.quiet","timestamp":"')
    assert message.body.endswith(b'Z","sequence":1,"data":{"n":0}}')
    (row,) = await live.rows("select status, attempts, due_at, done_at is not null from deliveries")
    assert tuple(row) == ("delivered", 1, None, True)


async def test_the_order_of_an_account_is_kept_and_no_more_than_two_run_at_once(world: World) -> None:
    async def think(_: Message) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(0)
        return 204, {}, b""

    async with receiving(think) as endpoint:
        await world.endpoint(endpoint.url)
        accounts = [await world.account(name) for name in "abcd"]
        told = [await world.tell(account, 30) for account in accounts]
        await asyncio.gather(*(world.deliver() for _ in range(3)))
    assert endpoint.most_at_once <= 2
    got = [message.id for message in endpoint.got]
    assert len(got) == 120
    for events in told:
        ids = [event.public_id for event in events]
        assert [one for one in got if one in set(ids)] == ids


async def test_the_schedule_runs_to_its_end_under_one_id_with_a_fresh_time_each(world: World) -> None:
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    async with receiving(lambda message: (500, {}, b"broken")) as endpoint:
        await world.endpoint(endpoint.url)
        await world.tell()
        for _ in range(20):
            await world.deliver()
            (due,) = await world.rows("select due_at from deliveries")
            if due[0] is None:
                break
            clock.advance_to(due[0])
    assert len(endpoint.got) == 10
    assert len({message.id for message in endpoint.got}) == 1
    assert len({message.body for message in endpoint.got}) == 1
    stamps = [stamp(message) for message in endpoint.got]
    assert stamps == sorted(set(stamps))
    assert timedelta(hours=60) < (stamps[-1] - stamps[0]) * SECOND < timedelta(hours=91)
    found = await world.rows("select number, status, next_at, answer, at from delivery_attempts order by id")
    assert [row[0] for row in found] == list(range(1, 11))
    assert {(row[1], row[3]) for row in found} == {(500, b"broken")}
    assert [row[2] for row in found[:-1]] == [row[4] for row in found[1:]]  # the log says when the next one is
    assert found[-1][2] is None
    assert [tuple(row) for row in await world.rows("select status, attempts from deliveries")] == [("failed", 10)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(world: World, status: int) -> None:
    async with receiving() as target, receiving(lambda message: (status, {"Location": target.url}, b"")) as endpoint:
        await world.endpoint(endpoint.url)
        await world.tell()
        await world.deliver()
    assert (len(endpoint.got), len(target.got)) == (1, 0)
    (row,) = await world.rows("select status, error from delivery_attempts")
    assert tuple(row) == (status, "redirect")


async def test_gone_disables_at_once_and_loses_nothing(world: World) -> None:
    async with receiving(lambda message: (410, {}, b"")) as endpoint, receiving() as other:
        gone = await world.endpoint(endpoint.url)
        await world.endpoint(other.url)
        await world.tell(number=5)
        await world.deliver()
        await world.deliver()
        assert len(endpoint.got) == 1
        found = await world.rows("select webhook_id, status, count(*) from deliveries group by 1, 2 order by 1, 2")
        assert [tuple(row) for row in found if row[0] == gone.id] == [(gone.id, "held", 5)]
        (told,) = await world.rows("select type, data::text from events where type = 'endpoint.disabled'")
        assert gone.public_id in told[1]
        assert "/hook" not in told[1]
        assert any(b"endpoint.disabled" in message.body for message in other.got)
        async with world.engine.begin() as conn:
            assert await webhooks.enable(conn, gone.id, world.clock.now()) == 5
        endpoint.behaviour = lambda message: (200, {}, b"")
        await world.deliver()
    assert len({message.id for message in endpoint.got}) == 5


async def test_five_days_of_nothing_but_failure_disable_once(world: World) -> None:
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    answers = [500]
    async with receiving(lambda message: (answers[-1], {}, b"")) as endpoint:
        made = await world.endpoint(endpoint.url)
        await world.tell()
        await world.deliver()
        clock.advance_to(START + timedelta(days=4))
        answers.append(200)  # a success begins the five days anew
        await world.tell()
        await world.deliver()
        assert (await world.rows("select failing_since from webhooks"))[0][0] is None
        answers.append(500)
        for day in range(5, 12):
            clock.advance_to(START + timedelta(days=day))
            await world.tell(number=2)
            await world.deliver()
    (row,) = await world.rows("select status, reason, failing_since, disabled_at from webhooks")
    assert tuple(row) == ("disabled", "failing", START + timedelta(days=5), START + timedelta(days=10))
    found = await world.rows("select count(*) from events where type = 'endpoint.disabled'")
    assert found[0][0] == 1
    states = dict([tuple(row) for row in await world.rows("select status, count(*) from deliveries group by 1")])
    assert states == {"delivered": 2, "held": 14}
    assert made.status == "enabled"


async def test_an_endpoint_that_asks_for_time_gets_it(world: World) -> None:
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    answers = [(429, {"Retry-After": "120"}, b"")]
    async with receiving(lambda message: answers[0]) as endpoint:
        await world.endpoint(endpoint.url)
        await world.tell(number=3)
        await world.deliver()
        assert len(endpoint.got) == 1
        clock.advance_to(START + 119 * SECOND)
        await world.deliver()
        assert len(endpoint.got) == 1
        answers[0] = (200, {}, b"")
        clock.advance_to(START + 120 * SECOND)
        await world.deliver()
    assert len({message.id for message in endpoint.got}) == 3
    assert await world.rows("select 1 from deliveries where status <> 'delivered'") == []


async def test_an_endpoint_gets_no_more_a_second_than_it_wants(world: World) -> None:
    async with receiving() as endpoint:
        await world.endpoint(endpoint.url, per_second=4)
        accounts = [await world.account(name) for name in "ab"]
        for account in accounts:
            await world.tell(account, 10)
        worker = world.worker()
        while await world.rows("select 1 from deliveries where status = 'pending'"):
            await world.deliver(worker)
    found = await world.rows("select extract(epoch from at)::float from delivery_attempts order by at")
    times = [row[0] for row in found]
    assert len(times) == 20
    assert times[-1] - times[0] >= 4.5 - 0.01


async def test_an_address_is_judged_at_every_attempt(world: World) -> None:
    """The row may be older than the guard, or written by hand (C8)."""
    async with receiving() as endpoint:
        await world.endpoint(endpoint.url)
        world.guard, world.reach = Guard(), 0.02
        for url in (endpoint.url, "http://localhost:80/", "http://169.254.169.254/", "ftp://x/", "http://u:p@h/", ""):
            await world.change("update webhooks set url = :url", url=url)
            await world.tell()
            await world.deliver()
    assert endpoint.got == []
    found = await world.rows("select distinct status, error from delivery_attempts")
    assert [tuple(row) for row in found] == [(None, "unreachable")]


async def test_a_crash_between_sending_and_writing_sends_again_under_the_same_id(world: World) -> None:
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    async with receiving() as endpoint:
        await world.endpoint(endpoint.url)
        (event,) = await world.tell()
        worker = world.worker()
        async with world.engine.begin() as conn:  # as a worker that died with the answer in its hands
            leased = await lanes.claim(conn, clock.now(), 10, LEASE)
            await worker._poster.post(endpoint.url, [("webhook-id", event.public_id)], b"{}")
        assert len(leased) == 1
        await world.deliver()
        assert len(endpoint.got) == 1
        clock.advance_to(START + timedelta(seconds=59))
        await world.deliver()
    assert [message.id for message in endpoint.got] == [event.public_id] * 2
    async with world.engine.begin() as conn:  # and wakes again: it may write nothing
        late = lanes.Result(1, 1, clock.now(), clock.now(), "failed", status=500)
        settled = await lanes.settle(conn, [lanes.Settling(leased[0], [late], 5)], clock.now(), LEASE, START)
    assert settled.lost == {leased[0].place}
    assert (await world.rows("select status from deliveries"))[0][0] == "delivered"


async def test_two_workers_send_everything_once(live: World) -> None:
    async with receiving() as endpoint, receiving() as other:
        await live.endpoint(endpoint.url)
        await live.endpoint(other.url)
        for name in "abc":
            await live.tell(await live.account(name), 50)
        await asyncio.gather(live.deliver(live.worker()), live.deliver(live.worker()))
    for receiver in (endpoint, other):
        ids = [message.id for message in receiver.got]
        assert (len(ids), len(set(ids))) == (150, 150)
        assert receiver.most_at_once <= 2


async def test_news_is_sent_at_once_and_a_slow_endpoint_delays_nobody(live: World) -> None:
    release, arrived = asyncio.Event(), asyncio.Event()

    async def hang(_: Message) -> None:
        await release.wait()

    def note(_: Message) -> tuple[int, dict[str, str], bytes]:
        arrived.set()
        return 200, {}, b""

    async with receiving(hang) as slow, receiving(note) as quick:
        await live.endpoint(slow.url)
        await live.endpoint(quick.url)
        worker = live.worker()
        hearing = asyncio.ensure_future(worker.listen())
        account = await live.account()
        for number in range(1, 6):
            arrived.clear()
            await live.tell(account)
            await asyncio.wait_for(arrived.wait(), 10)  # no tick: only the news itself
            assert len(quick.got) == number
        assert len(slow.got) <= 1
        hearing.cancel()
        release.set()
        await worker.stop()


async def test_a_stop_lets_what_is_under_way_end(live: World) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def think(_: Message) -> tuple[int, dict[str, str], bytes]:
        begun.set()
        await release.wait()
        return 200, {}, b""

    async with receiving(think) as endpoint:
        await live.endpoint(endpoint.url)
        await live.tell(number=3)
        worker = live.worker()
        await worker.tick()
        await begun.wait()
        stopping = asyncio.ensure_future(worker.stop())
        await asyncio.sleep(0)
        release.set()
        await stopping
        found = await live.rows("select status from deliveries order by id")
        assert [row[0] for row in found] == ["delivered", "pending", "pending"]
        await live.deliver()  # the lane was given back
    assert len(endpoint.got) == 3


async def test_during_a_rotation_old_and_new_secret_verify(world: World) -> None:
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    new = bytes(range(32))
    async with receiving() as endpoint:
        made = await world.endpoint(endpoint.url)
        async with world.engine.begin() as conn:
            await webhooks.rotate(conn, made.id, seal(new), clock.now(), START + timedelta(hours=24), 10)
        for moment in (timedelta(0), timedelta(hours=24) - SECOND, timedelta(hours=24)):
            clock.advance_to(START + moment)
            await world.tell()
            await world.deliver()
            message = endpoint.got[-1]
            given = [message.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")]
            assert refusal([new], *given, message.body, clock.now()) is None
            valid = refusal([KEY], *given, message.body, clock.now()) is None
            assert valid == (moment < timedelta(hours=24))


async def test_a_secret_that_cannot_be_opened_is_no_failure_of_the_endpoint(world: World) -> None:
    async with receiving() as endpoint:
        await world.endpoint(endpoint.url)
        await world.change("update webhook_secrets set key_id = 'unknown'")
        await world.tell()
        await world.deliver()
        await world.deliver()
    assert endpoint.got == []
    assert await world.rows("select 1 from delivery_attempts") == []
    (row,) = await world.rows("select failing_since, status from webhooks")
    assert tuple(row) == (None, "enabled")


async def test_an_endpoint_or_an_event_may_vanish_while_it_is_sent(world: World) -> None:
    async with receiving() as endpoint:
        await world.endpoint(endpoint.url)
        account = await world.account()
        events = await world.tell(account, 3)

        async def erase(message: Message) -> tuple[int, dict[str, str], bytes]:
            await world.change("delete from events where public_id = :id", id=message.id)
            return 200, {}, b""

        endpoint.behaviour = erase
        await world.deliver()
        assert [message.id for message in endpoint.got] == [event.public_id for event in events]
        await world.tell(account, 3)

        async def remove(message: Message) -> tuple[int, dict[str, str], bytes]:
            await world.change("delete from webhooks")
            return 200, {}, b""

        endpoint.behaviour = remove
        await world.deliver()
    assert await world.rows("select 1 from deliveries") == []


async def test_a_database_that_goes_away_for_a_moment_loses_and_doubles_nothing(live: World) -> None:
    """Its connections end while an answer is awaited: the result is written on a new one (E6)."""
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = :name"

    async def cut(_: Message) -> tuple[int, dict[str, str], bytes]:
        async with live.engine.connect() as conn:
            await conn.execute(text(kill), {"name": live.engine.url.database})
            await conn.invalidate()
        return 200, {}, b""

    async with receiving(cut) as endpoint:
        await live.endpoint(endpoint.url)
        events = await live.tell(await live.account(), 3)
        await live.deliver()
        await live.deliver()
    assert [message.id for message in endpoint.got] == [event.public_id for event in events]
    found = await live.rows("select status, attempts from deliveries")
    assert [tuple(row) for row in found] == [("delivered", 1)] * 3


async def test_a_read_only_database_is_waited_for(live: World) -> None:
    """Demoted while an answer is awaited, promoted again: the result is written, nothing is sent twice (E6)."""
    name = live.engine.url.database
    back = asyncio.Event()

    async def demote(_: Message) -> tuple[int, dict[str, str], bytes]:
        await live.change(f"alter database {name} set default_transaction_read_only = on")
        await live.engine.dispose()
        asyncio.get_running_loop().call_later(0.7, back.set)
        return 200, {}, b""

    async def promote() -> None:
        await back.wait()
        async with live.engine.connect() as conn:
            await conn.execute(text("set transaction read write"))
            await conn.execute(text(f"alter database {name} set default_transaction_read_only = off"))
            await conn.commit()

    async with receiving(demote) as endpoint:
        await live.endpoint(endpoint.url)
        await live.tell()
        await asyncio.gather(live.deliver(), promote())
    assert len(endpoint.got) == 1
    await live.engine.dispose()
    found = await live.rows("select status, attempts from deliveries")
    assert [tuple(row) for row in found] == [("delivered", 1)]
