"""The closed streaks that may still be the longest of a window that ends now: about eight rows an account.

May assume, for writes, that the caller's transaction holds the account's row. A streak is the stretch between two
consecutive counted posts of the default kinds; back-dated posts do not break one. A row is kept while no later streak
is at least as long or while no later streak has as long a proven part, so both longest lengths, the
possible and the proven one, are exact for every window that ends now. Promises: nothing unproven is called proven.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.coverage import known_at
from app.domain.models import DEFAULT_KINDS, DateNote, Interval, Post, Stretch
from app.domain.silence import TICK, ZERO, counts, earliest
from app.storage import coverage
from app.storage.posts import BREAKS, EARLIEST, LATEST
from app.storage.raw import copy_rows, fetch


class Gap(NamedTuple):
    """A closed streak [starts_at, ends_at); seen without a break from its start up to ``proven_until``."""

    starts_at: datetime
    ends_at: datetime
    proven_until: datetime


_PLAIN = DateNote.NONE
#: A counted post: its effective time, and the earliest time it may have been made.
Made = tuple[datetime, datetime | None]
#: One row a counted post: its time and the earliest time it may have been made (NULL: nothing bounds it).
_COUNTED = f"p.marks & {int(DEFAULT_KINDS)} <> 0 and p.{BREAKS}"
#: From the last one at or before a moment on, or from the first.
_TIMES = f"""
select p.account_id, p.posted_at, case when p.posted_after is not null then least(p.posted_after, p.posted_at)
       when p.marks & {int(DateNote.MISSING | DateNote.UNREADABLE) << 8} = 0 then p.posted_at end
