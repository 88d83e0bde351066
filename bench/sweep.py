"""A sweep over a million armed deadlines, and over a batch that is due.

    python -m bench.sweep [--deadlines 1000000] [--due 50000] [--json]

Durable PostgreSQL of its own; the floor is the same statement by primary key in the same run.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import logs
from app.platforms import platforms
from app.storage import migrate
from app.storage.cluster import SUPERUSER
from app.storage.engine import create_engine
from app.worker import sweep
from app.worker.clock import VirtualClock
from app.worker.context import Context
from bench import harness

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROUNDS = 200
#: A sweep that finds nothing.
MOST_MS = 5.0

_ACCOUNTS = """
insert into accounts (host_id, public_id, platform, native_id, handle, profile_url, added_at)
select 1, 'acc_' || n, 'feed', 'https://h.example/' || n, 'https://h.example/' || n, 'https://h.example/' || n,
       cast(:now as timestamptz)
from generate_series(1, :many) n
"""
# The first :due were seen up to a minute ago and posted last two days ago; the others an hour ago.
_STATES = """
insert into account_state (account_id, host_id, next_poll_at, polled_at, good_at, outcome, proven_page, last_post_at,
    last_post_earliest, last_post_id, last_post_kind, covered_from, covered_until, covered_live_from)
select a.id, 1, t, t, t, 'page', true, last.at, last.at, 'p', 1, last.at - interval '1 day', t, last.at
from cast(:now as timestamptz) t, accounts a, lateral (
    select t - case when a.id <= :due then interval '2 days' else interval '1 hour' end
) last(at)
"""
_POSTS = """
insert into posts (posted_at, first_seen_at, account_id, marks, native_id)
select last_post_at, last_post_at, account_id, 1, 'p' from account_state where account_id <= :due
"""
_COVERAGE = """
insert into coverage (starts_at, ends_at, recorded_from, recorded_to, account_id, kinds, live)
select covered_from, covered_until, covered_from, covered_until, account_id, 15, true from account_state
where account_id <= :due
"""
_RULE = """
insert into rules (public_id, kind, length, kinds, created_at, updated_at)
values ('rul_1', 'fixed', interval '47 hours', 15, :now, :now)
"""
_RULE_STATES = """
insert into rule_states (account_id, rule_id, rule_version, baseline, since, last_post_at, deadline, check_at, state)
select account_id, 1, 1, cast(:now as timestamptz) - interval '9 days', last_post_at, last_post_at,
       last_post_at + interval '47 hours', last_post_at + interval '47 hours 30 minutes', 'active' from account_state
"""


async def fill(engine: AsyncEngine, many: int, due: int) -> None:
    """Accounts with one armed deadline each, ``due`` of them an hour ago."""
    async with engine.begin() as conn:
        await conn.execute(text("insert into hosts (name) values ('h.example')"))
        values = {"now": NOW, "many": many, "due": due}
        for statement in (_ACCOUNTS, _STATES, _POSTS, _COVERAGE, _RULE, _RULE_STATES):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await conn.execute(text(statement), used)
    async with engine.connect() as conn:
        autocommit = await conn.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze"))


async def measure(engine: AsyncEngine, due: int) -> dict[str, Any]:
    """Sweeps with nothing due, beside a look-up by key; then one sweep over what is due."""
    ctx = Context(engine, None, platforms(), VirtualClock(NOW))  # type: ignore[arg-type]  # a sweep asks no network
    empty, floor = [], []
    before = NOW - DAY
    for _ in range(ROUNDS):
        began = time.perf_counter()
        report = await sweep.run_once(ctx, before)
        empty.append((time.perf_counter() - began) * 1000)
        assert report.judged == 0
        began = time.perf_counter()
        async with engine.begin() as conn:
            await conn.execute(text("select 1 from rule_states where account_id = 1 and rule_id = 1"))
        floor.append((time.perf_counter() - began) * 1000)
    with harness.Stopwatch() as watch:
        report = await sweep.run_once(ctx, NOW)
    return {
        "nothing_due_p50_ms": harness.median(empty),
        "nothing_due_p99_ms": harness.percentile(empty, 0.99),
        "by_key_p50_ms": harness.median(floor),
        "due": due,
        "told": report.told,
        "due_s": watch.wall,
        "due_cpu_s": watch.cpu,
    }


async def main(options: Any, address: str) -> dict[str, Any]:
    """Fill and measure."""
    await migrate.upgrade(address)
    engine = create_engine(address, statement_timeout=None)
    await fill(engine, options.deadlines, options.due)
    figures = {"deadlines": options.deadlines, **await measure(engine, options.due)}
    await engine.dispose()
    return figures


if __name__ == "__main__":
    arguments = harness.parser(__doc__)
    arguments.add_argument("--deadlines", type=int, default=1_000_000)
    arguments.add_argument("--due", type=int, default=50_000)
    given = arguments.parse_args()
    logs.configure("json", "error")
    with harness.database() as server:
        result = uvloop.run(main(given, server.url_for("postgres", SUPERUSER)))
    harness.report(result["nothing_due_p50_ms"] <= MOST_MS and result["told"] == given.due, result, given.json)
