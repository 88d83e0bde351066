"""A thousand endpoints, one dead, one that answers after 14.9 s: does anybody else wait (battery D8, D9)?

``quietwatch worker`` sends; an event for all of them is committed every ``--every`` seconds, for ``--seconds``. Told is
how long after the commit the others got it, how many requests the slow one ever had at once, and whether any message
was ever under way twice. The floor beside it is one endpoint alone.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import logs
from app.domain.events import EventType, NewEvent
from app.storage import events
from app.storage.engine import AsyncEngine, create_engine
from app.storage.events import LANES
from bench import endpoints, harness

SLOW_SECONDS = 14.9
PROMISED_SECONDS = 2.0


class Watch:
    """What the endpoints saw."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.seen: Counter[tuple[str, str]] = Counter()
        self.committed: dict[str, float] = {}
        self.under_way: Counter[tuple[str, str]] = Counter()
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.doubles = 0
        self._early: list[tuple[str, float]] = []

    def got(self, message: endpoints.Message) -> None:
        """A message is whole."""
        path, key = message.path, (message.path, message.id)
        self.doubles += self.under_way[key] > 0
        self.under_way[key] += 1
        self.at_once[path] += 1
        self.most_at_once[path] = max(self.most_at_once[path], self.at_once[path])
        self.seen[key] += 1
        if path != "/slow" and self.seen[key] == 1:
            self._early.append((message.id, message.at))

    def done(self, message: endpoints.Message) -> None:
        """It was answered."""
        self.under_way[message.path, message.id] -= 1
        self.at_once[message.path] -= 1

    def settle(self) -> None:
        """Seconds from commit to arrival."""
        self.seconds = [at - self.committed[id_] for id_, at in self._early if id_ in self.committed]


async def _tell(engine: AsyncEngine, watch: Watch, number: int) -> None:
    now = datetime.now(UTC)
    async with engine.begin() as conn:
        (made,) = await events.record(conn, [NewEvent(EventType.DEGRADED, now, {"n": number})], now)
    watch.committed[made.public_id] = time.time()


async def measure(url: str, number: int, seconds: float, every: float, data_dir: Path) -> dict[str, Any]:
    """Tell everybody, again and again."""
    engine = create_engine(url, statement_timeout=None)
    watch = Watch()
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # bound and not listening: refused
        async with endpoints.serve(
            watch.got, lambda message: SLOW_SECONDS if message.path == "/slow" else 0.0, watch.done
        ) as port:
            base = f"http://127.0.0.1:{port}"
            await endpoints.add(engine, [f"{base}/0"])
            async with endpoints.worker(url, data_dir) as process:
                for count in range(6):
                    await _tell(engine, watch, count)
                    await harness.until(lambda: len(watch.seen) == len(watch.committed), 60)
                watch.settle()
                floor = harness.percentile(watch.seconds[1:] or [0.0], 0.99)
                watch.committed.clear()
                urls = [f"{base}/{n}" for n in range(1, number - 2)]
                await endpoints.add(engine, [*urls, f"{base}/slow", f"http://127.0.0.1:{dead.getsockname()[1]}/"])
                cpu, began, told = harness.cpu_of(process.pid), time.monotonic(), 0
                while time.monotonic() - began < seconds:
                    await _tell(engine, watch, told)
                    told += 1
                    await asyncio.sleep(max(0.0, told * every - (time.monotonic() - began)))
                await harness.until(lambda: len(_others(watch)) >= told * (number - 2), 30)
                cpu = harness.cpu_of(process.pid) - cpu
    watch.settle()
    await engine.dispose()
    got = len(_others(watch))
    return {
        "endpoints": number,
        "events": told,
        "expected": told * (number - 2),
        "arrived": got,
        "p50_s": harness.percentile(watch.seconds or [99.0], 0.5),
        "p99_s": harness.percentile(watch.seconds or [99.0], 0.99),
        "alone_p99_s": floor,
        "slow_at_once": watch.most_at_once["/slow"],
        "most_at_once": max(watch.most_at_once.values(), default=0),
        "duplicates_at_once": watch.doubles,
        "cpu_ms_a_delivery": cpu * 1000 / max(1, got),
    }


def _others(watch: Watch) -> list[tuple[str, str]]:
    return [key for key in watch.seen if key[0] != "/slow" and key[1] in watch.committed]


def main() -> None:
    """Run and report."""
    parser = harness.parser(__doc__)
    parser.add_argument("--endpoints", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=5.0)
    options = parser.parse_args()
    logs.configure("console", "error")
    shape = options.endpoints, options.seconds, options.every
    found = harness.on_fresh_database(lambda address, directory: measure(address, *shape, directory))
    ok = found["p99_s"] <= PROMISED_SECONDS and found["arrived"] == found["expected"]
    ok = ok and not found["duplicates_at_once"] and found["most_at_once"] <= LANES
    harness.report(ok, found, options.json)


if __name__ == "__main__":
    main()