from unnest($1::int[], $2::timestamptz[]) wanted(id, since)
cross join lateral (
    select coalesce((select p.posted_at from posts p
                     where p.account_id = wanted.id and p.posted_at <= wanted.since and {_COUNTED}
                     order by p.posted_at desc limit 1),
                    '{EARLIEST.isoformat()}') as first
) start
join posts p on p.account_id = wanted.id and p.posted_at >= start.first
where {_COUNTED}
order by p.account_id, p.posted_at
"""  # noqa: S608 - constants only
_STORED = """
select account_id, starts_at, ends_at, proven_until from gaps where account_id = any($1::int[])
order by account_id, ends_at
"""
_DROP = text("""
delete from gaps using unnest(cast(:ids as integer[]), cast(:ends as timestamptz[])) gone(id, ends_at)
where gaps.account_id = any(cast(:ids as integer[])) and gaps.account_id = gone.id and gaps.ends_at = gone.ends_at
""")
_FIELDS = ("account_id", "starts_at", "ends_at", "proven_until")


async def begin(conn: AsyncConnection, found: Mapping[int, tuple[Iterable[Post], Iterable[Stretch]]]) -> None:
    """Write the rows of accounts of which these are all posts and all coverage: there was nothing before."""
    rows = {account_id: keep(read_gaps(_made(posts), covered)) for account_id, (posts, covered) in found.items()}
    await _replace(conn, rows, {})


async def refresh(
    conn: AsyncConnection, since: Mapping[int, datetime | None], covered: Mapping[int, Sequence[Stretch]] | None = None
) -> None:
    """Bring the rows of these accounts up to date after posts were added or coverage has changed.

    The value is the earliest moment that is affected; None rebuilds the account from all its posts. Only streaks from
    the last post before that moment on are read again, unless one that was kept was split by a post that surfaced
    late: what it had dominated counts again, and the account is rebuilt. ``covered``: all the coverage of accounts
    of which the caller knows it.
    """
    split = await _refresh(conn, since, covered or {})
    if split:
        await _refresh(conn, dict.fromkeys(split), covered or {})


async def _refresh(
    conn: AsyncConnection, since: Mapping[int, datetime | None], covered: Mapping[int, Sequence[Stretch]]
) -> list[int]:
    """Refresh; returns the accounts that must be rebuilt instead and were left as they are."""
    if not since:
        return []
    ids = sorted(since)
    starts = [since[account_id] or EARLIEST for account_id in ids]
    times: dict[int, list[Made]] = defaultdict(list)
    for account_id, posted_at, sure in await fetch(conn, _TIMES, ids, starts):
        times[account_id].append((posted_at, sure))
    begin = min((made[0][0] for made in times.values()), default=LATEST)
    unread = [account_id for account_id in ids if account_id not in covered]
    window = Interval(min(begin, *starts), LATEST)
    stretches = {**covered, **(await coverage.load(conn, unread, window=window) if unread else {})}
    stored = await load(conn, ids)
    changed: dict[int, list[Gap]] = {}
    split: list[int] = []
    for account_id in ids:
        fresh = read_gaps(times[account_id], stretches[account_id])
        whole = since[account_id] is None
        before = [] if whole else _before(stored[account_id], times[account_id], fresh)
        if before is None:
            split.append(account_id)
        elif (kept := keep([*before, *fresh])) != stored[account_id]:
            changed[account_id] = kept
    await _replace(conn, changed, stored)
    return split


def _made(posts: Iterable[Post]) -> list[Made]:
    """As ``_TIMES`` reads them."""
    made: list[Made] = []
    for post in posts:
        if post.note is _PLAIN:  # nothing had to be assumed of its time: nearly every post
            if int.__and__(post.kind, DEFAULT_KINDS):
                made.append((post.posted_at, post.posted_at))
        elif counts(post, DEFAULT_KINDS):
            made.append((post.posted_at, earliest(post)))
    made.sort(key=itemgetter(0))
    return made


def _before(stored: Sequence[Gap], times: Sequence[Made], fresh: Sequence[Gap]) -> list[Gap] | None:
    """The stored streaks before the first of ``times``; None where a later one is not among ``fresh`` any more."""
    first = times[0][0] if times else LATEST
    still = {(gap.starts_at, gap.ends_at) for gap in fresh}
    later = [gap for gap in stored if gap.ends_at > first]
    if any((gap.starts_at, gap.ends_at) not in still for gap in later):
        return None
    return [gap for gap in stored if gap.ends_at <= first]


async def _replace(
    conn: AsyncConnection, kept: Mapping[int, Sequence[Gap]], stored: Mapping[int, Sequence[Gap]]
) -> None:
    """Only the rows that differ are written."""
    gone: list[tuple[int, datetime]] = []
    rows: list[tuple[object, ...]] = []
    for account_id, gaps in kept.items():
        before = frozenset(stored.get(account_id, ()))
        rows += [(account_id, *gap) for gap in gaps if gap not in before]
        gone += [(account_id, gap.ends_at) for gap in before.difference(gaps)]
    if gone:
        ids, ends = map(list, zip(*gone, strict=True))
        await conn.execute(_DROP, {"ids": ids, "ends": ends})
    if rows:
        await copy_rows(conn, "gaps", _FIELDS, rows)


async def load(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, list[Gap]]:
    """The kept streaks by internal account id, oldest first. Every asked account has an entry."""
    found: dict[int, list[Gap]] = {account_id: [] for account_id in account_ids}
    for account_id, starts_at, ends_at, proven_until in await fetch(conn, _STORED, list(found)):
        found[account_id].append(Gap(starts_at, ends_at, proven_until))
    return found


def read_gaps(times: Sequence[Made], stretches: Iterable[Stretch]) -> list[Gap]:
    """The streaks between consecutive posts, which are sorted by time, with their proven parts.

    The proven part of a streak ends where coverage first breaks, and where an undated post may have ended it.
    """
    covered = iter(known_at(stretches, None, DEFAULT_KINDS).all())
    piece = next(covered, None)
    found: list[Gap] = []
    for (start, _), (end, sure) in itertools.pairwise(times):
        if start == end:
            continue
        while piece is not None and piece.end <= start:
            piece = next(covered, None)
        proven = start
        # The instant of the post itself needs no coverage: it is known what happened in it.
        if piece is not None and sure is not None and sure > start and piece.start <= start + TICK:
            proven = min(piece.end, end, sure)
        found.append(Gap(start, end, proven))
    return found


def keep(gaps: Sequence[Gap]) -> list[Gap]:
    """Of streaks sorted by end those that are the longest, or the longest proven, of some window that ends now."""
    kept: list[Gap] = []
    longest = longest_proven = ZERO
    for gap in reversed(gaps):
        start, end, until = gap
        whole, proven = end - start, until - start
        if whole > longest or proven > longest_proven:
            kept.append(gap)
            longest, longest_proven = max(whole, longest), max(proven, longest_proven)
    kept.reverse()
    return kept
