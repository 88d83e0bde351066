"""Posts as looks bring them: compared with what is stored, added, marked.

May assume: the caller's transaction holds the accounts' rows (``looks.hold``), so nobody else adds posts to them.
Promises: set-shaped statements for a group of accounts; no post is ever removed; nothing but id, time, kind and link
is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import DEFAULT_KINDS, DateNote, Post
from app.storage.posts import BREAKS, marks_of
from app.storage.raw import copy_rows


@dataclass(frozen=True, slots=True)
class NewPosts:
    """Posts of one account that were not known before."""

    account_id: int
    posts: tuple[Post, ...]


# "IN (SELECT ...) IS TRUE" is looked up in a hash table. "= ANY" compares every post with every id once the statement
# is planned for any values, which PostgreSQL does after five times: 15 times the cost for accounts of 40 posts.
_KNOWN = text("""
SELECT account_id, native_id, posted_at, deleted_seen_at IS NOT NULL AS deleted FROM posts
WHERE account_id = ANY(CAST(:ids AS integer[])) AND (native_id IN (SELECT unnest(CAST(:native_ids AS text[])))) IS TRUE
""")

_KNOWN_LINKS = text("""
SELECT account_id, url, native_id FROM posts
WHERE account_id = ANY(CAST(:ids AS integer[])) AND (url IN (SELECT unnest(CAST(:urls AS text[])))) IS TRUE
""")

_COLUMNS = ("posted_at", "first_seen_at", "account_id", "marks", "native_id", "url", "posted_after")

_DELETE = text("""
UPDATE posts SET deleted_seen_at = gone.at
FROM unnest(CAST(:ids AS integer[]), CAST(:native_ids AS text[]), CAST(:at AS timestamptz[]))
     AS gone(account_id, native_id, at)
WHERE posts.account_id = gone.account_id AND posts.native_id = gone.native_id AND posts.deleted_seen_at IS NULL
""")

_RETURNED = text("""
UPDATE posts SET deleted_seen_at = NULL
FROM unnest(CAST(:ids AS integer[]), CAST(:native_ids AS text[])) AS back(account_id, native_id)
WHERE posts.account_id = back.account_id AND posts.native_id = back.native_id AND posts.deleted_seen_at IS NOT NULL
""")

_REKEY = text("""
UPDATE posts SET native_id = moved.new_id
FROM unnest(CAST(:ids AS integer[]), CAST(:old AS text[]), CAST(:new AS text[])) AS moved(account_id, old_id, new_id)
WHERE posts.account_id = moved.account_id AND posts.native_id = moved.old_id
""")

# Back-dated posts are kept and do not end a silence: they are no last post.
_LAST_POSTS = text(f"""
UPDATE account_state AS state
SET last_post_at = newest.posted_at, last_post_id = newest.native_id, last_post_url = newest.url,
    last_post_kind = newest.marks & 255, last_post_earliest = newest.earliest, posts_per_day = rate.per_day
FROM unnest(CAST(:ids AS integer[]), CAST(:since AS timestamptz[]), CAST(:days AS double precision[]))
     AS wanted(account_id, since, days)
LEFT JOIN LATERAL (
    SELECT posted_at, native_id, url, marks, CASE WHEN posted_after IS NOT NULL THEN least(posted_after, posted_at)
           WHEN marks & :undated = 0 THEN posted_at END AS earliest FROM posts
    WHERE posts.account_id = wanted.account_id AND posts.marks & :kinds <> 0
      AND posts.{BREAKS}
    ORDER BY posted_at DESC, native_id DESC LIMIT 1
) AS newest ON true
CROSS JOIN LATERAL (
    SELECT (count(*) * 1000 / wanted.days)::int AS per_day FROM posts
    WHERE posts.account_id = wanted.account_id AND posts.posted_at >= wanted.since
) AS rate
WHERE state.account_id = wanted.account_id
""")  # noqa: S608 - constants only


_UNDATED = int(DateNote.MISSING | DateNote.UNREADABLE) << 8
_COUNTED = {"kinds": int(DEFAULT_KINDS), "undated": _UNDATED}


async def known_posts(
    conn: AsyncConnection, wanted: Mapping[int, Collection[str]]
) -> dict[int, dict[str, tuple[datetime, bool]]]:
    """Which of these ids are stored already, by account: effective time, and whether marked as deleted."""
    found: dict[int, dict[str, tuple[datetime, bool]]] = defaultdict(dict)
    if not wanted:
        return found
    native_ids = sorted({native_id for ids in wanted.values() for native_id in ids})
    rows = await conn.execute(_KNOWN, {"ids": sorted(wanted), "native_ids": native_ids})
    for account_id, native_id, posted_at, deleted in rows:
        if native_id in wanted[account_id]:
            found[account_id][native_id] = (posted_at, deleted)
    return found


async def known_links(conn: AsyncConnection, wanted: Mapping[int, Collection[str]]) -> dict[int, dict[str, set[str]]]:
    """The stored ids that have one of these links, by account and link."""
    found: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    if not wanted:
        return found
    urls = sorted({url for links in wanted.values() for url in links})
    for account_id, url, native_id in await conn.execute(_KNOWN_LINKS, {"ids": sorted(wanted), "urls": urls}):
        if url in wanted[account_id]:
            found[account_id][url].add(native_id)
    return found


async def insert_posts(conn: AsyncConnection, batches: Iterable[NewPosts]) -> None:
    """Store posts that are known to be new."""
    rows = [
        (posted_at, seen_at, batch.account_id, marks_of(kind, note), native_id, url, after)
        for batch in batches
        for native_id, kind, posted_at, seen_at, url, note, after, _ in batch.posts
    ]
    if rows:
        # Oldest first: an index that grows at the end of each account packs 8 bytes a post tighter (decision 0005).
        rows.sort(key=itemgetter(2, 0))
        await copy_rows(conn, "posts", _COLUMNS, rows)


async def mark_deleted(conn: AsyncConnection, gone: Sequence[tuple[int, str, datetime]]) -> None:
    """(account, id, when it was found deleted): kept, and marked once."""
    if gone:
        ids, native_ids, at = map(list, zip(*gone, strict=True))
        await conn.execute(_DELETE, {"ids": ids, "native_ids": native_ids, "at": at})


async def mark_returned(conn: AsyncConnection, back: Sequence[tuple[int, str]]) -> None:
    """(account, id) that were seen again: they are not deleted (a page had left them out)."""
    if back:
        ids, native_ids = map(list, zip(*back, strict=True))
        await conn.execute(_RETURNED, {"ids": ids, "native_ids": native_ids})


async def rekey(conn: AsyncConnection, moved: Sequence[tuple[int, str, str]]) -> None:
    """(account, old id, new id): a feed gave its known posts new ids."""
    if moved:
        ids, old, new = map(list, zip(*moved, strict=True))
        await conn.execute(_REKEY, {"ids": ids, "old": old, "new": new})


async def refresh_last_posts(conn: AsyncConnection, observed: Mapping[int, float], now: datetime) -> None:
    """Bring last post and posts per day up to date, for accounts with news. ``observed``: days seen, at most 28."""
    if observed:
        ids = sorted(observed)
        days = [max(observed[account_id], 1.0) for account_id in ids]
        since = [now - timedelta(days=length) for length in days]
        await conn.execute(_LAST_POSTS, {"ids": ids, "since": since, "days": days, **_COUNTED})
