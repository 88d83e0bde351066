"""Crashes at named points and at random moments (battery E3, E1): what is stored is what was shown, once.

A child process looks at scripted sources and is killed (SIGKILL) at one named point, or some milliseconds after it
began; a second child looks again once the leases have ended. Then the database is compared with the model: every post
that was shown is stored once and none besides, coverage claims nothing that no look proved, streaks and answers follow
from the posts, and no account is left leased. Network and clock are scripted, everything else is the worker itself.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import structlog
from sqlalchemy import text

from app.domain.models import Failure, Identity, OutcomeName
from app.platforms import platforms
from app.platforms.base import Request, Response
from app.storage import accounts, claims, gaps, hosts, looks, memory, sightings
from app.storage.engine import AsyncConnection, create_engine
from app.storage.migrate import upgrade
from app.worker import ingest, poll
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Validators
from bench import harness

START = datetime(2026, 3, 1, tzinfo=UTC)
ROUND = timedelta(hours=5)
SOURCES = 9
HOUR = timedelta(hours=1)
#: Where a process is killed: before and after each of these. ``commit`` is the end of the writing transaction.
POINTS: dict[str, tuple[Any, str]] = {
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
    "gaps": (gaps, "refresh"),
    "commit": (ingest, "apply"),
}


@dataclass(frozen=True, slots=True)
class Script:
    """What source ``n`` shows at a moment. A function of time alone, so that every process sees the same."""

    n: int

    def posts(self, now: datetime) -> list[tuple[str, datetime]]:
        """The 15 newest, newest first. Sources 2 and 3 delete a post now and then, source 4 names its posts anew."""
        every = HOUR * (1 + self.n)
        last = int((now - START) / every)
        found = [(f"{self.n}-{i}", START + i * every) for i in range(last, last - 15, -1)]
        if self.n in (2, 3):
            found = [post for post in found if int(post[0].rsplit("-", 1)[1]) % 7]
        return found

    def show(self, request: Request, validators: Validators | None, now: datetime) -> Response | Failure:
        """The answer: source 5 fails now and then, 6 and 8 share a host that asks to wait, 7 knows versions."""
        turn = int((now - START) / ROUND)
        if self.n == 5 and turn % 3 == 1:
            return Failure(OutcomeName.UNREACHABLE, "connect", "no connection")
        if self.n in (6, 8) and (now - START - HOUR) % ROUND < timedelta(minutes=10):
            return Response(request.url, 429, {"retry-after": "600"}, b"", now)
        posts = self.posts(now)
        etag = f'"{posts[0][0]}"'
        if self.n == 7 and validators is not None and validators.etag == etag.encode():
            return Response(request.url, 304, {"etag": etag}, b"", now)
        rows = "".join(
            f"<item><guid isPermaLink='false'>{name}</guid><link>http://s{self.n}.example/{name}</link>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for name, at in posts
        )
        body = f"<rss version='2.0'><channel><title>t</title>{rows}</channel></rss>".encode()
        return Response(request.url, 200, {"etag": etag}, body, now)


class Scripted:
    """The network: every source by its host name."""

    async def send(
        self, request: Request, *, validators: Validators | None = None, now: Callable[[], datetime]
    ) -> Response | Failure:
        """The scripted answer, after others had their turn."""
        await asyncio.sleep(0)
        n = int(request.url.rsplit("/", 1)[1])
        return Script(n).show(request, validators, now())


async def look(database: str, at: datetime) -> None:
    """One round of the worker at ``at``."""
    engine = create_engine(database, pool_size=4)
    options = Options(group=3, group_wait=timedelta(milliseconds=2))
    ctx = Context(engine, Scripted(), platforms(), VirtualClock(at), options=options)
    await poll.run_once(ctx, at)
    await engine.dispose()


def arm(point: str, after: bool, call: int) -> None:
    """Kill this process at the ``call``-th passing of the point."""
    module, name = POINTS[point]
    original: Callable[..., Awaitable[Any]] = getattr(module, name)
    passed = Counter[str]()

    @functools.wraps(original)
    async def fatal(*args: Any, **kwargs: Any) -> Any:
        passed[name] += 1
        if not after and passed[name] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await original(*args, **kwargs)
        if after and passed[name] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, fatal)


def child(database: str, at: datetime, prepare: Callable[[], None] | None, kill_after: float | None = None) -> bool:
    """Run a round in a forked process; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
            if prepare is not None:
                prepare()
            asyncio.run(look(database, at))
            os._exit(0)
        except BaseException:  # the child must not run the parent code
            traceback.print_exc()
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1:
        raise RuntimeError("a round failed by itself")
    return os.WIFSIGNALED(status)


