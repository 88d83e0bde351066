"""A platform is down while accounts fall silent, come back and go on (battery F7): nobody is called quiet for it.

Ten thousand accounts on a clock of the bench's own, with the worker's own looks, sweep and judgement of sources; only
the network is scripted. Twice: one host with a twentieth of them cannot be reached, while the others work; and all
forty hosts of one platform answer with errors. The outage lasts longer than it takes to call a single account
unobservable. Told is what was told wrongly, late, or not at all, and how many events of the source there were.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

from app import logs
from app.domain.models import Failure, Identity, OutcomeName
from app.domain.rules import NewRule
from app.platforms import platforms
from app.platforms.base import Request, Response
from app.storage import accounts, rules
from app.storage.engine import AsyncEngine, create_engine
from app.storage.migrate import upgrade
from app.storage.raw import fetch
from app.worker import poll, sources, sweep
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Validators
from bench import harness

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LENGTH = 12 * HOUR
"""Of the rule."""
DOWN, UP = START + 2 * HOUR, START + 10 * HOUR
END = START + 14 * HOUR
STEP = MINUTE
#: Whoever posts or crosses later need not be looked at again before the end.
LATEST = END - 5 * HOUR / 2
SHOWN = 10
"""Posts on a page."""
HEALTHY_HOSTS = 40
#: A quiet that was waited for until its source came back must be on record so soon after: its least interval, the ten
#: minutes over which the looks are spread, and the settling margin of a feed, with some time for the hosts' slots.
PATIENCE = 45 * MINUTE
SEED = 7
# The rounds of a minute last as long as their slots do, which is no pause of ours.
OPTIONS = Options(
    poll_default=2 * HOUR, poll_longest=2 * HOUR, group_wait=timedelta(milliseconds=20), own_pause=90 * MINUTE
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is down, and how it shows."""

    name: str
    hosts: int
    reason: str
    healthy: float
    """Share of the accounts on hosts that work."""


# A feed's host is asked once a second: so many accounts of one host are all that can be looked at in time.
SCENES = (Scene("host", 1, "connect", 0.95), Scene("platform", 40, "http_500", 0.0))


@dataclass(frozen=True, slots=True)
class Account:
    """What it posts, oldest first, and whether its host is one of those that fail."""

    url: str
    posts: Sequence[datetime]
    fails: bool

    def crossings(self) -> list[tuple[str, datetime]]:
        """What is true of it."""
        found = []
        for at, following in zip(self.posts, [*self.posts[1:], None], strict=True):
            if at + LENGTH < min(following or END, END):
                found.append(("account.quiet", at + LENGTH))
                found += [("account.resumed", following)] if following else []
        return found


def build(scene: Scene, number: int, rng: random.Random) -> dict[str, Account]:
    """Accounts by address: four in ten fall silent, one comes back after its deadline, two post just in time while
    nobody can see it, three go on as ever."""
    found = {}
    for n in range(number):
        fails = n >= scene.healthy * number
        host = f"h{n % scene.hosts}" if fails else f"fine{n % HEALTHY_HOSTS}"
        url = f"http://{host}.example/{n}"
        found[url] = Account(url, _posts(rng.randrange(10), rng), fails)
    return found


def _posts(kind: int, rng: random.Random) -> list[datetime]:
    def minutes(least: float, most: float) -> timedelta:
        return timedelta(seconds=round(rng.uniform(least, most) * 60))

    deadline = START + minutes(20, 690 if kind < 5 else 580)
    if kind >= 7:
        made = [START - 10 * HOUR + minutes(0, 60)]
        while (following := made[-1] + minutes(60, 300)) < END:
            made.append(following)
    else:
        made = [deadline - LENGTH]
    if kind == 4:
        made.append(deadline + minutes(10, 60))
    if kind in (5, 6):
        made.append(deadline - minutes(1, 19))
    before = [made[0] - 40 * MINUTE * n for n in range(SHOWN + 2, 0, -1)]
    return [*before, *made]


class Network:
    """Every account's page, while its host works."""

    def __init__(self, scene: Scene, world: dict[str, Account]) -> None:
        self._scene, self._world = scene, world
        self.failed = 0

    async def send(
        self, request: Request, *, validators: Validators | None = None, now: Callable[[], datetime]
    ) -> Response | Failure:
        """The page as it is at this moment."""
        await asyncio.sleep(0)
        account, at = self._world[request.url], now()
        if account.fails and DOWN <= at < UP:
            self.failed += 1
            if self._scene.reason == "connect":
                return Failure(OutcomeName.UNREACHABLE, "connect", "no connection")
            return Response(request.url, 500, {}, b"", at)
        shown = [each for each in account.posts if each <= at][-SHOWN:]
        items = [{"id": f"{each:%d%H%M%S}", "date_published": each.isoformat()} for each in reversed(shown)]
        page = {"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": items}
        headers = {"content-type": "application/feed+json"}
        return Response(request.url, 200, headers, msgspec.json.encode(page), at)


