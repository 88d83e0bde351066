"""Requests per account and day against plain polling that detects posts equally soon.

5,000 Bluesky accounts on one AppView and 5,000 Mastodon accounts on 20 servers, for a simulated day. The hosts answer
in their documented shapes at the seam of the fetcher (no sockets: a simulated day is some 100,000 requests); the rest
is the whole worker with its database. Plain polling looks at each account's page at a fixed interval; the interval that
detects counted posts as soon on average as was measured here is twice the mean delay. Reposts on Bluesky are not
counted by its counter: they surface with the next page, at the latest after a day. Their delay is told apart, and so is
``bluesky_repost_times_fewer``, what plain polling would need for them alone; no target is set for it, and below 1 plain
polling would be cheaper for somebody who wants to know of reposts only. Rates of posting are lognormal, median
``--rate`` a day.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from sqlalchemy import text

from app import logs
from app.domain.models import Failure, Identity
from app.platforms import platforms
from app.platforms.base import Request, Response
from app.storage import accounts
from app.storage.engine import AsyncEngine, create_engine
from app.storage.migrate import upgrade
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Validators
from app.worker.poll import run_once
from bench import harness

START = datetime(2026, 3, 1, tzinfo=UTC)
WARM = timedelta(hours=2)
TICK = timedelta(seconds=10)
SERVERS = 20
TARGET = 8.0
APPVIEW = "public.api.bsky.app"
REPOSTS = 0.25


@dataclass(slots=True)
class Simulated:
    """One account: what it posted before, and what it posts."""

    native_id: str
    platform: str
    before: int
    times: list[datetime]
    reposts: list[bool]
    counted: list[int] = field(default_factory=list)
    """Posts that the counter has, after each event."""

    def shown(self, now: datetime) -> int:
        """How many events have happened."""
        return bisect_right(self.times, now)

    def count(self, now: datetime) -> int:
        """What the counter says."""
        shown = self.shown(now)
        return self.before + (self.counted[shown - 1] if shown else 0)


def simulate(native_id: str, platform: str, rng: random.Random, rate: float, hours: float) -> Simulated:
    """An account that posted for ten days before, and goes on."""
    per_day = min(rate * rng.lognormvariate(0, 1.3), 40.0)
    at, end = START - timedelta(days=10), START + timedelta(hours=hours)
    times = [START - timedelta(days=11)]
    while (at := at + timedelta(days=rng.expovariate(per_day))) < end:
        times.append(at)
    reposts = [rng.random() < REPOSTS for _ in times]
    counted, total = [], 0
    for repost in reposts:
        total += not (repost and platform == "bluesky")
        counted.append(total)
    return Simulated(native_id, platform, 100, times, reposts, counted)


class Network:
    """Both platforms, at the fetcher's seam; counts requests by what they were for."""

    def __init__(self, crowd: list[Simulated]) -> None:
        self.requests: Counter[str] = Counter()
        self._crowd = {account.native_id: account for account in crowd}

    async def send(
        self, request: Request, *, validators: Validators | None = None, now: Callable[[], datetime]
    ) -> Response | Failure:
        """The documented answer."""
        await asyncio.sleep(0)
        at = now()
        parts = urlsplit(request.url)
        asked = parse_qs(parts.query)
        if parts.netloc == APPVIEW:
            body = self._bluesky(parts.path, asked, at)
        else:
            body = self._mastodon(parts.netloc, parts.path, asked, at)
        return Response(request.url, 200, {"content-type": "application/json"}, msgspec.json.encode(body), at)

    def _bluesky(self, path: str, asked: dict[str, list[str]], at: datetime) -> Any:
        if path.endswith("getProfiles"):
            self.requests["bluesky counters"] += 1
            return {"profiles": [self._profile(did, at) for did in asked["actors"]]}
        self.requests["bluesky pages"] += 1
        account = self._crowd[asked["actor"][0]]
        newest = range(account.shown(at) - 1, max(account.shown(at) - 101, -1), -1)
        return {"feed": [_item(account, number) for number in newest]}

    def _profile(self, did: str, at: datetime) -> dict[str, Any]:
        return {"did": did, "handle": _handle(did), "postsCount": self._crowd[did].count(at)}

    def _mastodon(self, host: str, path: str, asked: dict[str, list[str]], at: datetime) -> Any:
        if path.endswith("/accounts"):
            self.requests["mastodon counters"] += 1
            return [self._account(f"{host}/{number}", at) for number in asked["id[]"]]
        self.requests["mastodon pages"] += 1
        account = self._crowd[f"{host}/{path.split('/')[4]}"]
        about = self._account(account.native_id, at)
        newest = range(account.shown(at) - 1, max(account.shown(at) - 41, -1), -1)
        return [_status(account, number, about) for number in newest]

    def _account(self, native_id: str, at: datetime) -> dict[str, Any]:
        number = native_id.split("/")[1]
        return {
            "id": number,
            "username": f"u{number}",
            "acct": f"u{number}",
            "statuses_count": self._crowd[native_id].count(at),
        }


def _handle(did: str) -> str:
    return f"{did.rsplit(':', 1)[1]}.bsky.social"


def _item(account: Simulated, number: int) -> dict[str, Any]:
    stamp = account.times[number].isoformat().replace("+00:00", "Z")
    author = {"did": account.native_id, "handle": _handle(account.native_id)}
    other = {"did": "did:plc:other", "handle": "other.bsky.social"}
    repost = account.reposts[number]
    owner = other if repost else author
    post = {
        "uri": f"at://{owner['did']}/app.bsky.feed.post/{number:013d}",
        "cid": "c",
        "author": owner,
        "record": {"$type": "app.bsky.feed.post", "createdAt": stamp},
        "indexedAt": stamp,
    }
    if not repost:
        return {"post": post}
    reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": author, "indexedAt": stamp}
    return {"post": post, "reason": reason}


