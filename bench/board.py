"""What it costs to say what silences are worth: the board of 1,000 accounts with meaning and without, in turns.

    python -m bench.board [--accounts N] [--posts N] [--rounds N] [--json]

A made-up world (``bench.world``) on a PostgreSQL of the bench's own; the rhythms of its roster are fitted as the worker
fits them. Both sides read the rows, build the lines and encode them, 1,000 a page, as the API does. Promises: with
meaning the board costs at most 1.2 times (median of the rounds) what it costs without, sorted by how unusual at most
twice; a page of 100 the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import boards
from app.api.boards import Sort
from app.api.context import Context
from app.api.lines import silence_row
from app.api.replies import encode
from app.commands.serving import settle_memory
from app.config import Settings
from app.domain.models import DEFAULT_KINDS
from app.main import create_app
from app.storage import migrate, silence
from app.storage.engine import create_engine
from bench import meanings, world
from bench.harness import Stopwatch, database, parser, percentile, report, scratch
from bench.meanings import ROSTER
from bench.world import NOW

WEEK = timedelta(days=7)


async def without(engine: AsyncEngine, shared: Context, limit: int) -> bytes:
    """The board as it is without meaning."""
    async with engine.connect() as conn:
        rows = await silence.board(conn, ROSTER, now=NOW, least=WEEK, limit=limit)
        totals = await silence.tally(conn, ROSTER, now=NOW, least=WEEK)
    lines = [silence_row(shared, row.standing, row.streak, row.state) for row in rows]
    return encode({"totals": totals, "items": lines})


async def with_meaning(engine: AsyncEngine, shared: Context, limit: int, sort: Sort) -> bytes:
    """The board as the API gives it."""
    asked = boards.Asked(
        selection=ROSTER,
        now=NOW,
        least=WEEK,
        states=None,
        kinds=DEFAULT_KINDS,
        as_of=None,
        sort=sort,
        place=None,
        limit=limit,
    )
    async with engine.connect() as conn:
        found = await boards.page(conn, asked)
    lines = [found.line(shared, row) for row in found.rows[:limit]]
    return encode({"totals": found.totals, "by_chance": found.by_chance, "items": lines})


async def take_turns(engine: AsyncEngine, shared: Context, limit: int, rounds: int) -> dict[str, float]:
    """Medians in milliseconds of wall time and of this process's CPU, two rounds to warm up."""
    sides: dict[str, Callable[[], Awaitable[bytes]]] = {
        "without": lambda: without(engine, shared, limit),
        "with": lambda: with_meaning(engine, shared, limit, "longest"),
        "unusual": lambda: with_meaning(engine, shared, limit, "unusual"),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    used: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 2):
        for name, ask in sides.items():
            began, cpu = time.perf_counter(), time.process_time()
            await ask()
            if turn >= 2:
                taken[name].append((time.perf_counter() - began) * 1000)
                used[name].append((time.process_time() - cpu) * 1000)
    figures: dict[str, float] = {}
    for name, values in taken.items():
        figures[f"{name}_{limit}_ms"] = round(percentile(values, 0.5), 2)
        figures[f"{name}_{limit}_cpu_ms"] = round(percentile(used[name], 0.5), 2)
    figures[f"ratio_{limit}"] = round(percentile(taken["with"], 0.5) / percentile(taken["without"], 0.5), 3)
    figures[f"ratio_unusual_{limit}"] = round(percentile(taken["unusual"], 0.5) / percentile(taken["without"], 0.5), 3)
    return figures


async def run(url: str, path: Path, accounts: int, posts: int, rounds: int) -> dict[str, float]:
    await migrate.upgrade(url)
    with Stopwatch() as watch:
        await world.build(url, accounts=accounts, posts=posts)
    settle_memory()  # as the service does
    engine = create_engine(url, statement_timeout=None)
    try:
        figures: dict[str, float] = {"build_seconds": round(watch.wall, 1), "judged": await meanings.fit(engine)}
        shared = create_app(Settings(data_dir=path), engine, clock=lambda: NOW).state.context
        for limit in (1000, 100):
            figures |= await take_turns(engine, shared, limit, rounds)
        return figures
    finally:
        await engine.dispose()


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--accounts", type=int, default=10_000)
    asked.add_argument("--posts", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=60)
    options = asked.parse_args()
    with database() as server, scratch() as path:
        figures = asyncio.run(run(server.url, Path(path), options.accounts, options.posts, options.rounds))
    kept = all(figures[f"ratio_{n}"] <= 1.2 and figures[f"ratio_unusual_{n}"] <= 2 for n in (1000, 100))
    report(kept, figures, options.json)


if __name__ == "__main__":
    main()
