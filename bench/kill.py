"""Workers killed at random moments (battery E1, E2, E6): every transition is told once, none is lost or invented.

Four workers poll, judge and deliver on one database, on a clock that runs faster. In every round one of them is
killed and replaced (SIGKILL), or asked to end (SIGTERM), or stopped until its leases are long over (SIGSTOP); now and
then the database is restarted, or made read-only for a while. The endpoint refuses some deliveries and drops others.
Then the kills end, one worker finishes what is left, and log, outbox and what arrived are compared with the model.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from app.demo.world import World
from app.domain.rules import NewRule
from app.platforms import platforms
from app.sealing import Sealer
from app.storage import accounts, rules, webhooks
from app.storage.embedded import EmbeddedServer
from app.storage.engine import create_engine
from app.storage.migrate import upgrade
from app.webhooks import signing
from app.worker import watch
from app.worker.clients import Clients
from app.worker.context import Context
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from bench import harness
from bench.kill_world import AGENT, KEY, LENGTH, START, FastClock, build, crossings, fork, stage, worker

WORKERS = 4
SPEED = 40.0
PAUSE = 0.15
"""Seconds between two rounds."""
STOPPED = 8.0
"""Seconds that a stopped worker sleeps: its leases (4 virtual minutes) last six."""
READ_ONLY = 2.0
FINISH = 240.0
"""Seconds within which everything must have been told after the last kill."""
SEED = 16
TOLD = ("account.quiet", "account.resumed")


class Killed:
    """The processes under test. Use as a context manager; nothing outlives it."""

    def __init__(self, directory: Path, world: World, clock: FastClock) -> None:
        self.directory = directory
        self.world = world
        self.clock = clock
        self.server = EmbeddedServer.start(directory / "data")
        self.log = directory / "arrived.jsonl"
        self.workers: list[int] = []
        self.sleeping: dict[int, float] = {}
        self.ending: set[int] = set()
        self.done = Counter[str]()
        ports = directory / "ports.json"
        self.stage = fork(lambda: stage(world, clock, ports, self.log))
        while not ports.exists():
            time.sleep(0.02)
        self.ports: dict[str, str] = json.loads(ports.read_text())

    def __enter__(self) -> Killed:
        asyncio.run(upgrade(self.server.url))
        asyncio.run(self._prepare())
        return self

    def __exit__(self, *_: object) -> None:
        for pid in [*self.workers, *self.sleeping, *self.ending, self.stage]:
            _kill(pid)
        self.server.stop()

    async def _prepare(self) -> None:
        engine = create_engine(self.server.url)
        guard = Guard(["127.0.0.0/8"], [])
        clients = Clients(guard)
        sealer = Sealer(lambda: [KEY])
        ctx = Context(engine, Fetcher(clients, AGENT), platforms(), self.clock)
        found = [await watch.resolve(ctx, self._link(name)) for name in self.world.personas]
        async with engine.begin() as conn:
            now = self.clock.now()
            sealed = webhooks.Sealed(*sealer.seal(signing.write_secret(b"s" * 32).encode()))
            await webhooks.add(conn, {"url": self.ports["hook"]}, sealed, now)
            for identity in found:
                await accounts.add(conn, identity, now=now)
            # Everything since the start counts as news: the first looks are made by workers that may be killed.
            await rules.create(conn, NewRule(length=LENGTH), START)
        clients.close()
        await engine.dispose()

    def _link(self, name: str) -> str:
        persona, base = self.world.personas[name], self.ports["origin"]
        return f"{base}/@{name}" if persona.format == "mastodon" else f"{base}/feeds/{name}.{persona.format}"

    def spawn(self) -> None:
        """One more worker."""
        url, clock = self.server.url, self.clock
        self.workers.append(fork(lambda: worker(url, clock)))

    def round(self, number: int, rng: random.Random) -> None:
        """One thing goes wrong."""
        if number % 100 == 50:
            self._restart_database()
        elif number % 100 == 80:
            asyncio.run(self._demote())
        else:
            self._hit(rng)
        while len(self.workers) < WORKERS:
            self.spawn()
        self.ending = {pid for pid in self.ending if os.waitpid(pid, os.WNOHANG)[0] == 0}
        for pid, since in list(self.sleeping.items()):
            if time.monotonic() - since > STOPPED:
                os.kill(pid, signal.SIGCONT)
                del self.sleeping[pid]
                self.workers.append(pid)

    def _hit(self, rng: random.Random) -> None:
        pid = self.workers.pop(rng.randrange(len(self.workers)))
        how = rng.choices([signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP], [90, 5, 5])[0]
        self.done[how.name] += 1
        if how is signal.SIGSTOP:
            os.kill(pid, how)
            self.sleeping[pid] = time.monotonic()
        elif how is signal.SIGTERM:
            # Not waited for: it may have to wait for one that is stopped, and only a later round wakes that one.
            os.kill(pid, how)
            self.ending.add(pid)
        else:
            _kill(pid)

    def _restart_database(self) -> None:
        self.done["restart"] += 1
        self.server.stop()
        self.server = EmbeddedServer.start(self.directory / "data")

    async def _demote(self) -> None:
        self.done["read_only"] += 1
        conn = await asyncpg.connect(self.server.url_for("postgres", "postgres"))
        await conn.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await conn.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(READ_ONLY)
        await conn.execute("SET default_transaction_read_only = off")
        await conn.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await conn.execute("SELECT pg_reload_conf()")
        await conn.close()

    def finish(self) -> float:
        """One worker alone ends what was begun; the seconds it took (FINISH where it did not)."""
        for pid in [*self.workers, *self.sleeping, *self.ending]:
            _kill(pid)
        self.workers.clear()
        self.sleeping.clear()
        self.ending.clear()
        self.spawn()
        began = time.monotonic()
        expected = sum(len(crossings(persona)) for persona in self.world.personas.values())
        while (took := time.monotonic() - began) < FINISH and not asyncio.run(self._settled(expected)):
            time.sleep(1)
        return took

    async def _settled(self, expected: int) -> bool:
        conn = await asyncpg.connect(self.server.url)
        told = await conn.fetchval("select count(*) from events where type = any($1::text[])", TOLD)
        waiting = await conn.fetchval("select count(*) from deliveries where status = 'pending'")
        await conn.close()
        return bool(told >= expected and not waiting)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


async def judge(database: str, world: World, log: Path) -> dict[str, Any]:
    """The log, the outbox and what arrived, against the model."""
    conn = await asyncpg.connect(database)
    rows = await conn.fetch(
        "select e.public_id, e.type, e.occurred_at, e.sequence, a.handle from events e"
        " left join accounts a on a.id = e.account_id order by e.account_id, e.sequence"
    )
    states = await conn.fetch("select state, count(*) from rule_states group by state")
    undelivered = await conn.fetchval("select count(*) from deliveries where status <> 'delivered'")
    errors = await conn.fetch("select status, error, count(*) from delivery_attempts group by 1, 2")
    await conn.close()
    others = Counter(row["type"] for row in rows if row["type"] not in TOLD)
    numbered: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row["handle"] is not None:
            numbered[row["handle"]].append(row["sequence"])
    lost, invented, examples = _compared(world, rows)
    ids = {row["public_id"] for row in rows}
    return {
        "transitions": sum(len(crossings(each)) for each in world.personas.values()),
        "lost": lost,
        "invented": invented,
        "examples": examples,
        "other_events": dict(others),
        "sequence_breaks": sum(each != list(range(1, len(each) + 1)) for each in numbered.values()),
        "states": {row[0]: row[1] for row in states},
        "undelivered": undelivered,
        "attempts": {f"{row[0]} {row[1] or ''}".strip(): row[2] for row in errors},
        **_arrived(log, ids),
    }


def _compared(world: World, rows: Sequence[Any]) -> tuple[int, int, list[str]]:
    told: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["type"] in TOLD:
            told[_name(row["handle"])].append((row["type"], row["occurred_at"]))
    lost = invented = 0
    examples: list[str] = []
    for name, persona in world.personas.items():
        wanted, found = Counter(crossings(persona)), Counter(told[name])
        lost += (wanted - found).total()
        invented += (found - wanted).total()
        examples += [f"{name}: lost {type_} {at}" for type_, at in wanted - found]
        examples += [f"{name}: invented {type_} {at}" for type_, at in found - wanted]
        if not wanted - found and not found - wanted and told[name] != crossings(persona):
            invented += 1
            examples.append(f"{name}: told in another order")
    return lost, invented, examples[:6]


def _name(handle: str) -> str:
    """The persona behind a stored handle: a feed's address, or ``@name@host``."""
    return handle.split("@")[1] if handle.startswith("@") else handle.rsplit("/", 1)[-1].split(".")[0]