async def watch_sources(database: str) -> None:
    """Watch every source."""
    engine = create_engine(database)
    async with engine.begin() as conn:
        for n in range(SOURCES):
            host = f"s{6 if n == 8 else n}.example"
            url = f"http://{host}/{n}"
            await accounts.add(conn, Identity("feed", url, url, host, url), now=START)
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
    shown = {name for at in rounds for name, _ in Script(n).posts(at)}
    if len(set(stored)) != len(stored):
        faults.append(f"source {n}: posts stored twice")
    if set(stored) - shown:
        faults.append(f"source {n}: posts nobody showed: {sorted(set(stored) - shown)[:3]}")
    [state] = await conn.execute(text("SELECT * FROM account_state WHERE account_id = :a"), {"a": n + 1})
    good = state.good_at
    missing = {name for name, _ in Script(n).posts(good)} - set(stored) if good is not None else set()
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


def run(database: str, plans: Sequence[tuple[str, Callable[[], None] | None, float | None]]) -> dict[str, Any]:
    """Crash once by every plan, recover, compare."""
    asyncio.run(watch_sources(database))
    rounds, faults, killed = [], [], Counter[str]()
    at = START + HOUR
    child(database, at, None)
    rounds.append(at)
    for name, prepare, kill_after in plans:
        at += ROUND
        killed[name] += child(database, at, prepare, kill_after)
        again = at + timedelta(minutes=16)
        child(database, again, None)
        rounds += [at, again]
        found = asyncio.run(differences(database, rounds, again))
        faults += [f"after {name}: {fault}" for fault in found]
    return {
        "points": len({name for name, prepare, _ in plans if prepare is not None}),
        "crashes": sum(killed.values()),
        "never_reached": sorted({name for name, *_ in plans} - {name for name, count in killed.items() if count}),
        "differences": len(faults),
        "examples": faults[:5],
    }


def plans_for(times: int, kills: int, rng: random.Random) -> list[tuple[str, Callable[[], None] | None, float | None]]:
    """Each point before and after, ``times`` times at varying passings; then ``kills`` at random moments."""
    found: list[tuple[str, Callable[[], None] | None, float | None]] = []
    for turn in range(times):
        for point in POINTS:
            for after in (False, True):
                name = f"{'after' if after else 'before'} {point}"
                call = 1 if turn == 0 else rng.randint(1, 3)
                found.append((name, functools.partial(arm, point, after, call), None))
    found += [("random moment", None, rng.uniform(0.005, 0.15)) for _ in range(kills)]
    return found


def main() -> None:
    """The command."""
    parser = harness.parser(__doc__)
    parser.add_argument("--times", type=int, default=100, help="crashes at each point")
    parser.add_argument("--kills", type=int, default=500, help="kills at random moments")
    given = parser.parse_args()
    with harness.database({"fsync": "off"}) as server:
        asyncio.run(upgrade(server.url))
        figures = run(server.url, plans_for(given.times, given.kills, random.Random(11)))
    harness.report(not figures["differences"] and not figures["never_reached"], figures, given.json)


if __name__ == "__main__":
    main()