async def play(engine: AsyncEngine, scene: Scene, world: dict[str, Account]) -> Context:
    """From the first looks to the end."""
    clock = VirtualClock(START)
    ctx = Context(engine, Network(scene, world), platforms(), clock, options=OPTIONS)
    async with engine.begin() as conn:
        for url in world:
            host = urlsplit(url).netloc
            await accounts.add(conn, Identity("feed", url, url, host, url), now=START)
        await rules.create(conn, NewRule(length=LENGTH), START)
    while clock.now() < END:
        await poll.run_once(ctx, clock.now())
        await sources.run_once(ctx, clock.now())
        await sweep.run_once(ctx, clock.now())
        clock.advance_to(clock.now() + STEP)
    return ctx


async def judge(engine: AsyncEngine, world: dict[str, Account]) -> dict[str, Any]:
    """Compare the log with what happened."""
    async with engine.connect() as conn:
        rows = await fetch(
            conn,
            "select e.type, e.occurred_at, e.recorded_at, a.handle from events e left join accounts a"
            " on a.id = e.account_id order by e.id",
        )
    wanted = Counter((url, *each) for url, account in world.items() for each in account.crossings())
    told = Counter((row[3], row[0], row[1]) for row in rows if row[0] in ("account.quiet", "account.resumed"))
    others = Counter(row[0] for row in rows if row[0] not in ("account.quiet", "account.resumed"))
    back = max((row[2] for row in rows if row[0] == "source.recovered"), default=END)
    waits = {True: [0.0], False: [0.0]}
    for type_, at, recorded, url in rows:
        if type_ == "account.quiet":
            held = world[url].fails and DOWN - HOUR <= at < back
            waits[held].append((recorded - (back if held and recorded >= DOWN else at)) / MINUTE)
    due = Counter({each: count for each, count in wanted.items() if each[2] <= LATEST})
    missing, false = due - told, told - wanted
    return {
        "true_quiets": sum(count for each, count in wanted.items() if each[1] == "account.quiet"),
        "missed": missing.total(),
        "false_quiets": sum(count for each, count in false.items() if each[1] == "account.quiet"),
        "false_resumed": sum(count for each, count in false.items() if each[1] == "account.resumed"),
        "degraded": others.pop("source.degraded", 0),
        "recovered": others.pop("source.recovered", 0),
        "unobservable": others.pop("account.unobservable", 0),
        "other_events": others.total(),
        "minutes_from_recovery_to_the_last_quiet": max(waits[True]),
        "minutes_from_deadline_to_record_elsewhere": max(waits[False]),
        "examples": [str(each) for each in [*missing, *false]][:5],
    }


async def run(engine: AsyncEngine, scene: Scene, number: int) -> dict[str, Any]:
    """One scene."""
    world = build(scene, number, random.Random(SEED))
    ctx = await play(engine, scene, world)
    network: Any = ctx.fetcher
    return {"accounts": number, "looks_that_failed": network.failed, **await judge(engine, world)}


def promised(found: dict[str, Any]) -> bool:
    """Nobody is quiet by the outage, it is told once, and everybody who is silent is told afterwards."""
    zero = ("missed", "false_quiets", "false_resumed", "unobservable", "other_events")
    in_time = found["minutes_from_recovery_to_the_last_quiet"] <= PATIENCE / MINUTE
    once = found["degraded"] == found["recovered"] == 1
    return once and in_time and found["true_quiets"] > 0 and not any(found[name] for name in zero)


async def _fresh(address: str, scene: Scene, number: int) -> dict[str, Any]:
    await upgrade(address)
    engine = create_engine(address, statement_timeout=None)
    found = await run(engine, scene, number)
    await engine.dispose()
    return found


def _play_alone(scene: Scene, number: int) -> dict[str, Any]:
    """In a process and on a database of its own."""
    logs.configure("console", "error")
    with harness.database({"synchronous_commit": "off"}) as server:
        return uvloop.run(_fresh(server.url, scene, number))


def main() -> None:
    """Measure and tell."""
    parser = harness.parser(__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    given = parser.parse_args()
    # The clock is the bench's own: scenes that run side by side measure the same, in half the time on two cores.
    with ProcessPoolExecutor(len(SCENES), get_context("spawn")) as pool:
        played = pool.map(_play_alone, SCENES, [given.accounts] * len(SCENES))
        found = {scene.name: figures for scene, figures in zip(SCENES, played, strict=True)}
    figures = {f"{name}_{key}": value for name, each in found.items() for key, value in each.items()}
    harness.report(all(map(promised, found.values())), figures, given.json)


if __name__ == "__main__":
    main()
