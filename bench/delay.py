"""From the look that confirms a silence to the signed message at the endpoint: p99 at most two seconds.

    python -m bench.delay [--accounts N] [--seconds S] [--workers N] [--json]

Accounts on loopback, feeds and Mastodon, that posted last two days before a moment of this run. For the quarter of an
hour before, which passes in virtual time, they are watched under a rule of 48 hours; then ``quietwatch worker`` takes
over in real time, on a durable database, and confirms all of them within ``--seconds`` and a minute (0: as fast as the
hosts may be asked). The delay runs from the moment when the origin answered the confirming look to the moment when the
endpoint had the whole message, whose signature it verifies. ``bench.replay --rules`` ends with this.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from app import logs
from app.demo.answers import Served
from app.demo.origin import Origin
from app.demo.world import Event, Persona, World, snowflake
from app.domain.rules import NewRule
from app.platforms import platforms
from app.storage import rules
from app.storage.engine import AsyncEngine, create_engine
from app.storage.migrate import upgrade
from app.webhooks.signing import write_secret
from app.worker import poll, watch
from app.worker.clients import Clients
from app.worker.clock import Clock, SystemClock, VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from bench import endpoints, harness

ACCOUNTS, SECONDS, WORKERS = 400, 90.0, 2
LENGTH = timedelta(hours=48)
PROMISED_SECONDS = 2.0
HOSTS = 12
FORMS = ("rss", "mastodon", "atom", "mastodon", "json", "mastodon")
"""Of one host after the other: each is asked about once a second."""
HISTORY = 12
"""Posts of each account, so that its page proves what it shows."""
LEAST = timedelta(minutes=15)
"""No account is looked at twice within this: so long before the real time begins the virtual one does."""
SETUP_SECONDS = 8.0
SETUP_SECONDS_EACH = 0.08
START_SECONDS = 6.0
"""The workers are started so long before the first account is due."""
JITTER_SECONDS = 60.0
"""Confirming looks are spread over so long."""
PATIENCE_SECONDS = 60.0
LINGER_SECONDS = 2.0
"""So long after the last message there may come one too many."""
#: A visit asks for all counters of its host, then for one page after the other: for one account that is one look.
VISIT = timedelta(seconds=60)


@dataclass(slots=True)
class Stage:
    """What the origins and the endpoint saw. ``clock`` is the virtual one first, then the machine's."""

    clock: Clock
    deadlines: dict[str, datetime] = field(default_factory=dict)
    """By persona."""
    margins: dict[str, timedelta] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """The persona of each account's public id."""
    origins: list[Origin] = field(default_factory=list)
    arrived: list[tuple[dict[str, Any], datetime]] = field(default_factory=list)
    refused: int = 0
    """Messages whose signature did not verify."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """As many messages as accounts."""

    def now(self) -> datetime:
        """The time of this moment's clock."""
        return self.clock.now()

    def got(self, message: endpoints.Message) -> None:
        """A message is whole."""
        try:
            body = Webhook(write_secret(bytes(24))).verify(message.body, message.headers)
        except Exception:
            self.refused += 1
        else:
            self.arrived.append((body, datetime.fromtimestamp(message.at, UTC)))
        if len(self.arrived) >= len(self.names):
            self.done.set()


def build(accounts: int, begins: datetime, seconds: float, stage: Stage) -> list[World]:
    """One world a host. A feed's looks are planned by its deadline: these lie over ``seconds``. A Mastodon server is
    asked for all its counters every quarter of an hour: its deadlines have just passed when that comes."""
    table = platforms()
    personas: list[list[Persona]] = [[] for _ in range(HOSTS)]
    for number in range(accounts):
        form, share = FORMS[number % HOSTS % len(FORMS)], number / accounts
        margin = table["mastodon" if form == "mastodon" else "feed"].margin
        past = form == "mastodon" or not seconds
        due = begins + timedelta(seconds=-JITTER_SECONDS * (1 + share) if past else seconds * share)
        last = (due - margin - LENGTH).replace(microsecond=0)
        moments = [last - timedelta(hours=12 * n) for n in range(HISTORY)]
        persona = Persona(f"a{number}", form, [Event(snowflake(at, number), at, at) for at in moments], page_size=40)
        personas[number % HOSTS].append(persona)
        stage.deadlines[persona.name], stage.margins[persona.name] = last + LENGTH, margin
    return [World.of(each) for each in personas if each]


