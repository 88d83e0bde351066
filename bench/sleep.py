"""A worker is stopped over deadlines and wakes (battery F5): nobody is quiet before a fresh look.

One worker on a clock that runs faster polls, judges and delivers. SIGSTOP holds it while accounts pass their deadlines;
some of them post meanwhile, just before the deadline or after it. After SIGCONT every quiet that is recorded or arrives
is compared with what the origin had shown of that account since the wake, and the log with what happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from app.demo.origin import Origin
from app.demo.world import Event, Persona, World, snowflake
from app.domain.rules import NewRule
from app.platforms import platforms
from app.sealing import Sealer
from app.storage import accounts, rules, webhooks
from app.storage.embedded import EmbeddedServer
from app.storage.engine import AsyncEngine, create_engine
from app.storage.migrate import upgrade
from app.storage.raw import fetch
from app.webhooks import signing
from app.worker import watch
from app.worker.clients import Clients
from app.worker.context import Context
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from bench import endpoints, harness
from bench.kill_world import AGENT, FORMATS, HISTORY, KEY, LENGTH, START, FastClock, crossings, fork, worker

SPEED = 40.0
MINUTE = timedelta(minutes=1)
ASLEEP, AWAKE = START + 4 * MINUTE, START + 11 * MINUTE
PATIENCE = 60.0
"""Seconds within which everything must have been told after the wake."""
SEED = 5
_LOG = """
select e.type, e.occurred_at, e.recorded_at, a.handle from events e join accounts a on a.id = e.account_id order by e.id
"""


def build(number: int, rng: random.Random) -> World:
    """Accounts whose deadlines pass while the worker sleeps: a third stays silent, a third posts just before, a third
    after it."""
    return World.of(_persona(n, rng) for n in range(number))


def _persona(number: int, rng: random.Random) -> Persona:
    deadline = ASLEEP + timedelta(seconds=rng.randint(90, 330))
    last = deadline - LENGTH
    moments = [last - 5 * MINUTE * place for place in range(HISTORY, -1, -1)]
    after = {1: -rng.randint(30, 80), 2: rng.randint(30, 80)}.get(number % 3)
    if after is not None:
        moments.append(deadline + timedelta(seconds=after))
    form = FORMATS[number % len(FORMATS)]
    return Persona(f"{form}{number}", form, [Event(snowflake(at, n), at, at) for n, at in enumerate(moments)])


async def play(url: str, world: World, clock: FastClock, pid: int) -> dict[str, Any]:
    """Let the worker look, sleep and wake; compare."""
    engine = create_engine(url)
    origin = Origin(world, clock.now)
    base = await origin.start()
    arrived: list[tuple[datetime, dict[str, Any]]] = []
    async with endpoints.serve(lambda message: arrived.append((clock.now(), json.loads(message.body)))) as port:
        await _prepare(engine, world, clock, base, f"http://127.0.0.1:{port}/hook")
        await clock.sleep_until(ASLEEP)
        os.kill(pid, signal.SIGSTOP)
        await clock.sleep_until(AWAKE)
        before = len(arrived)
        woken = clock.now()
        os.kill(pid, signal.SIGCONT)
        due = sum(at <= AWAKE for _, _, at in _true(world))
        await harness.until(lambda: len(arrived) >= due, PATIENCE)
        async with engine.connect() as conn:
            rows = await fetch(conn, _LOG)
            pauses = await fetch(conn, "select count(*) from own_pauses where ends_at >= $1", woken)
        _end(pid)
        await harness.until(lambda: not origin.connections, 5)
    await origin.stop()
    await engine.dispose()
    shown: dict[str, datetime] = {}
    for served in origin.served:
        if served.at >= woken:
            shown.setdefault(served.account, served.at)
    told = [(_name(row[3]), row[0], row[1], row[2]) for row in rows]
    messages = [
        (_name(body["data"]["account"]["handle"]), at)
        for at, body in arrived[before:]
        if body["type"] == "account.quiet"
    ]
    return _compared(world, told, messages, shown, woken) | {"pauses_on_record": pauses[0][0]}


async def _prepare(engine: AsyncEngine, world: World, clock: FastClock, base: str, hook: str) -> None:
    clients = Clients(Guard([endpoints.LOOPBACK], []))
    ctx = Context(engine, Fetcher(clients, AGENT), platforms(), clock)
    links = [f"{base}/@{n}" if p.format == "mastodon" else f"{base}/feeds/{n}.{p.format}" for n, p in _all(world)]
    found = [await watch.resolve(ctx, link) for link in links]
    async with engine.begin() as conn:
        sealed = webhooks.Sealed(*Sealer(lambda: [KEY]).seal(signing.write_secret(b"s" * 32).encode()))
        await webhooks.add(conn, {"url": hook}, sealed, clock.now())
        for identity in found:
            await accounts.add(conn, identity, now=clock.now())
        await rules.create(conn, NewRule(length=LENGTH), START)
    clients.close()


def _all(world: World) -> list[tuple[str, Persona]]:
    return list(world.personas.items())


def _true(world: World) -> list[tuple[str, str, datetime]]:
    return [(name, *each) for name, persona in _all(world) for each in crossings(persona)]


def _name(handle: str) -> str:
    return handle.split("@")[1] if handle.startswith("@") else handle.rsplit("/", 1)[-1].split(".")[0]


def _compared(
    world: World,
    told: list[tuple[str, str, datetime, datetime]],
    messages: list[tuple[str, datetime]],
    shown: dict[str, datetime],
    woken: datetime,
) -> dict[str, Any]:
    true = Counter(_true(world))
    wanted = Counter(each for each in true if each[2] <= AWAKE)
    found = Counter((name, type_, at) for name, type_, at, _ in told if type_ in ("account.quiet", "account.resumed"))
    late = [(name, recorded) for name, type_, _, recorded in told if type_ == "account.quiet" and recorded >= woken]
    blind = [name for name, at in [*late, *messages] if name not in shown or shown[name] > at]
    return {
        "accounts": len(world.personas),
        "deadlines_asleep": sum(type_ == "account.quiet" for _, type_, _ in wanted),
        "told_after_waking": len(late),
        "arrived_after_waking": len(messages),
        "before_a_fresh_look": len(blind),
        "lost": (wanted - found).total(),
        "invented": (found - true).total(),
        "examples": [str(each) for each in [*(wanted - found), *(found - true)]][:5],
    }


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def run(number: int) -> dict[str, Any]:
    """One sleep."""
    with harness.scratch() as directory:
        server = EmbeddedServer.start(directory / "data")
        world = build(number, random.Random(SEED))
        asyncio.run(upgrade(server.url))
        clock = FastClock(time.monotonic(), SPEED)

        pid = fork(lambda: worker(server.url, clock))
        try:
            return asyncio.run(play(server.url, world, clock, pid))
        finally:
            _end(pid)
            server.stop()


def promised(found: dict[str, Any]) -> bool:
    """Something was at stake, and nothing was told before a look."""
    wrong = ("before_a_fresh_look", "lost", "invented")
    return found["told_after_waking"] > 0 and found["pauses_on_record"] > 0 and not any(found[name] for name in wrong)


def main() -> None:
    """Measure and tell."""
    parser = harness.parser(__doc__)
    parser.add_argument("--accounts", type=int, default=90)
    given = parser.parse_args()
    found = run(given.accounts)
    harness.report(promised(found), found, given.json)


if __name__ == "__main__":
    main()
