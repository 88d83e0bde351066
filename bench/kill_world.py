"""The world of ``bench.kill``: accounts whose silences are known, an endpoint that writes down what reaches it, and
workers on a clock that runs faster.

Promises: everything is seeded; posts have whole seconds (RSS has no finer ones) and no silence ends within NEAR of the
rule's length, so that every crossing is beyond doubt.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from app.demo.origin import Origin
from app.demo.world import Event, Persona, World, snowflake
from app.platforms import platforms
from app.sealing import Sealer
from app.storage.engine import create_engine
from app.worker.clients import Clients
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from app.worker.loop import work
from app.worker.post import Poster

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMATS = ("rss", "atom", "json", "mastodon")
LENGTH = timedelta(minutes=20)
"""Of the rule."""
NEAR = timedelta(seconds=20)
HISTORY = 10
"""Posts before the start."""
KEY = b"k" * 32
AGENT = "Quietwatch/bench (+none)"
#: Every so many deliveries one is refused and one is not answered.
REFUSED, UNANSWERED = 23, 37


@dataclass(frozen=True, slots=True)
class FastClock:
    """The machine's monotonic clock, ``speed`` times as fast: the same in every process that knows ``base``."""

    base: float
    speed: float

    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Virtual seconds since the start."""
        return (time.monotonic() - self.base) * self.speed

    async def sleep_until(self, when: datetime) -> None:
        """Sleep for the real time that this takes."""
        await asyncio.sleep(max((when - self.now()).total_seconds() / self.speed, 0))


def build(accounts: int, lasts: timedelta, rng: random.Random) -> World:
    """Accounts that post until ``START + lasts`` in bursts with silences between, some longer than LENGTH."""
    return World.of(_persona(number, lasts, rng) for number in range(accounts))


def _persona(number: int, lasts: timedelta, rng: random.Random) -> Persona:
    # A feed may float three items: what lies behind fewer proves nothing.
    moments = [START - timedelta(minutes=5 * place, seconds=rng.randint(0, 59)) for place in range(HISTORY, 0, -1)]
    while True:
        long = rng.random() < 0.3
        gap = rng.uniform(*((21, 60) if long else (0.5, 10)))
        following = moments[-1] + timedelta(seconds=round(gap * 60))
        if following > START + lasts:
            break
        moments.append(following)
    form = FORMATS[number % len(FORMATS)]
    events = [Event(snowflake(at, place), at, at) for place, at in enumerate(moments)]
    return Persona(f"{form}{number}", form, events, page_size=40)


def crossings(persona: Persona) -> list[tuple[str, datetime]]:
    """What must be told of this account, in order: types and times."""
    moments = [event.claimed_at for event in persona.events]
    told: list[tuple[str, datetime]] = []
    for at, following in zip(moments, [*moments[1:], None], strict=True):
        assert following is None or abs(following - at - LENGTH) > NEAR
        if following is None or following - at > LENGTH:
            told.append(("account.quiet", at + LENGTH))
            if following is not None:
                told.append(("account.resumed", following))
    return told


def fork(job: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a job in a process of its own that knows nothing of this one's; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    os.closerange(3, 1024)  # the lock of the data directory among them: a restart needs it
    try:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        asyncio.run(job())
        os._exit(0)
    except BaseException:  # the child must not go on with the parent's code
        traceback.print_exc()
        os._exit(1)


async def stage(world: World, clock: FastClock, ports: Path, log: Path) -> None:
    """The origin and the endpoint, until killed. Their addresses go to ``ports``, what arrives to ``log``."""
    origin = Origin(world, clock.now)
    base = await origin.start()
    with log.open("ab", buffering=0) as file:
        receiver = await asyncio.start_server(_receiver(file), "127.0.0.1", 0)
        hook = f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/hook"
        ports.with_suffix(".new").write_text(json.dumps({"origin": base, "hook": hook}))
        ports.with_suffix(".new").rename(ports)
        await asyncio.Event().wait()


def _receiver(file: Any) -> Any:
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers["content-length"]))
                count += 1
                if count % UNANSWERED == 0:
                    break
                file.write(json.dumps({"id": headers["webhook-id"], "body": body.decode()}).encode() + b"\n")
                status = "503 Service Unavailable" if count % REFUSED == 0 else "204 No Content"
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return serve


async def worker(database: str, clock: FastClock) -> None:
    """One worker, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = create_engine(database, pool_size=6, statement_timeout=None)
    guard = Guard(["127.0.0.0/8"], [])
    clients, poster = Clients(guard), Poster(guard, AGENT)
    options = Options(
        lease=timedelta(minutes=4),
        heartbeat=timedelta(seconds=1),
        group=50,
        group_wait=timedelta(milliseconds=50),
        poll_least=timedelta(seconds=60),
        feed_least=timedelta(seconds=60),
        margins=dict.fromkeys(platforms(), timedelta(seconds=60)),
    )
    ctx = Context(
        engine,
        Fetcher(clients, AGENT),
        platforms(),
        clock,
        options=options,
        sealer=Sealer(lambda: [KEY]),
        poster=poster,
    )
    await work(ctx, stop, grace=timedelta(seconds=2))
    clients.close()
    poster.close()
    await engine.dispose()