def _arrived(log: Path, ids: set[str]) -> dict[str, int]:
    bodies: defaultdict[str, set[str]] = defaultdict(set)
    requests = 0
    for line in log.read_text().splitlines():
        arrived = json.loads(line)
        bodies[arrived["id"]].add(arrived["body"])
        requests += 1
    transitions = Counter(
        (body["type"], body["timestamp"], body["data"]["account"]["id"])
        for each in bodies.values()
        for body in [json.loads(next(iter(each)))]
        if body["type"] in TOLD
    )
    return {
        "requests": requests,
        "never_arrived": len(ids - bodies.keys()),
        "unknown_ids": len(bodies.keys() - ids),
        "ids_with_two_bodies": sum(len(each) > 1 for each in bodies.values()),
        "transitions_with_two_ids": sum(count > 1 for count in transitions.values()),
    }


def run(rounds: int, number: int) -> dict[str, Any]:
    """``rounds`` rounds over so many accounts."""
    rng = random.Random(SEED)
    lasts = timedelta(seconds=rounds * PAUSE * SPEED * 1.3)
    with harness.scratch() as directory:
        world = build(number, lasts, rng)
        with Killed(directory, world, FastClock(time.monotonic(), SPEED)) as killed:
            began = time.monotonic()
            for _ in range(WORKERS):
                killed.spawn()
            for place in range(rounds):
                killed.round(place, rng)
                time.sleep(PAUSE)
            killing = time.monotonic() - began
            rest = (START + lasts - killed.clock.now()).total_seconds() / SPEED
            time.sleep(max(rest, 0))
            took = killed.finish()
            found = asyncio.run(judge(killed.server.url, world, killed.log))
        return {"rounds": rounds, **killed.done, "seconds": killing, "finish_seconds": took, **found}


def main() -> None:
    """Measure and tell."""
    given = harness.parser(__doc__)
    given.add_argument("--rounds", type=int, default=2000)
    given.add_argument("--accounts", type=int, default=200)
    options = given.parse_args()
    found = run(options.rounds, options.accounts)
    zero = (
        "lost",
        "invented",
        "sequence_breaks",
        "undelivered",
        "never_arrived",
        "unknown_ids",
        "ids_with_two_bodies",
        "transitions_with_two_ids",
    )
    ok = all(found[name] == 0 for name in zero) and found["states"] == {"quiet": options.accounts}
    harness.report(ok, found, options.json)


if __name__ == "__main__":
    main()
