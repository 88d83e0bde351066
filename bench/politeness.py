"""How politely sources are asked: battery A1 to A15 against servers that score every byte, under a virtual clock.

The whole worker runs: real HTTP over loopback, the real database, simulated days. Full size: 1,000 feeds for 30 days,
5,000 accounts on one host; ``--feeds``, ``--days`` and ``--accounts`` make it smaller.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app import logs
from app.domain import pace
from app.domain.models import Identity, OutcomeName
from app.platforms import platforms
from app.storage import accounts, claims, tables
from app.storage.engine import AsyncEngine, create_engine
from app.storage.migrate import upgrade
from app.worker import loop
from app.worker.buckets import bucket_of
from app.worker.clients import Clients
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from app.worker.poll import run_once
from bench import harness
from bench.limited import limited_host
from bench.policies import ETAGS, Ending, OddSigns, Redirecting, make_feeds
from bench.scoring import Feed, ScoringServer

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(minutes=2)
HOUR = timedelta(hours=1)
AGENT = "Quietwatch/0.1 (+https://quietwatch.example/contact)"


async def loopback(host: str, port: int) -> list[str]:
    """Every name is this machine."""
    return ["127.0.0.1"]


@dataclass
class World:
    """The worker under a virtual clock and the server that scores it."""

    ctx: Context
    clock: VirtualClock
    server: ScoringServer
    port: int

    async def add(self, feed: Feed) -> None:
        """Watch a feed without asking it (resolving is not polling)."""
        host = f"{feed.name}:{self.port}"
        self.server.feeds[host] = feed
        url = f"http://{host}/feed"
        identity = Identity("feed", url, url, bucket_of(host), url)
        async with self.ctx.engine.begin() as conn:
            await accounts.add(conn, identity, now=self.clock.now())

    async def run_until(self, end: datetime, step: timedelta = STEP) -> None:
        """Let time pass; whoever is due is looked at, in steps."""
        while True:
            async with self.ctx.engine.connect() as conn:
                due = await claims.next_due(conn)
            at = max(due or end, self.clock.now() + step)
            if at >= end:
                self.clock.advance_to(end)
                return
            self.clock.advance_to(at)
            await run_once(self.ctx, at)


async def politeness(database: str, feeds: int, days: float, step: timedelta = STEP) -> dict[str, Any]:
    """A1 to A7 and A9 to A14 on a mixed crowd of feeds."""
    engine = create_engine(database)
    clock = VirtualClock(START)
    server = ScoringServer(clock.now)
    port = await server.start()
    clients = Clients(Guard(allow_networks=["127.0.0.0/8"], resolver=loopback), idle_seconds=5)
    options = Options(concurrency=20, group_wait=timedelta(milliseconds=100))
    world = World(Context(engine, Fetcher(clients, AGENT), platforms(), clock, options=options), clock, server, port)
    crowd = make_feeds(feeds, START)
    try:
        for feed in crowd:
            await world.add(feed)
        end = START + timedelta(days=days)
        await world.run_until(end, step)
        figures = await _figures(world, crowd, engine)
        figures["A9_extra_requests"] = await _restarts(world)
        figures |= await _catch_up(world)
    finally:
        clients.close()
        await server.stop()
        await engine.dispose()
    figures |= {"requests": server.requests, "feeds": len(crowd), "days": days}
    for criterion in ("A3", "A4", "A5", "A6", "A7", "A13", "P15"):
        figures[f"{criterion}_offences"] = server.offences[criterion]
    figures["examples"] = dict(server.examples)
    return figures


async def _figures(world: World, crowd: Sequence[Feed], engine: AsyncEngine) -> dict[str, Any]:
    plain = [feed for feed in crowd if type(feed) is Feed]
    odd = [feed for feed in crowd if isinstance(feed, OddSigns) and feed.etag is not None]
    redirects = [feed for feed in crowd if isinstance(feed, Redirecting)]
    async with engine.connect() as conn:
        rows = await conn.execute(select(tables.accounts.c.host_id, tables.accounts.c.native_id))
        ends = {row.native_id.split("/")[2]: "/" + row.native_id.split("/")[3] for row in rows}
    wrong = [f.name for f in redirects if ends[f"{f.name}:{world.port}"] != (f.believed or "/feed")]
    gone = {f.status: f for f in crowd if isinstance(f, Ending)}
    return {
        "A1_feeds": len(plain),
        "A1_unconditional_exactly_once": sum(feed.unconditional == 1 for feed in plain),
        "A2_etags": len(ETAGS),
        "A2_echoed": sum(feed.unconditional == 1 and len(feed.asked) > 1 for feed in odd),
        "A11_scripts": len(redirects),
        "A11_wrong": len(wrong),
        "A12_requests_after_410": len(gone[410].after) - 1 if gone[410].after else None,
        "A12_requests_30_days_after_a_week_of_404": _late_requests(gone[404]),
    }


def _late_requests(feed: Ending) -> int:
    week = [at for at in feed.after if feed.ended_at is not None and at - feed.ended_at > timedelta(days=7)]
    # The look that finds out that the week is over is the last one before the rest.
    return sum(at < week[0] + timedelta(days=30) for at in week[1:]) if week else 0


async def _restarts(world: World) -> int:
    """A9: twenty restarts in an hour; requests beyond those that were due anyway."""
    extra = 0
    end = world.clock.now() + HOUR
    for _ in range(20):
        world.clock.advance_to(world.clock.now() + HOUR / 20)
        async with world.ctx.engine.connect() as conn:
            due, _overdue = await claims.backlog(conn, world.clock.now())
        before = sum(len(feed.asked) for feed in world.server.feeds.values())
        await loop.catch_up(world.ctx, world.clock.now())
        await run_once(world.ctx, world.clock.now())
        extra += max(sum(len(feed.asked) for feed in world.server.feeds.values()) - before - due, 0)
    world.clock.advance_to(end)
    return extra


async def _catch_up(world: World) -> dict[str, Any]:
    """A14: a day's outage of ours; requests per source in the half hour after it, and the peak against the usual."""
    server = world.server
    await world.run_until(world.clock.now() + 6 * HOUR)
    usual = _rates(server, world.clock.now() - 6 * HOUR, world.clock.now())
    world.clock.advance_to(world.clock.now() + timedelta(hours=24))
    back = world.clock.now()
    before = {name: len(feed.asked) for name, feed in server.feeds.items()}
    await loop.catch_up(world.ctx, back)
    await world.run_until(back + HOUR / 2, timedelta(minutes=1))
    most = max(len(feed.asked) - before[name] for name, feed in server.feeds.items())
    await world.run_until(back + 3 * HOUR, timedelta(minutes=1))
    peak = max(_rates(server, back, back + 3 * HOUR))
    return {"A14_most_requests_per_source": most, "A14_peak_to_usual": peak / (sum(usual) / len(usual))}


