"""Bytes that one stored post takes, all indexes included, when posts arrive as in life: accounts interleaved.

    python -m bench.storage_size [--accounts N] [--posts N] [--json]

Every post goes through the service's own insert, in groups of up to 200 accounts with one to three new posts each, half
of them with ids like Bluesky's (13 characters), half like Mastodon's (18 digits). Promise: at most 120 bytes a post.
For comparison the same posts are loaded once more account by account, the order in which indexes pack best.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.models import Kind, Post
from app.storage import migrate
from app.storage.engine import create_engine
from app.storage.raw import fetch
from app.storage.sightings import NewPosts, insert_posts
from bench.harness import Stopwatch, database, parser, report

PROMISE = 120.0
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
GROUP = 200
ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
#: Nothing here is about durability.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
KINDS = (Kind.ORIGINAL, Kind.REPLY, Kind.REPOST, Kind.QUOTE)


def looks(accounts: int, posts: int, rng: random.Random) -> Iterator[list[NewPosts]]:
    """Groups of looks in the order of time. Some accounts post a hundred times as often as others.

    What a look finds was posted since the last look at that account.
    """
    rates = [rng.lognormvariate(0, 1.1) for _ in range(accounts)]
    seen = [BEGIN] * accounts
    at, made = BEGIN, 0
    while made < posts:
        at += timedelta(minutes=15)
        group = []
        for account in sorted(set(rng.choices(range(accounts), rates, k=min(GROUP, accounts)))):
            times = [seen[account] + (at - seen[account]) * rng.random() for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            group.append(NewPosts(account + 1, tuple(post(account, time, at, rng) for time in times)))
            seen[account] = at
            made += len(times)
        yield group


def post(account: int, posted_at: datetime, seen_at: datetime, rng: random.Random) -> Post:
    """A post of this account with an id of its platform's kind."""
    if account % 2:
        since = int((posted_at - BEGIN).total_seconds() * 1000)
        native_id = str(110_000_000_000_000_000 + since * 65_536 + rng.randrange(65_536))
    else:
        native_id = "".join(rng.choices(ALPHABET, k=13))
    return Post(native_id, rng.choice(KINDS), posted_at, seen_at)


async def fill(engine: AsyncEngine, accounts: int, posts: int) -> None:
    """Store the posts, one transaction a group. Without accounts: posts have no foreign key."""
    for group in looks(accounts, posts, random.Random(7)):
        async with engine.begin() as conn:
            await insert_posts(conn, group)


async def sizes(conn: AsyncConnection, table: str) -> tuple[int, float, float]:
    """Rows, bytes a row in the table itself, and in its indexes."""
    ((rows, heap, indexes),) = await fetch(
        conn,
        f"select count(*), pg_table_size('{table}'), pg_indexes_size('{table}') from {table}",
    )
    return rows, heap / rows, indexes / rows


async def measure(url: str, accounts: int, posts: int) -> dict[str, float]:
    await migrate.upgrade(url)
    engine = create_engine(url, statement_timeout=None)
    with Stopwatch() as watch:
        await fill(engine, accounts, posts)
    async with engine.connect() as conn:
        rows, heap, indexes = await sizes(conn, "posts")
        await fetch(conn, "create table packed (like posts including indexes)")
        await fetch(conn, "insert into packed select * from posts order by account_id, posted_at")
        _, packed_heap, packed_indexes = await sizes(conn, "packed")
    await engine.dispose()
    return {
        "posts": rows,
        "accounts": accounts,
        "bytes_per_post": round(heap + indexes, 1),
        "bytes_table": round(heap, 1),
        "bytes_indexes": round(indexes, 1),
        "bytes_per_post_loaded_in_order": round(packed_heap + packed_indexes, 1),
        "promise": PROMISE,
        "seconds": round(watch.wall, 1),
    }


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--accounts", type=int, default=400)
    asked.add_argument("--posts", type=int, default=400_000)
    options = asked.parse_args()
    with database(FAST) as server:
        figures = asyncio.run(measure(server.url, options.accounts, options.posts))
    report(figures["bytes_per_post"] <= PROMISE, figures, options.json)


if __name__ == "__main__":
    main()
