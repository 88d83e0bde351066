"""Batch counters: what they save, and that a move once seen is never forgotten before a page was read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from app.domain.models import DateNote, Identity
from app.platforms import platforms
from app.storage import accounts, claims, looks
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.counting import can_be_trusted
from app.worker.poll import Poller, run_once
from tests.worker.conftest import START, Asked, Host, Reply

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
PAGE = "/api/v1/accounts/100/statuses?limit=40"
EARLIER = [("1001", START - HOUR), ("1000", START - 2 * HOUR)]


@dataclass
class Instance:
    """A Mastodon server with one account a name. ``shown`` is its page where that lags behind the posts."""

    host: Host
    posts: dict[str, list[tuple[str, datetime]]]
    shown: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    batch_status: int = 200

    def __post_init__(self) -> None:
        pages: dict[str, Any] = {f"/api/v1/accounts/{name}/statuses?limit=40": self.statuses for name in self.posts}
        self.host.answers = _Batched(pages, self)

    @property
    def name(self) -> str:
        return self.host.base.removeprefix("http://")

    @property
    def batches(self) -> int:
        return sum(path.startswith("/api/v1/accounts?") for path in self.host.paths())

    def account(self, name: str) -> dict[str, Any]:
        count = len(self.posts[name])
        return {"id": name, "username": f"u{name}", "acct": f"u{name}", "statuses_count": count}

    def statuses(self, asked: Asked) -> Reply:
        name = asked.path.split("/")[4]
        rows = [
            {"id": i, "created_at": at.isoformat(), "visibility": "public", "account": self.account(name)}
            for i, at in self.shown.get(name, self.posts[name])
        ]
        return Reply(body=msgspec.json.encode(rows), headers={"Content-Type": "application/json"})

    def batch(self, asked: Asked) -> Reply:
        names = parse_qs(urlsplit(asked.path).query)["id[]"]
        return Reply(self.batch_status, msgspec.json.encode([self.account(n) for n in names if n in self.posts]))

    async def watch(self, ctx: Context) -> None:
        async with ctx.engine.begin() as conn:
            for name in self.posts:
                link = f"{self.host.base}/@u{name}"
                identity = Identity("mastodon", f"{self.name}/{name}", f"@u{name}@{self.name}", self.name, link)
                await accounts.add(conn, identity, now=START)


class _Batched(dict[str, Any]):
    """Answers by path; what asks for several accounts goes to the batch."""

    def __init__(self, plain: dict[str, Any], instance: Instance) -> None:
        super().__init__(plain)
        self._instance = instance

    def get(self, path: str, default: Any = None) -> Any:
        return self._instance.batch if path.startswith("/api/v1/accounts?") else super().get(path, default)


async def look(ctx: Context, clock: VirtualClock, at: datetime) -> dict[str, int]:
    """Everybody is looked at ``at``, due or not."""
    clock.advance_to(at)
    async with ctx.engine.begin() as conn:
        await accounts.poll_now(conn, [account.id for account in await accounts.page(conn)], at)
    return dict((await run_once(ctx, at)).outcomes)


@pytest.fixture
async def instance(ctx: Context, host: Host, clock: VirtualClock) -> Instance:
    """One account whose counter is believed: its page was read, and once more when the counter stood still."""
    made = Instance(host, {"100": list(EARLIER)})
    await made.watch(ctx)
    assert await look(ctx, clock, START) == {"page": 1}
    assert await look(ctx, clock, START + HOUR / 2) == {"page": 1}
    assert await look(ctx, clock, START + HOUR) == {"unchanged": 1}
    return made


def swap(instance: Instance) -> None:
    """The counter moves back: two posts again, and not the same two."""
    instance.posts["100"].remove(EARLIER[0])


async def assert_page_is_read(ctx: Context, clock: VirtualClock, rows: Rows, at: datetime) -> None:
    assert await look(ctx, clock, at) == {"page": 1}
    assert "1002" in {post["native_id"] for post in await rows("posts")}


async def test_counters_save_the_pages_and_a_moved_one_is_read(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    names = [str(n) for n in range(100, 110)]
    instance = Instance(host, {n: [(f"{n}1", START - HOUR), (f"{n}0", START - 2 * HOUR)] for n in names})
    await instance.watch(ctx)
    assert (await run_once(ctx, clock.now())).outcomes == {"page": 10}
    assert await look(ctx, clock, START + HOUR / 2) == {"page": 10}
    host.asked.clear()
    assert await look(ctx, clock, START + HOUR) == {"unchanged": 10}
    assert len(host.asked) == 1
    instance.posts["104"].insert(0, ("1042", START + 2 * HOUR))
    host.asked.clear()
    clock.advance_to(START + 2 * HOUR + timedelta(minutes=10))
    report = await run_once(ctx, clock.now())
    assert (report.outcomes, report.new_posts) == ({"page": 1, "unchanged": 9}, 1)
    assert len(host.asked) == 2
    states = await rows("account_state")
    assert {state["covered_until"] > START + HOUR for state in states} == {True}
    clock.advance_to(START + DAY)
    host.asked.clear()
    report = await run_once(ctx, clock.now())
    assert report.outcomes["page"] >= 9  # once a day the page itself is read


async def test_a_move_is_remembered_where_the_page_cannot_be_read(
    ctx: Context, clock: VirtualClock, rows: Rows, instance: Instance
) -> None:
    for failure in (Reply(503), Reply(403), Reply(body=b"<html>")):
        instance.posts["100"].insert(0, ("1002", START + HOUR))
        page = instance.host.answers[PAGE]
        instance.host.answers[PAGE] = failure
        assert "page" not in await look(ctx, clock, clock.now() + HOUR)
        instance.host.answers[PAGE] = page
        swap(instance)
        await assert_page_is_read(ctx, clock, rows, clock.now() + HOUR)
        instance.posts["100"][:] = EARLIER
        for _ in range(3):
            await look(ctx, clock, clock.now() + HOUR)


async def test_a_move_is_remembered_where_the_page_cannot_be_written(
    ctx: Context, clock: VirtualClock, rows: Rows, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the database is full")

    instance.posts["100"].insert(0, ("1002", START + HOUR))
    monkeypatch.setattr(looks, "write_states", fail)
    assert await look(ctx, clock, START + 2 * HOUR) == {}
    monkeypatch.undo()
    swap(instance)
    await assert_page_is_read(ctx, clock, rows, START + 4 * HOUR)


async def test_a_move_is_remembered_where_a_stop_comes_before_the_page(
    ctx: Context, clock: VirtualClock, rows: Rows, instance: Instance
) -> None:
    instance.posts["100"].insert(0, ("1002", START + HOUR))
    page = instance.host.answers[PAGE]
    reached = asyncio.Event()

    def hold(asked: Asked) -> Reply:
        reached.set()
        raise ConnectionError  # no answer

    clock.advance_to(START + 2 * HOUR)
    poller = Poller(ctx)
    instance.host.answers[PAGE] = hold
    async with ctx.engine.begin() as conn:
        await accounts.poll_now(conn, [1], clock.now())
    await poller.claim(clock.now())
    await asyncio.wait_for(reached.wait(), 5)
    await poller.stop(timedelta(0))
    instance.host.answers[PAGE] = page
    swap(instance)
    await assert_page_is_read(ctx, clock, rows, START + 4 * HOUR)


async def test_a_move_is_remembered_where_the_leases_cannot_be_given_back(
    ctx: Context, clock: VirtualClock, rows: Rows, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> int:
        raise RuntimeError("the database is away")

    instance.posts["100"].insert(0, ("1002", START + HOUR))
    page = instance.host.answers[PAGE]
    instance.host.answers[PAGE] = Reply(429)
    monkeypatch.setattr(looks, "write_states", fail)
    monkeypatch.setattr(claims, "release", fail)
    assert await look(ctx, clock, START + 2 * HOUR) == {}
    monkeypatch.undo()
    instance.host.answers[PAGE] = page
    swap(instance)
    await assert_page_is_read(ctx, clock, rows, START + 4 * HOUR)


async def test_who_loses_a_lease_leaves_a_page_to_the_next(
    ctx: Context, clock: VirtualClock, rows: Rows, instance: Instance
) -> None:
    """The first holder saw the counter move and died; nothing of it is on record but that its lease ran out."""
    clock.advance_to(START + 2 * HOUR)
    async with ctx.engine.begin() as conn:
        await accounts.poll_now(conn, [1], clock.now())
        [held] = await claims.claim_due(conn, clock.now(), 10, ctx.options.lease, 10)
    assert held.counter is not None
    instance.posts["100"].insert(0, ("1002", START + HOUR))
    swap(instance)
    clock.advance_to(clock.now() + ctx.options.lease)
    assert (await run_once(ctx, clock.now())).outcomes == {"page": 1}
    assert "1002" in {post["native_id"] for post in await rows("posts")}


async def test_a_page_that_lags_behind_its_counter_is_read_once_more(
    ctx: Context, clock: VirtualClock, rows: Rows, instance: Instance
) -> None:
    """The counter counts the post already, the page does not show it yet, and after that the counter stands still."""
    at = START + 2 * HOUR
    instance.shown["100"] = list(EARLIER)
    instance.posts["100"].insert(0, ("1002", at - timedelta(seconds=1)))
    assert await look(ctx, clock, at) == {"page": 1}
    instance.shown.clear()
    await assert_page_is_read(ctx, clock, rows, at + HOUR / 4)
    assert await look(ctx, clock, at + HOUR) == {"unchanged": 1}
    assert max(stretch["ends_at"] for stretch in await rows("coverage")) > at + HOUR / 2


async def test_what_a_counter_hid_for_more_than_a_day_is_a_post_like_any_other(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows, instance: Instance
) -> None:
    """One post came and one went, so the counter stood still; the daily page could not be read. Only what lies in time
    that a page vouched for is a late import."""
    hidden, imported = START + HOUR + 5 * MINUTE, START + 10 * MINUTE
    swap(instance)
    instance.posts["100"].insert(0, ("1002", hidden))
    for hours in range(2, 20, 6):
        assert await look(ctx, clock, START + hours * HOUR) == {"unchanged": 1}
    pages = host.answers.pop(PAGE)
    assert await look(ctx, clock, START + 25 * HOUR) != {"unchanged": 1}
    host.answers[PAGE] = pages
    instance.posts["100"].append(("1003", imported))
    assert await look(ctx, clock, START + 27 * HOUR) == {"page": 1}
    notes = {post["native_id"]: DateNote(post["marks"] >> 8) for post in await rows("posts")}
    assert (notes["1002"], notes["1003"]) == (DateNote.NONE, DateNote.BACKDATED)
    assert [state["last_post_at"] for state in await rows("account_state")] == [hidden]


async def test_a_server_without_counters_is_asked_for_one_once_a_day(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    names = [str(n) for n in range(100, 104)]
    instance = Instance(host, {n: [(f"{n}1", START - HOUR), (f"{n}0", START - 2 * HOUR)] for n in names})
    instance.batch_status = 404
    await instance.watch(ctx)

    async def until(end: datetime) -> dict[str, int]:
        done: Counter[str] = Counter()
        while clock.now() < end:
            done += (await run_once(ctx, clock.now())).outcomes
            clock.advance_to(clock.now() + timedelta(minutes=5))
        return dict(done)

    done = await until(START + 2 * DAY)
    assert instance.batches == 2
    assert 4 * 24 <= done["page"] <= 4 * 48 + 8, "as often as a source without a counter, not every quarter of an hour"
    assert {state["failures"] for state in await rows("account_state")} == {0}
    instance.batch_status = 200
    await until(START + 3 * DAY)
    host.asked.clear()
    done = await until(START + 3 * DAY + 6 * HOUR)
    assert done["unchanged"] >= 4 * 3 * 5
    assert len(host.asked) - instance.batches <= 4


@pytest.mark.parametrize(
    ("name", "deadline", "covered_until", "trusted"),
    [
        ("bluesky", None, START, True),
        ("bluesky", START + HOUR, START, True),  # not yet passed
        ("bluesky", START, START - HOUR, False),  # its counter leaves reposts out: only a page decides
        ("bluesky", START, None, False),
        ("bluesky", START - HOUR, START, True),  # decided
        ("mastodon", START, START - HOUR, True),
    ],
)
def test_a_passed_deadline_is_decided_by_a_look_that_shows_every_kind(
    name: str, deadline: datetime | None, covered_until: datetime | None, trusted: bool
) -> None:
    now = START + MINUTE
    lease = {"host_id": 1, "token": 1, "host": "h", "due_at": now, "platform": name, "native_id": "n", "handle": "h"}
    known = {"deadline": deadline, "covered_until": covered_until, "paged_at": START - HOUR, "proven_page": True}
    claim = claims.Claim(account_id=1, **lease, **known)
    assert can_be_trusted(claim, platforms()[name], now) is trusted