def _rates(server: ScoringServer, start: datetime, end: datetime) -> list[int]:
    """Requests per half hour."""
    first, last = int(start.timestamp()) // 60, int(end.timestamp()) // 60
    return [sum(server.by_minute[m] for m in range(at, at + 30)) for at in range(first, last - 29, 30)]


def phases(number: int, days: int = 14) -> dict[str, Any]:
    """A10: where in the hour sources that were all added at once are asked, two weeks later."""
    rng = random.Random(7)
    buckets = [0] * 60
    for account_id in range(1, number + 1):
        at, rate = START, rng.lognormvariate(1.0, 1.2)
        looks = []
        while at < START + timedelta(days=days):
            look = pace.Situation(account_id, int(at.timestamp()), OutcomeName.UNCHANGED, posts_per_day=rate)
            at = pace.next_look(look, at).at or at
            if at >= START + timedelta(days=days - 1):
                looks.append(at)
        buckets[rng.choice(looks).minute] += 1
    mean = number / 60
    chi = sum((count - mean) ** 2 / mean for count in buckets)
    return {"A10_p": _chi_square_tail(chi, 59), "A10_largest_to_mean": max(buckets) / mean}


def _chi_square_tail(value: float, degrees: int) -> float:
    """Wilson and Hilferty's approximation of the upper tail."""
    spread = 2 / (9 * degrees)
    z = ((value / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(z / math.sqrt(2))


def scopes() -> dict[str, Any]:
    """A8: whom a limit reaches."""
    shared = bucket_of("a.tumblr.com") == bucket_of("b.tumblr.com") == "tumblr.com"
    apart = ["example.org:8080", "example.org:8081", "10.0.0.1:80", "10.0.0.2:80", "a.example.org", "b.example.org"]
    return {"A8_shared": shared, "A8_apart": len({bucket_of(name) for name in apart}) == len(apart)}


def verdict(figures: dict[str, Any], chance: bool) -> bool:
    """Whether every figure is as the battery wants it. ``chance``: enough sources for the figures of chance."""
    clean = [name for name in figures if name.endswith(("_offences", "_extra_requests", "_wrong", "_provoked"))]
    return (
        not any(figures[name] for name in clean)
        and figures["A1_unconditional_exactly_once"] == figures["A1_feeds"]
        and figures["A2_echoed"] == figures["A2_etags"]
        and figures["A8_shared"]
        and figures["A8_apart"]
        and figures["A12_requests_after_410"] == 0
        and figures["A12_requests_30_days_after_a_week_of_404"] == 0
        and figures["A14_most_requests_per_source"] <= 1
        and figures["A14_peak_to_usual"] <= 2
        and figures["A15_looked_at"] == figures["A15_accounts"]
        and (not chance or (figures["A10_p"] > 0.01 and figures["A10_largest_to_mean"] <= 1.3))
    )


def main() -> None:
    """The command."""
    parser = harness.parser(__doc__)
    parser.add_argument("--feeds", type=int, default=1_000)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--accounts", type=int, default=5_000, help="accounts on one host with a budget (A15)")
    parser.add_argument("--sources", type=int, default=10_000, help="sources whose phases are looked at (A10)")
    parser.add_argument("--corpus", type=Path, help="folder of criteria.json; its criteria are listed")
    given = parser.parse_args()
    logs.configure("json", "error")
    with harness.database({"fsync": "off"}) as server:
        asyncio.run(upgrade(server.url))
        figures = asyncio.run(politeness(server.url, given.feeds, given.days))
        figures |= scopes() | phases(given.sources)
        figures |= asyncio.run(limited_host(server.url, given.accounts))
    if given.corpus:
        criteria = json.loads((given.corpus / "criteria.json").read_text())["criteria"]
        figures["criteria"] = [each["id"] for each in criteria]
    harness.report(verdict(figures, given.sources >= 10_000), figures, given.json)


if __name__ == "__main__":
    main()
