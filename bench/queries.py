"""What the questions cost: silence of one account, the board, participation and longest streaks of 1,000 accounts.

    python -m bench.queries [--accounts N] [--posts N] [--rounds N] [--json]

A made-up world (``bench.world``) is built on a PostgreSQL of the bench's own; the rhythms of its roster are fitted and
a rule judges it, so that every answer carries what it carries in life. Floors of the same run, taking turns with
what they are compared with: a primary-key read of the same 1,000 state rows through the same driver, and FastAPI with
asyncpg reading one row. Promises: the statements behind board, participation and longest streak take at p95 at most 1,
3 and 4 times that read; over HTTP they take at p95 at most 50, 60 and 80 ms; silence of one account takes at p50 at
most twice the bare read; every longest streak of the sample equals ``lag()`` over all posts.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.commands.serving import settle_memory
from app.domain.models import Interval
from app.domain.silence import State
from app.storage import keys, migrate, names, participation, silence, streaks
from app.storage.engine import create_engine
from app.storage.names import Selection
from app.storage.posts import LATEST
from app.storage.raw import fetch
from bench import meanings, world
from bench.harness import Stopwatch, cpu_of, database, parser, percentile, report, scratch
from bench.meanings import ROSTER
from bench.queries_servers import running, serve_bare, serve_ours
from bench.world import NOW

WEEK, YEAR = timedelta(days=7), timedelta(days=365)
WINDOW = Interval(NOW - timedelta(days=9), NOW - timedelta(days=2))
#: Loading need not survive a power cut; reading does not touch these.
SETTINGS = {
    "shared_buffers": "1GB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "256MB",
}
#: At p95: how often the primary-key read of the same rows; milliseconds over HTTP.
RATIOS = {"board": 1.0, "participation": 3.0, "longest": 4.0}
LIMITS_MS = {"board": 50.0, "participation": 60.0, "longest": 80.0}
SAMPLE = 300
#: The longest streak that reaches into the last year, the open one included, from every post.
BY_LAG = """
select id, (select max(ends - starts) from (
    select posted_at as starts, lead(posted_at, 1, $2) over (order by posted_at) as ends
    from posts where account_id = id and marks & 15 <> 0) every where ends > $3)
