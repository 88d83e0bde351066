"""A process that is asked to end (battery E13): it ends within 20 s, loses nothing and sends nothing twice.

``quietwatch worker`` and ``quietwatch serve`` by turns look at slow feeds and send to a slow endpoint; SIGTERM comes
while looks and deliveries are under way. The next process finds what is left. In the end every post that was shown is
on record once, every event has arrived once, and nothing is leased.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import logs
from app.domain.events import EventType, NewEvent
from app.domain.models import Identity
from app.storage import accounts, events
from app.storage.engine import AsyncEngine, create_engine
from app.storage.raw import fetch
from bench import endpoints, harness

HOSTS, FEEDS, NEWS = 6, 3, 12
"""Hosts, feeds of each, events before each round."""
LOOK_SECONDS, SEND_SECONDS = 1.5, 1.0
MOST_SECONDS = 20.0
SETTLE_SECONDS = 90.0
SEED = 3


class Feeds:
    """Hosts that answer slowly; every request makes a post, and the page shows the last of them."""

    def __init__(self) -> None:
        self.posts: dict[str, list[str]] = {}
        self.under_way = 0
        self.answered = Counter[str]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ")[1]
                self.under_way += 1
                try:
                    await asyncio.sleep(LOOK_SECONDS)
                finally:
                    self.under_way -= 1
                writer.write(self._answer(path))
                await writer.drain()
                self.answered[path] += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str) -> bytes:
        posts = self.posts.setdefault(path, [])
        posts.append(datetime.now(UTC).isoformat())
        items = [{"id": each, "date_published": each} for each in reversed(posts[-20:])]
        page = {"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": items}
        body = json.dumps(page).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/feed+json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body


class Endpoint:
    """What arrived, and how much of it waits for an answer."""

    def __init__(self) -> None:
        self.got = Counter[str]()
        self.under_way = 0

    def begin(self, message: endpoints.Message) -> None:
        """It is whole."""
        self.got[message.id] += 1
        self.under_way += 1

    def done(self, message: endpoints.Message) -> None:
        """It is answered."""
        self.under_way -= 1


async def measure(url: str, rounds: int, data_dir: Path) -> dict[str, Any]:
    """``rounds`` processes, each asked to end; and one that is left alone until nothing waits."""
    engine = create_engine(url)
    rng, feeds, endpoint = random.Random(SEED), Feeds(), Endpoint()
    ended: list[tuple[float, int]] = []
    leased = in_flight = 0
    async with AsyncExitStack() as stack:
        ports = []
        for _ in range(HOSTS):
            server = await asyncio.start_server(feeds.serve, "127.0.0.1", 0)
            stack.callback(server.close)
            ports.append(server.sockets[0].getsockname()[1])
        port = await stack.enter_async_context(
            endpoints.serve(endpoint.begin, lambda message: SEND_SECONDS, endpoint.done)
        )
        await endpoints.add(engine, [f"http://127.0.0.1:{port}/hook"])
        ids = await _watch(engine, ports)
        for number in range(rounds):
            await _tell(engine, ids)
            async with endpoints.worker(url, data_dir, *_words(number)) as process:
                if not await harness.until(lambda: feeds.under_way > 0 and endpoint.under_way > 0, 60):
                    raise TimeoutError("nothing is under way")
                await asyncio.sleep(rng.uniform(0, 2))
                in_flight += feeds.under_way + endpoint.under_way
                ended.append(await _end(process))
            leased += await _leased(engine)
        await _tell(engine, ids)
        async with endpoints.worker(url, data_dir) as process:
            await _settle(engine, endpoint, len(ids))
            await _end(process)
        found = await _compared(engine, feeds, endpoint)
    await engine.dispose()
    return {
        "rounds": rounds,
        "under_way_at_sigterm": in_flight,
        "longest_stop_s": max(seconds for seconds, _ in ended),
        "bad_exits": sum(code != 0 for _, code in ended),
        "leased_after_stop": leased,
        **found,
    }


def _words(number: int) -> tuple[str, ...]:
    if number % 2 == 0:
        return ("worker",)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return ("serve", "--port", str(free.getsockname()[1]))


async def _watch(engine: AsyncEngine, ports: list[int]) -> list[int]:
    found = []
    async with engine.begin() as conn:
        for port in ports:
            for number in range(FEEDS):
                link, host = f"http://127.0.0.1:{port}/{port}-{number}", f"127.0.0.1:{port}"
                account, _ = await accounts.add(conn, Identity("feed", link, link, host, link), now=datetime.now(UTC))
                found.append(account.id)
    return found


async def _tell(engine: AsyncEngine, ids: list[int]) -> None:
    """Everybody is due now, and there is news."""
    now = datetime.now(UTC)
    async with engine.begin() as conn:
        await fetch(conn, "update account_state set next_poll_at = $1", now)
        news = [NewEvent(EventType.QUIET, now, {"n": n}, ids[n % len(ids)]) for n in range(NEWS)]
        await events.record(conn, news, now)


async def _end(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(process.wait, 60)
    return time.monotonic() - began, code


async def _leased(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        now = datetime.now(UTC)
        rows = await fetch(
            conn,
            "select (select count(*) from account_state where lease_until > $1)"
            " + (select count(*) from webhook_lanes where lease_until > $1)",
            now,
        )
    count: int = rows[0][0]
    return count


async def _settle(engine: AsyncEngine, endpoint: Endpoint, number: int) -> None:
    """Until everything has arrived and everybody was looked at, or SETTLE_SECONDS have passed."""
    since = datetime.now(UTC) - timedelta(seconds=5)

    async def settled() -> bool:
        async with engine.connect() as conn:
            rows = await fetch(
                conn,
                "select (select count(*) from deliveries where status <> 'delivered'),"
                " (select count(*) from account_state where polled_at > $1)",
                since,
            )
        return tuple(rows[0]) == (0, number) and endpoint.under_way == 0

    await harness.until(settled, SETTLE_SECONDS, every=0.2)


async def _compared(engine: AsyncEngine, feeds: Feeds, endpoint: Endpoint) -> dict[str, Any]:
    async with engine.connect() as conn:
        stored = Counter(row[0] for row in await fetch(conn, "select native_id from posts"))
        told = {row[0] for row in await fetch(conn, "select public_id from events where type = 'account.quiet'")}
    shown = Counter(each for posts in feeds.posts.values() for each in posts)
    return {
        "looks_answered": feeds.answered.total(),
        "posts_lost": (shown - stored).total(),
        "posts_invented_or_double": (stored - shown).total(),
        "events": len(told),
        "events_lost": len(told - endpoint.got.keys()),
        "sent_twice": sum(count - 1 for count in endpoint.got.values()),
    }


def promised(found: dict[str, Any]) -> bool:
    """In time, whole, once."""
    zero = ("bad_exits", "leased_after_stop", "posts_lost", "posts_invented_or_double", "events_lost", "sent_twice")
    something = found["under_way_at_sigterm"] > 0 and found["events"] > 0
    return something and found["longest_stop_s"] <= MOST_SECONDS and not any(found[name] for name in zero)


def main() -> None:
    """Measure and tell."""
    parser = harness.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    logs.configure("console", "error")
    found = harness.on_fresh_database(lambda address, directory: measure(address, given.rounds, directory))
    harness.report(promised(found), found, given.json)


if __name__ == "__main__":
    main()
