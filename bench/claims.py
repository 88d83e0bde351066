"""Leases under contention (battery E5): many workers, every account exactly once, how long a claim takes.

The workers are connections of a few processes; each claims, commits, spends a moment on each account (a real look
takes longer), and goes on until nothing is due. The peak rate of four workers that only claim is reported beside it.
``--jobs`` and ``--workers`` change the size.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

from sqlalchemy import text

from app import logs
from app.storage import claims
from app.storage.engine import AsyncEngine, create_engine
from app.storage.migrate import upgrade
from bench import harness

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=45)
HOSTS = 5_000
PER_CLAIM = 50
#: Seconds an account takes where the latency of claims is measured.
EACH = 0.003
_SEED = (
    "INSERT INTO hosts (name) SELECT 'h' || n || '.example' FROM generate_series(1, :hosts) AS n",
    """INSERT INTO accounts (host_id, public_id, platform, native_id, handle, profile_url, added_at)
       SELECT 1 + n % :hosts, 'acc_' || n, 'feed', 'http://h/' || n, 'h' || n, 'http://h/' || n, :now
       FROM generate_series(1, :jobs) AS n""",
    """INSERT INTO account_state (account_id, host_id, next_poll_at)
       SELECT id, host_id, CAST(:now AS timestamptz) - random() * interval '1 hour' FROM accounts""",
    "INSERT INTO source_memory (account_id) SELECT id FROM accounts",
    "ANALYZE",
)


async def seed(engine: AsyncEngine, jobs: int) -> None:
    """So many due accounts on many hosts."""
    async with engine.begin() as conn:
        for statement in _SEED:
            values = {"hosts": HOSTS, "jobs": jobs, "now": NOW}
            await conn.execute(text(statement), {k: v for k, v in values.items() if f":{k}" in statement})


@dataclass(frozen=True, slots=True)
class Work:
    """How often each account was claimed, the seconds of each claim, and from when to when the worker worked."""

    taken: Counter[int]
    seconds: list[float]
    began: float
    ended: float


async def worker(url: str, per_claim: int, each: float) -> Work:
    """Claim until nothing is due."""
    engine = create_engine(url, pool_size=1, max_overflow=0, statement_timeout=timedelta(seconds=60))
    taken: Counter[int] = Counter()
    seconds: list[float] = []
    async with engine.connect():
        began = time.time()
    try:
        while True:
            started = time.perf_counter()
            async with engine.begin() as conn:
                found = await claims.claim_due(conn, NOW, per_claim, LEASE, 10)
            seconds.append(time.perf_counter() - started)
            if not found:
                return Work(taken, seconds, began, time.time())
            taken.update(claim.account_id for claim in found)
            if each:
                await asyncio.sleep(each * len(found))
    finally:
        await engine.dispose()


async def workers(url: str, number: int, per_claim: int, each: float) -> list[Work]:
    """So many at once in this process."""
    return await asyncio.gather(*(worker(url, per_claim, each) for _ in range(number)))


def _process(url: str, number: int, per_claim: int, each: float) -> list[Work]:
    return asyncio.run(workers(url, number, per_claim, each))


def contend(url: str, number: int, per_claim: int, each: float, processes: int = 2) -> dict[str, Any]:
    """``number`` workers in ``processes`` processes until nothing is due."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        share = number // processes
        done = [pool.submit(_process, url, share, per_claim, each) for _ in range(processes)]
        results = [each for future in done for each in future.result()]
    taken: Counter[int] = Counter()
    for work in results:
        taken.update(work.taken)
    seconds = [second for work in results for second in work.seconds]
    return {
        "claimed": sum(taken.values()),
        "accounts": len(taken),
        "more_than_once": sum(count > 1 for count in taken.values()),
        "claims": len(seconds),
        "claim_p50_ms": harness.percentile(seconds, 0.5) * 1000,
        "claim_p99_ms": harness.percentile(seconds, 0.99) * 1000,
        "wall_s": max(work.ended for work in results) - min(work.began for work in results),
    }


async def _again(url: str, jobs: int) -> None:
    engine = create_engine(url, statement_timeout=None)
    async with engine.begin() as conn:
        await conn.execute(
            text("UPDATE account_state SET next_poll_at = now() - interval '1 year', lease_until = NULL")
        )
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("VACUUM ANALYZE account_state"))
    await engine.dispose()


async def _prepare(url: str, jobs: int) -> None:
    await upgrade(url)
    engine = create_engine(url, statement_timeout=None)
    await seed(engine, jobs)
    await engine.dispose()


def main() -> None:
    """The command."""
    parser = harness.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=16)
    given = parser.parse_args()
    logs.configure("json", "error")
    with harness.database() as server:
        asyncio.run(_prepare(server.url, given.jobs))
        figures = contend(server.url, given.workers, PER_CLAIM, EACH)
        asyncio.run(_again(server.url, given.jobs))
        fast = contend(server.url, 4, 200, 0)
    figures["rate_with_four_workers"] = fast["claimed"] / fast["wall_s"]
    ok = figures["accounts"] == given.jobs and not figures["more_than_once"] and figures["claim_p99_ms"] <= 20
    harness.report(ok, figures, given.json)


if __name__ == "__main__":
    main()