from unnest($1::int[]) id
"""
Question = Callable[[], Awaitable[object]]


def statements(conn: AsyncConnection, ids: list[int]) -> dict[str, Question]:
    """The bare statements, rows as the driver gives them."""
    width = len(ids)
    board, board_values = names.conditions(ROSTER, first=8)
    taking, taking_values = names.conditions(ROSTER, first=8)
    longest, longest_values = names.conditions(ROSTER, first=4)
    blind = timedelta(hours=25)
    quiet, every = [State.QUIET.value], None
    return {
        "key_read": partial(fetch, conn, "select * from account_state where account_id = any($1::int[])", ids),
        "board": partial(
            fetch, conn, silence.weighed_sql(board), NOW, WEEK, blind, quiet, None, None, width, *board_values
        ),
        "board_every_row": partial(
            fetch, conn, silence.weighed_sql(board), NOW, WEEK, blind, every, None, None, width, *board_values
        ),
        "participation": partial(
            fetch,
            conn,
            participation.answer_sql(taking),
            None,
            WINDOW.start,
            WINDOW.end,
            15,
            LATEST,
            width,
            WINDOW.start,
            *taking_values,
        ),
        "longest": partial(fetch, conn, streaks.longest_sql(longest), NOW - YEAR, None, width, *longest_values),
    }


def functions(conn: AsyncConnection, width: int) -> dict[str, Question]:
    """The same questions through the storage layer: values as the API gets them."""
    return {
        "board": lambda: silence.board(
            conn, ROSTER, now=NOW, least=WEEK, states=[State.QUIET], limit=width, weighed=True
        ),
        "board_every_row": lambda: silence.board(conn, ROSTER, now=NOW, least=WEEK, limit=width, weighed=True),
        "participation": lambda: participation.answer(conn, ROSTER, WINDOW, now=NOW, limit=width),
        "longest": lambda: streaks.longest(conn, ROSTER, NOW - YEAR, now=NOW, limit=width),
    }


async def take_turns(questions: Mapping[str, Question], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every question, one after the other, round by round; two rounds to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in questions}
    for turn in range(rounds + 2):
        for name, ask in questions.items():
            began = time.perf_counter()
            await ask()
            if turn >= 2:
                taken[name].append((time.perf_counter() - began) * 1000)
    return taken


async def exact(conn: AsyncConnection, ids: list[int]) -> int:
    """How many longest streaks of a sample differ from ``lag()`` over all posts."""
    sample = ids[:: max(1, len(ids) // SAMPLE)]
    wanted = dict(map(tuple, await fetch(conn, BY_LAG, sample, NOW, NOW - YEAR)))
    found = await streaks.longest(conn, Selection(ids=tuple(sample)), NOW - YEAR, now=NOW, limit=len(sample))
    lengths = {one.standing.account_id: one.whole.length if one.whole else None for one in found}
    return sum(lengths[each] != wanted[each] for each in sample)


async def in_database(engine: AsyncEngine, rounds: int) -> dict[str, float]:
    async with engine.connect() as conn:
        ids = await names.select_ids(conn, ROSTER, limit=1000)
        wrong = await exact(conn, ids)
        taken = await take_turns(statements(conn, ids), rounds)
        whole = await take_turns(functions(conn, len(ids)), rounds)
    floor = percentile(taken["key_read"], 0.95)
    figures: dict[str, float] = {"roster": len(ids), "longest_not_exact": wrong}
    for name, values in taken.items():
        figures[f"{name}_p50_ms"] = round(percentile(values, 0.5), 2)
        figures[f"{name}_p95_ms"] = round(percentile(values, 0.95), 2)
        if name != "key_read":
            figures[f"{name}_ratio"] = round(percentile(values, 0.95) / floor, 2)
            figures[f"{name}_values_p95_ms"] = round(percentile(whole[name], 0.95), 2)
    return figures


class Client:
    """One kept connection that asks as fast as answers come."""

    def __init__(self, port: int, key: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, path: str) -> float:
        """Milliseconds until the whole answer is here."""
        began = time.perf_counter()
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        return (time.perf_counter() - began) * 1000


def over_http(url: str, key: str, public_ids: Mapping[int, str], rounds: int) -> dict[str, float]:
    """One account beside the bare read, in turns; then the sets."""
    iso = partial(datetime.isoformat, timespec="seconds")
    start, end = iso(WINDOW.start).replace("+00:00", "Z"), iso(WINDOW.end).replace("+00:00", "Z")
    sets = {
        "board": "/v1/silence?tag=roster&limit=1000&min=P7D",
        "participation": f"/v1/participation?tag=roster&limit=1000&start={start}&end={end}",
        "longest": "/v1/streaks?tag=roster&limit=1000&within=P365D",
    }
    figures: dict[str, float] = {}
    with scratch() as path, running(serve_ours, url, path) as ours, running(serve_bare, url, Path(path)) as bare:
        us, floor = Client(ours[0], key), Client(bare[0])
        one: list[float] = []
        least: list[float] = []
        for turn, (id_, public_id) in enumerate(list(public_ids.items()) * 2):
            least.append(floor.ask(f"/state/{id_}"))
            one.append(us.ask(f"/v1/accounts/{public_id}/silence"))
            if turn == 20:  # warmed up
                one.clear()
                least.clear()
        figures["one_bare_http_p50_ms"] = round(percentile(least, 0.5), 2)
        figures["one_http_p50_ms"] = round(percentile(one, 0.5), 2)
        figures["one_http_ratio"] = round(percentile(one, 0.5) / percentile(least, 0.5), 2)
        for name, path_ in sets.items():
            us.ask(path_)
            before = cpu_of(ours[1])
            taken = [us.ask(path_) for _ in range(rounds)]
            figures[f"{name}_http_cpu_ms"] = round((cpu_of(ours[1]) - before) * 1000 / rounds, 1)
            figures[f"{name}_http_p50_ms"] = round(percentile(taken, 0.5), 1)
            figures[f"{name}_http_p95_ms"] = round(percentile(taken, 0.95), 1)
    return figures


async def prepare(url: str, accounts: int, posts: int) -> tuple[str, dict[int, str], float]:
    """Build the world; an API key, some accounts, and how many seconds it took."""
    await migrate.upgrade(url)
    with Stopwatch() as watch:
        await world.build(url, accounts=accounts, posts=posts)
    engine = create_engine(url, statement_timeout=None)
    await meanings.fit(engine)
    await meanings.judge(engine)
    async with engine.begin() as conn:
        _, key = await keys.create(conn, "bench", ["read"], NOW)
        rows = await fetch(
            conn, "select id, public_id from accounts where tags @> $1 order by md5(public_id) limit 500", [ROSTER.tag]
        )
    await engine.dispose()
    return key, {row[0]: row[1] for row in rows}, watch.wall


async def ask_database(url: str, rounds: int) -> dict[str, float]:
    settle_memory()  # as the service does
    engine = create_engine(url, statement_timeout=None)
    try:
        return await in_database(engine, rounds)
    finally:
        await engine.dispose()


def kept(figures: Mapping[str, float]) -> bool:
    """Whether every promise of the docstring holds."""
    return (
        figures["longest_not_exact"] == 0
        and figures["one_http_ratio"] <= 2
        and all(figures[f"{name}_ratio"] <= most for name, most in RATIOS.items())
        and all(figures[f"{name}_http_p95_ms"] <= most for name, most in LIMITS_MS.items())
    )


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--accounts", type=int, default=10_000)
    asked.add_argument("--posts", type=int, default=10_000_000)
    asked.add_argument("--rounds", type=int, default=60)
    options = asked.parse_args()
    with database(SETTINGS) as server:
        key, public_ids, seconds = asyncio.run(prepare(server.url, options.accounts, options.posts))
        figures: dict[str, float] = {
            "accounts": options.accounts,
            "posts": options.posts,
            "build_seconds": round(seconds, 1),
            **asyncio.run(ask_database(server.url, options.rounds)),
            **over_http(server.url, key, public_ids, options.rounds),
        }
    report(kept(figures), figures, options.json)


if __name__ == "__main__":
    main()
