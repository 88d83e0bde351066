"""Crashes at named points and at random moments (battery E3, E1): what is stored is what was shown, once.

A child process looks at scripted sources and is killed (SIGKILL) at one named point, or some milliseconds after it
began; a second child looks again once the leases have ended. Then the database is compared with the model: every post
that was shown is stored once and none besides, coverage claims nothing that no look proved, streaks and answers follow
from the posts, and no account is left leased. Network and clock are scripted, everything else is the worker itself.
Sending, acknowledging and rotating are killed in ``faults_hooks``, migrating in ``faults_migrating``.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from app.platforms import platforms
from app.storage import claims, gaps, hosts, looks, memory, sightings
from app.storage.engine import AsyncConnection, create_engine
from app.storage.migrate import upgrade
from app.worker import ingest, poll, visit
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from bench import faults_hooks, faults_migrating, harness
from bench.faults_child import Place, arm, child
from bench.faults_world import (
    AGAIN,
    HOUR,
    ROUND,
    SOURCES,
    START,
    Scripted,
    answered,
    forget_sources,
    posts_of,
    watch_sources,
)

#: Name, what arms the process, and after how many seconds it is killed where nothing does.
Plan = tuple[str, Callable[[], None] | None, float | None]
#: So many crashes share their sources; what is compared after each of them grows with those before it.
SERIES = 100
#: Where a process is killed: before and after each of these. ``commit`` is the end of the writing transaction.
POINTS: dict[str, Place] = {
    "claim": (claims, "claim_due"),
    "companions": (claims, "claim_companions"),
    "reserve": (hosts, "reserve"),
    "block": (hosts, "block"),
    "release": (claims, "release"),
    "hold": (looks, "hold"),
    "known_posts": (sightings, "known_posts"),
    "rekey": (sightings, "rekey"),
    "insert_posts": (sightings, "insert_posts"),
    "mark_deleted": (sightings, "mark_deleted"),
    "write_coverage": (looks, "write_coverage"),
    "memory": (memory, "write"),
    "write_looks": (looks, "write_looks"),
    "write_states": (looks, "write_states"),
    "last_posts": (sightings, "refresh_last_posts"),
    "first_gaps": (gaps, "begin"),
    "gaps": (gaps, "refresh"),
    "commit": (ingest, "apply"),
    "count": (visit, "count"),
    "page": (visit, "look_at"),
}


async def look(database: str, at: datetime) -> None:
    """One round of the worker at ``at``."""
    engine = create_engine(database, pool_size=4)
    options = Options(group=3, group_wait=timedelta(milliseconds=2))
    ctx = Context(engine, Scripted(), platforms(), VirtualClock(at), options=options)
    await poll.run_once(ctx, at)
    await engine.dispose()


async def differences(database: str, rounds: Sequence[datetime], now: datetime) -> list[str]:
    """What of the stored rows is not as the model has it, after looks at (some of) these moments."""
    engine = create_engine(database)
    try:
        async with engine.connect() as conn:
            return [fault for n in range(SOURCES) for fault in await _differences(conn, n, rounds, now)]
    finally:
        await engine.dispose()


async def _differences(conn: AsyncConnection, n: int, rounds: Sequence[datetime], now: datetime) -> list[str]:
    faults = []
    stored = [
        row[0] for row in await conn.execute(text("SELECT native_id FROM posts WHERE account_id = :a"), {"a": n + 1})
    ]
    shown = {name for at in rounds for name, _ in posts_of(n, at)}
    if len(set(stored)) != len(stored):
        faults.append(f"source {n}: posts stored twice")
    if set(stored) - shown:
        faults.append(f"source {n}: posts nobody showed: {sorted(set(stored) - shown)[:3]}")
    [state] = await conn.execute(text("SELECT * FROM account_state WHERE account_id = :a"), {"a": n + 1})
    good = state.good_at
    missing = answered(n, good) - set(stored) if good is not None else set()
    if missing:
        faults.append(f"source {n}: shown at {good} and not stored: {sorted(missing)[:3]}")
    if state.next_poll_at is None or state.next_poll_at <= now - timedelta(hours=1) or state.lease_until is not None:
        faults.append(f"source {n}: left leased or overdue: {state.next_poll_at}, {state.lease_until}")
    faults += [f"source {n}: {fault}" for fault in await _answers(conn, n + 1, state)]
    return faults


async def _answers(conn: AsyncConnection, account_id: int, state: Any) -> list[str]:
    values = {"a": account_id}
    newest = (await conn.execute(text("SELECT max(posted_at) FROM posts WHERE account_id = :a"), values)).scalar_one()
    last_look = (await conn.execute(text("SELECT max(last_at) FROM polls WHERE account_id = :a"), values)).scalar_one()
    covered = (await conn.execute(text("SELECT max(ends_at) FROM coverage WHERE account_id = :a"), values)).scalar_one()
    times = [
        r[0]
        for r in await conn.execute(text("SELECT DISTINCT posted_at FROM posts WHERE account_id=:a ORDER BY 1"), values)
    ]
    longest = max((b - a for a, b in itertools.pairwise(times)), default=None)
    kept = (
        await conn.execute(text("SELECT max(ends_at - starts_at) FROM gaps WHERE account_id = :a"), values)
    ).scalar_one()
    faults = []
    if newest != state.last_post_at:
        faults.append("the last post is not the newest")
    if last_look != state.polled_at:
        faults.append("the last look is not on the list")
    if covered is not None and (covered > state.good_at or covered != state.covered_until):
        faults.append("coverage claims more than the last good look proved")
    if longest != kept:
        faults.append(f"the longest streak is {longest}, kept is {kept}")
    return faults


def run(database: str, plans: Sequence[Plan]) -> dict[str, Any]:
    """Crash once by every plan, recover, compare; after every SERIES the sources begin anew."""
    faults, killed = [], Counter[str]()
    for start in range(0, len(plans), SERIES):
        if start:
            asyncio.run(forget_sources(database))
        faults += _series(database, plans[start : start + SERIES], killed)
    return {
        "points": len({name for name, prepare, _ in plans if prepare is not None}),
        "crashes": sum(killed.values()),
        "never_reached": sorted({name for name, *_ in plans} - {name for name, count in killed.items() if count}),
        "differences": len(faults),
        "examples": faults[:5],
    }


def _series(database: str, plans: Sequence[Plan], killed: Counter[str]) -> list[str]:
    asyncio.run(watch_sources(database))
    at = START + HOUR
    child(functools.partial(look, database, at))
    rounds, faults = [at], []
    for name, prepare, kill_after in plans:
        at += ROUND
        killed[name] += child(functools.partial(look, database, at), prepare, kill_after)
        again = at + AGAIN
        child(functools.partial(look, database, again))
        rounds += [at, again]
        found = asyncio.run(differences(database, rounds, again))
        faults += [f"after {name}: {fault}" for fault in found]
    return faults


def plans_for(times: int, kills: int, rng: random.Random) -> list[Plan]:
    """Each point before and after, ``times`` times at varying passings; then ``kills`` at random moments."""
    found: list[Plan] = []
    for turn in range(times):
        for point in POINTS:
            for after in (False, True):
                name = f"{'after' if after else 'before'} {point}"
                call = 1 if turn == 0 else rng.randint(1, 3)
                found.append((name, functools.partial(arm, POINTS[point], after, call), None))
    found += [("random moment", None, rng.uniform(0.005, 0.15)) for _ in range(kills)]
    return found


def main() -> None:
    """The command."""
    parser = harness.parser(__doc__)
    parser.add_argument("--times", type=int, default=100, help="crashes at each point")
    parser.add_argument("--kills", type=int, default=500, help="kills at random moments")
    parser.add_argument("--migrations", type=int, default=100, help="kills in the middle of a migration")
    given = parser.parse_args()
    with harness.database({"fsync": "off"}) as server:
        asyncio.run(upgrade(server.url))
        parts = {
            "polling": run(server.url, plans_for(given.times, given.kills, random.Random(11))),
            "hooks": faults_hooks.run(server.url, given.times),
            "migrating": faults_migrating.run(server.url, given.migrations),
        }
    figures = {f"{part}_{name}": value for part, found in parts.items() for name, value in found.items()}
    ok = not any(found["differences"] or found["never_reached"] for found in parts.values())
    harness.report(ok, figures, given.json)


if __name__ == "__main__":
    main()
