"""A night's refit: everybody has posted, and every rhythm is fitted from the database and written back.

    python -m bench.refit [--data DIR-or-FILE] [--accounts 5000] [--rules] [--json]

Real histories, each moved so that it ends now, given to so many accounts in turn; durable PostgreSQL of the bench's
own; the product's own job, one worker. The night is projected from the wall time of this run to 100,000 accounts.
With ``--rules`` an adaptive rule is on everybody, and the sweep that judges by the new rhythms belongs to the night.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import logs
from app.domain.rhythm import constants as c
from app.platforms import platforms
from app.storage import migrate
from app.storage.cluster import SUPERUSER
from app.storage.engine import create_engine
from app.storage.raw import copy_rows, fetch
from app.worker import refit, sweep
from app.worker.clock import VirtualClock
from app.worker.context import Context
from bench import harness, rhythm_data

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NIGHT = 100_000
MOST_MINUTES = 10.0
MEMORY = timedelta(days=c.MEMORY_DAYS)
_ACCOUNTS = """
insert into accounts (host_id, public_id, platform, native_id, handle, profile_url, added_at)
select 1, 'acc_' || n, 'feed', 'https://h.example/' || n, 'https://h.example/' || n, 'https://h.example/' || n,
       cast(:now as timestamptz) from generate_series(1, :many) n
"""
_STATES = """
insert into account_state (account_id, host_id, outcome, good_at, polled_at, last_post_at, last_post_earliest,
    last_post_id, last_post_kind, covered_from, covered_until, covered_live_from)
select account_id, 1, 'page', :now, :now, max(posted_at), max(posted_at), 'p', 1, min(posted_at), :now, min(posted_at)
from posts group by account_id
"""
_RULE = """
insert into rules (public_id, kind, false_alarms, least, greatest, kinds, created_at, updated_at)
values ('rul_1', 'adaptive', 2, interval '6 hours', interval '30 days', 15, :now, :now)
"""
_RULE_STATES = """
insert into rule_states (account_id, rule_id, rule_version, baseline, since, last_post_at, deadline, state)
select account_id, 1, 1, :now, last_post_at, last_post_at, last_post_at + interval '30 days', 'active'
from account_state
"""


async def fill(engine: AsyncEngine, histories: Sequence[dict[str, Any]], many: int, *, rules: bool) -> int:
    """Accounts with a history each, all of them due; returns the number of posts."""
    total = 0
    async with engine.begin() as conn:
        await conn.execute(text("insert into hosts (name) values ('h.example')"))
        await conn.execute(text(_ACCOUNTS), {"now": NOW, "many": many})
        for account_id, history in zip(range(1, many + 1), itertools.cycle(histories), strict=False):
            moved = NOW.timestamp() - 3600 - float(history["posts"][-1])
            times = [datetime.fromtimestamp(float(at) + moved, UTC) for at in history["posts"][-c.MEMORY_POSTS :]]
            kept = [at for at in times if at > NOW - MEMORY]
            posts = [(at, at, account_id, 1, f"p{number}") for number, at in enumerate(kept)]
            columns = ("posted_at", "first_seen_at", "account_id", "marks", "native_id")
            await copy_rows(conn, "posts", columns, posts)
            gaps = [(low + moved, high + moved) for low, high in history["gaps"]]
            pieces = rhythm_data.observed(kept[0].timestamp(), NOW.timestamp(), gaps)
            stretches = [tuple(datetime.fromtimestamp(at, UTC) for at in piece) for piece in pieces]
            seen = [(low, high, low, high, account_id, 15, True) for low, high in stretches]
            names = ("starts_at", "ends_at", "recorded_from", "recorded_to", "account_id", "kinds", "live")
            await copy_rows(conn, "coverage", names, seen)
            total += len(posts)
        await conn.execute(text(_STATES), {"now": NOW})
        await conn.execute(text("insert into rhythms (account_id, due_at) select id, :now from accounts"), {"now": NOW})
        if rules:
            await conn.execute(text(_RULE), {"now": NOW})
            await conn.execute(text(_RULE_STATES), {"now": NOW})
    async with engine.connect() as conn:
        autocommit = await conn.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze"))
    return total


async def measure(engine: AsyncEngine) -> dict[str, Any]:
    """One night, until nobody is due."""
    ctx = Context(engine, None, platforms(), VirtualClock(NOW))  # type: ignore[arg-type]  # no network is asked
    fitted = judged = 0
    with harness.Stopwatch() as watch:
        while done := await refit.run_once(ctx, NOW):
            fitted += done
            judged += (await sweep.run_once(ctx, NOW)).judged
    async with engine.connect() as conn:
        [[largest]] = await fetch(conn, "select max(octet_length(value)) from rhythm_values")
        [[row]] = await fetch(conn, "select avg(pg_column_size(r.*)) from rhythms r")
    return {
        "fitted": fitted,
        "judged": judged,
        "wall_s": watch.wall,
        "cpu_s": watch.cpu,
        "cpu_ms_each": 1000 * watch.cpu / max(fitted, 1),
        "night_minutes": watch.wall / max(fitted, 1) * NIGHT / 60,
        "largest_value_bytes": largest,
        "marks_row_bytes": float(row),
    }


async def main(options: Any, address: str, histories: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Fill and measure."""
    await migrate.upgrade(address)
    engine = create_engine(address, statement_timeout=None)
    posts = await fill(engine, histories, options.accounts, rules=options.rules)
    figures = {"accounts": options.accounts, "posts": posts, **await measure(engine)}
    await engine.dispose()
    return figures


if __name__ == "__main__":
    arguments = harness.parser(__doc__)
    arguments.add_argument("--data", type=Path, default=rhythm_data.CORPUS / "data")
    arguments.add_argument("--accounts", type=int, default=5000)
    arguments.add_argument("--rules", action="store_true")
    given = arguments.parse_args()
    logs.configure("json", "error")
    with harness.scratch() as work, harness.database() as server:
        real = rhythm_data.load(rhythm_data.prepared(given.data, None, work))
        result = uvloop.run(main(given, server.url_for("postgres", SUPERUSER), real))
    kept = result["night_minutes"] <= MOST_MINUTES and result["fitted"] == given.accounts
    harness.report(kept, result, given.json)
