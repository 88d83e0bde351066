"""A storm: one rule that becomes true of 50,000 accounts at once, told to one endpoint that answers at once (H4).

``quietwatch worker`` sweeps and sends. Told is how long it takes until every transition is on record, at what rate the
endpoint gets them, whether any is lost or out of order, and the worker's memory at its peak. The floor beside it: how
fast the same endpoint takes the same bodies from one connection of ours that does nothing else. ``--accounts`` changes
the size.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app import logs
from app.domain.rules import NewRule
from app.storage import rules
from app.storage.engine import AsyncEngine, create_engine
from app.worker.guard import Guard
from app.worker.post import Poster
from bench import endpoints, harness

RECORDED_SECONDS, LEAST_RATE, MOST_MIB = 60.0, 200.0, 512.0
LENGTH = timedelta(hours=48)
#: Everybody was last heard of 50 hours ago, and was watched ever since.
_SEED = (
    "INSERT INTO hosts (name) VALUES ('h.example')",
    """INSERT INTO accounts (host_id, public_id, platform, native_id, handle, profile_url, added_at)
       SELECT 1, 'acc_' || n, 'feed', 'https://h.example/' || n, 'h.example/' || n, 'https://h.example/' || n,
              CAST(:now AS timestamptz) - interval '90 days'
       FROM generate_series(1, :accounts) AS n""",
    """INSERT INTO account_state (account_id, host_id, polled_at, good_at, outcome, outcome_since, last_post_at,
              last_post_earliest, last_post_id, last_post_kind, covered_from, covered_until, covered_live_from)
       SELECT id, 1, :now, :now, 'page', :now, CAST(:now AS timestamptz) - interval '50 hours',
              CAST(:now AS timestamptz) - interval '50 hours', 'p', 1, CAST(:now AS timestamptz) - interval '60 days',
              :now, CAST(:now AS timestamptz) - interval '60 days'
       FROM accounts""",
    "INSERT INTO source_memory (account_id) SELECT id FROM accounts",
    """INSERT INTO posts (posted_at, first_seen_at, account_id, marks, native_id)
       SELECT CAST(:now AS timestamptz) - interval '50 hours',
              CAST(:now AS timestamptz) - interval '50 hours', id, 1, 'p'
       FROM accounts""",
    """INSERT INTO coverage (starts_at, ends_at, recorded_from, recorded_to, account_id, kinds, live)
       SELECT CAST(:now AS timestamptz) - interval '60 days', :now, CAST(:now AS timestamptz) - interval '60 days',
              :now, id, 15, true
       FROM accounts""",
    "ANALYZE",
)


async def seed(engine: AsyncEngine, accounts: int) -> None:
    """So many silent accounts."""
    values = {"accounts": accounts, "now": datetime.now(UTC)}
    async with engine.begin() as conn:
        for statement in _SEED:
            await conn.execute(text(statement), {k: v for k, v in values.items() if f":{k}" in statement})


async def measure(url: str, accounts: int, data_dir: Path) -> dict[str, Any]:
    """Let them all cross."""
    engine = create_engine(url, statement_timeout=None)
    got: list[endpoints.Message] = []
    async with endpoints.serve(got.append) as port:
        address = f"http://127.0.0.1:{port}/hook"
        await seed(engine, accounts)
        await endpoints.add(engine, [address])
        async with endpoints.worker(url, data_dir) as process:
            await harness.until(lambda: _up(engine), 60)
            async with engine.begin() as conn:
                await rules.create(conn, NewRule(length=LENGTH), datetime.now(UTC))
            began = time.time()
            await harness.until(lambda: _all_recorded(engine, accounts), 300, every=0.2)
            recorded = time.time()
            await _arrived(got, accounts)
            figures = {
                "accounts": accounts,
                "recorded": await _count(engine),
                "recorded_s": recorded - began,
                "arrived": len({message.id for message in got}),
                "sent_twice": len(got) - len({message.id for message in got}),
                "delivered_per_s": _rate(got),
                "peak_mib": endpoints.peak_mib(process.pid),
            }
        floor = await _floor(address, got[:2_000])
    await engine.dispose()
    return figures | {"floor_per_s": floor}


async def _count(engine: AsyncEngine) -> int:
    async with engine.connect() as conn:
        return int((await conn.execute(text("SELECT count(*) FROM events WHERE type = 'account.quiet'"))).scalar_one())


async def _all_recorded(engine: AsyncEngine, accounts: int) -> bool:
    return await _count(engine) >= accounts


async def _up(engine: AsyncEngine) -> bool:
    """Whether the worker has begun: it gives a sign of life before anything else."""
    async with engine.connect() as conn:
        return bool((await conn.execute(text("SELECT count(*) FROM pulse"))).scalar_one())


async def _arrived(got: list[endpoints.Message], accounts: int) -> None:
    """Wait until all have come, or nothing more does for 20 s."""
    seen, quiet = 0, 0
    while len(got) < accounts and quiet < 100:
        await asyncio.sleep(0.2)
        quiet = quiet + 1 if len(got) == seen else 0
        seen = len(got)


def _rate(got: list[endpoints.Message]) -> float:
    return (len(got) - 1) / max(1e-9, got[-1].at - got[0].at) if len(got) > 1 else 0.0


async def _floor(address: str, messages: list[endpoints.Message]) -> float:
    """The same bodies from one connection, without a database or a signature."""
    poster = Poster(Guard([endpoints.LOOPBACK]), "Quietwatch/bench")
    with harness.Stopwatch() as watch:
        for message in messages:
            await poster.post(address, [("webhook-id", "evt_floor")], message.body)
    poster.close()
    return len(messages) / watch.wall


def main() -> None:
    """Run and report."""
    parser = harness.parser(__doc__)
    parser.add_argument("--accounts", type=int, default=50_000)
    options = parser.parse_args()
    logs.configure("console", "error")
    found = harness.on_fresh_database(lambda address, directory: measure(address, options.accounts, directory))
    ok = found["recorded"] == found["arrived"] == options.accounts and found["recorded_s"] <= RECORDED_SECONDS
    ok = ok and found["delivered_per_s"] >= LEAST_RATE and found["peak_mib"] <= MOST_MIB
    harness.report(ok, found, options.json)


if __name__ == "__main__":
    main()