async def rehearse(engine: AsyncEngine, stage: Stage, worlds: list[World], clock: VirtualClock) -> None:
    """In virtual time: the accounts are added, a rule is made, and everybody is looked at once."""
    clients = Clients(Guard([endpoints.LOOPBACK]))
    options = Options(own_pause=timedelta(hours=1))
    ctx = Context(engine, Fetcher(clients, "Quietwatch/bench"), platforms(), clock, options=options)
    try:
        for number, world in enumerate(worlds):
            origin = Origin(world, stage.now)
            stage.origins.append(origin)
            base = await origin.start(f"127.0.0.{number + 2}")
            for name, persona in world.personas.items():
                link = f"{base}/@{name}" if persona.format == "mastodon" else f"{base}/feed/{name}.{persona.format}"
                account = await watch.watch(ctx, link)
                stage.names[account.public_id] = name
        async with engine.begin() as conn:
            await rules.create(conn, NewRule(length=LENGTH), clock.now())
        report = await poll.run_once(ctx, clock.now())
        assert report.polls == report.outcomes["page"] == len(stage.names), report
    finally:
        clients.close()


async def measure(url: str, data_dir: Path, accounts: int, seconds: float, workers: int) -> dict[str, Any]:
    """The whole run on a migrated database."""
    begins = datetime.now(UTC) + timedelta(seconds=SETUP_SECONDS + SETUP_SECONDS_EACH * accounts)
    clock = VirtualClock(begins - LEAST)
    stage = Stage(clock)
    worlds = build(accounts, begins, seconds, stage)
    engine = create_engine(url, statement_timeout=None)
    try:
        await rehearse(engine, stage, worlds, clock)
        stage.clock = SystemClock()
        late = (datetime.now(UTC) - begins).total_seconds()
        await asyncio.sleep(max(-late - START_SECONDS, 0.0))
        await _live(engine, stage, url, data_dir, workers, seconds + JITTER_SECONDS + PATIENCE_SECONDS)
        return {"accounts": accounts, "workers": workers, **judge(stage)}
    finally:
        for origin in stage.origins:
            await origin.stop()
        await engine.dispose()


async def _live(engine: AsyncEngine, stage: Stage, url: str, data_dir: Path, workers: int, most: float) -> None:
    """Real processes until everybody was told, or for ``most`` seconds."""
    async with endpoints.serve(stage.got) as port:
        await endpoints.add(engine, [f"http://127.0.0.1:{port}/hook"])
        async with AsyncExitStack() as processes:
            for _ in range(workers):
                await processes.enter_async_context(endpoints.worker(url, data_dir))
            with suppress(TimeoutError):
                await asyncio.wait_for(stage.done.wait(), START_SECONDS + most)
            await asyncio.sleep(LINGER_SECONDS)


def judge(stage: Stage) -> dict[str, Any]:
    """What arrived, and how long after the look that confirmed it."""
    looks: defaultdict[str, list[Served]] = defaultdict(list)
    for origin in stage.origins:
        for served in origin.served:
            looks[served.account].append(served)
    told: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    delays: list[float] = []
    for body, at in stage.arrived:
        name = stage.names.get(body["data"].get("account", {}).get("id"))
        if body["type"] != "account.quiet" or name is None:
            counts["others"] += 1
            continue
        told[name] += 1
        deadline = stage.deadlines[name]
        counts["at_another_time"] += datetime.fromisoformat(body["timestamp"]) != deadline
        proving = sorted(each.at for each in looks[name] if deadline + stage.margins[name] <= each.at <= at)
        if not proving:
            counts["without_proof"] += 1
            continue
        counts["waited_for_another_look"] += proving[-1] - proving[0] > VISIT
        delays.append((at - proving[-1]).total_seconds())
    return {
        "told": len(told),
        "missing": len(stage.names) - len(told),
        "twice": sum(count > 1 for count in told.values()),
        **{name: counts[name] for name in ("others", "at_another_time", "without_proof", "waited_for_another_look")},
        "not_verified": stage.refused,
        "p50_s": harness.percentile(delays, 0.5) if delays else None,
        "p99_s": harness.percentile(delays, 0.99) if delays else None,
        "max_s": max(delays, default=None),
    }


def promised(figures: dict[str, Any]) -> bool:
    """Everybody is told once, at the deadline, by a message that verifies, within PROMISED_SECONDS of the look."""
    zero = ("missing", "twice", "at_another_time", "without_proof", "waited_for_another_look", "not_verified")
    p99 = figures["p99_s"]
    return p99 is not None and p99 <= PROMISED_SECONDS and not any(figures[name] for name in zero)


def run(accounts: int = ACCOUNTS, seconds: float = SECONDS, workers: int = WORKERS) -> dict[str, Any]:
    """On a database of its own, durable as people's are."""
    with harness.database() as server, harness.scratch() as data_dir:

        async def whole() -> dict[str, Any]:
            await upgrade(server.url)
            return await measure(server.url, data_dir, accounts, seconds, workers)

        return asyncio.run(whole())


def main() -> None:
    """Measure and tell."""
    parser = harness.parser(__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    logs.configure("console", "error")
    found = run(options.accounts, options.seconds, options.workers)
    harness.report(promised(found), found, options.json)


if __name__ == "__main__":
    main()