def _status(account: Simulated, number: int, about: dict[str, Any]) -> dict[str, Any]:
    stamp = account.times[number].isoformat().replace("+00:00", "Z")
    return {"id": str(10_000_000 + number), "created_at": stamp, "visibility": "public", "account": about}


async def measure(database: str, number: int, hours: float, rate: float, servers: int = SERVERS) -> dict[str, Any]:
    """``number`` accounts of each platform for so many hours after the warm-up."""
    rng = random.Random(3)
    whole = hours + WARM / timedelta(hours=1)
    crowd = [simulate(f"did:plc:a{n:05d}", "bluesky", rng, rate, whole) for n in range(number)]
    crowd += [simulate(f"m{n % servers}.example/{n}", "mastodon", rng, rate, whole) for n in range(number)]
    network, clock = Network(crowd), VirtualClock(START)
    engine = create_engine(database)
    options = Options(claim=2_000, group_wait=timedelta(milliseconds=100))
    ctx = Context(engine, network, platforms(), clock, options=options)
    await _watch(engine, crowd)
    await _run(ctx, clock, START + WARM)
    warm = network.requests.copy()
    await _run(ctx, clock, START + WARM + timedelta(hours=hours))
    made = network.requests - warm
    figures = _requests(made, number, hours)
    delays = await _delays(engine, crowd, START + WARM, START + WARM + timedelta(hours=hours - 0.5))
    await engine.dispose()
    for name, seconds in delays.items():
        figures[f"{name}_delay_minutes"] = _spread(seconds)
    mean = sum(delays["counted"]) / len(delays["counted"])
    plain = 86_400 / (2 * mean)
    figures["mean_delay_minutes"] = mean / 60
    figures["plain_requests_per_account_day"] = plain
    figures["times_fewer"] = plain / figures["requests_per_account_day"]
    reposts = delays["bluesky_repost"]
    if reposts:
        plain = 86_400 / (2 * sum(reposts) / len(reposts))
        figures["bluesky_repost_times_fewer"] = plain / figures["bluesky_requests_per_account_day"]
    figures["posts_per_account_day"] = _posts_per_day(crowd)
    return figures


async def _watch(engine: AsyncEngine, crowd: list[Simulated]) -> None:
    async with engine.begin() as conn:
        for account in crowd:
            name = account.native_id
            host = APPVIEW if account.platform == "bluesky" else name.split("/")[0]
            handle = _handle(name) if account.platform == "bluesky" else f"@u{name.split('/')[1]}@{host}"
            await accounts.add(conn, Identity(account.platform, name, handle, host, f"https://{name}"), now=START)


async def _run(ctx: Context, clock: VirtualClock, end: datetime) -> None:
    while clock.now() < end:
        await run_once(ctx, clock.now())
        clock.advance_to(clock.now() + TICK)


def _requests(made: Counter[str], number: int, hours: float) -> dict[str, Any]:
    days = hours / 24
    figures: dict[str, Any] = {f"{name} a day and account": made[name] / days / number for name in sorted(made)}
    figures["requests_per_account_day"] = sum(made.values()) / days / (2 * number)
    for platform in ("bluesky", "mastodon"):
        ours = sum(count for name, count in made.items() if name.startswith(platform))
        figures[f"{platform}_requests_per_account_day"] = ours / days / number
    return figures


async def _delays(
    engine: AsyncEngine, crowd: list[Simulated], start: datetime, end: datetime
) -> dict[str, list[float]]:
    """Seconds from a post to its first sight; what was never seen waits until the end of the measurement."""
    async with engine.connect() as conn:
        rows = await conn.execute(
            text("SELECT a.native_id, p.posted_at, p.first_seen_at FROM posts p JOIN accounts a ON a.id = p.account_id")
        )
        seen = {(row[0], row[1]): row[2] for row in rows}
    found: dict[str, list[float]] = {"counted": [], "bluesky_repost": []}
    for account in crowd:
        for at, repost in zip(account.times, account.reposts, strict=True):
            if start <= at < end:
                name = "bluesky_repost" if repost and account.platform == "bluesky" else "counted"
                first = seen.get((account.native_id, at.replace(microsecond=at.microsecond)), end)
                found[name].append(max((first - at).total_seconds(), 0))
    return found


def _spread(seconds: list[float]) -> dict[str, float]:
    return {f"p{p}": harness.percentile(seconds, p / 100) / 60 for p in (50, 90)} if seconds else {}


def _posts_per_day(crowd: list[Simulated]) -> dict[str, float]:
    rates = [len(account.times) / 11 for account in crowd]
    return {"median": harness.median(rates), "mean": sum(rates) / len(rates), "most": max(rates)}


def main() -> None:
    """The command."""
    parser = harness.parser(__doc__)
    parser.add_argument("--accounts", type=int, default=5_000, help="accounts of each platform")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--rate", type=float, default=1.0, help="median posts a day")
    given = parser.parse_args()
    logs.configure("json", "error")
    with harness.database({"fsync": "off"}) as server:
        asyncio.run(upgrade(server.url))
        figures = asyncio.run(measure(server.url, given.accounts, given.hours, given.rate))
    harness.report(figures["times_fewer"] >= TARGET, figures, given.json)


if __name__ == "__main__":
    main()
