"""The longest silences on record, for one account or a thousand, from the few rows of ``storage.gaps``.

May assume that every look keeps ``account_state`` and ``gaps`` up to date. Promises: for the default kinds and a window
that ends now the longest possible and the longest proven streak are exact; a length that coverage does not prove is
never given as proven. Streaks of other kinds or moments come from ``domain.silence.streaks`` over posts and coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Interval
from app.domain.rhythm.state import Rhythm
from app.domain.silence import Streak
from app.storage.names import Selection, conditions, find_id
from app.storage.posts import EARLIEST, read_post
from app.storage.raw import fetch
from app.storage.rhythms import read_value
from app.storage.rule_states import BRIEFS, Brief, read_briefs
from app.storage.silence import COLUMNS, TABLES, Standing, live_streaks, open_streaks, streak_of

ZERO = timedelta(0)


class Longest(NamedTuple):
    """The longest streak of an account that has a part in the window, whole; of equals the latest."""

    standing: Standing
    streak: Streak
    """The open streak, which may be the longest itself."""
    whole: Interval | None
    """The longest, by what is possible: it ends now when it is the open one. None where no post is known."""
    whole_proven: timedelta
    """How much of that one is proven, from its start."""
    proven: Interval | None
    """The longest proven part of any. None where nothing is proven."""
    rules: tuple[Brief, ...] = ()
    """What each rule makes of the account, the earliest deadline first; only where ``one`` was asked."""
    rhythm: Rhythm | None = None
    """How the account usually posts, if that is known; only where ``one`` was asked."""


#: A closed streak and its proven part: of those that end after $1 the longest, and the longest proven.
LONGEST = """
left join lateral (
    select starts_at, ends_at, proven_until from gaps
    where account_id = a.id and ends_at > $1 order by ends_at - starts_at desc, ends_at desc limit 1
) w on true
left join lateral (
    select starts_at, proven_until from gaps
    where w.proven_until < w.ends_at and account_id = a.id and proven_until > greatest($1, starts_at)
    order by proven_until - starts_at desc, ends_at desc limit 1
) p on true"""
CLOSED = """w.starts_at, w.ends_at, w.proven_until, coalesce(p.starts_at, w.starts_at) as proven_start,
coalesce(p.proven_until, w.proven_until) as proven_end"""


def longest_sql(selected: str) -> str:
    """The statement of ``longest`` for a condition of ``names.conditions``."""
    return f"""select {COLUMNS}, {CLOSED} from {TABLES} {LONGEST}
where {selected} and ($2::int is null or a.id > $2) order by a.id limit $3"""  # noqa: S608 - constants only


async def longest(
    conn: AsyncConnection,
    selection: Selection,
    window_start: datetime,
    *,
    now: datetime,
    after: int | None = None,
    limit: int = 1000,
) -> list[Longest]:
    """The longest streak of every account of a set in [window_start, now), in the order of addition.

    ``after`` is the internal id of the last account given.
    """
    selected, values = conditions(selection, first=4)
    rows = await fetch(conn, longest_sql(selected), window_start, after, limit, *values)
    width = len(Standing._fields)
    standings = [Standing._make(row[:width]) for row in rows]
    streaks = await live_streaks(conn, standings, now)
    return [
        pick(each, streaks[each.account_id], row[width:], window_start, now)
        for each, row in zip(standings, rows, strict=True)
    ]


_LAST = "native_id, marks, posted_at, first_seen_at, url, posted_after, deleted_seen_at"
#: All of the answer about one account in one statement: $1 is the beginning of time, $2 now, $3 the account.
_ONE = f"""
select {COLUMNS}, {CLOSED}, (
    select max(largest_gap_s) from coverage
    where account_id = a.id and ends_at > coalesce(s.last_post_at, s.covered_from)
    and starts_at < case when s.last_post_at is null then least(s.covered_until, $2) else $2 end
), {BRIEFS}, (select value from rhythm_values where account_id = a.id), l.*
from {TABLES} {LONGEST}
left join lateral (
    select {_LAST} from posts
    where account_id = a.id and posted_at = s.last_post_at and native_id = s.last_post_id limit 1
) l on true
where a."""  # noqa: S608 - constants only


async def one(conn: AsyncConnection, key: str, *, now: datetime) -> Longest | None:
    """The open streak of one account, with its last post, and the longest on record. Default kinds, live.

    ``key`` is whatever ``names.find`` understands; a public id costs one statement. None: we watch no such account.
    """
    if key.startswith("acc_"):
        rows = await fetch(conn, _ONE + "public_id = $3", EARLIEST, now, key)
    else:
        rows = await fetch(conn, _ONE + "id = $3", EARLIEST, now, await find_id(conn, key))
    if not rows:
        return None
    row, width = rows[0], len(Standing._fields)
    standing = Standing._make(row[:width])
    streak = streak_of(standing, now)
    if streak is None:
        streak = (await open_streaks(conn, [standing.account_id], now=now))[standing.account_id]
    else:
        post = read_post(row[width + 8 :]) if row[width + 8] is not None else None
        streak = replace(streak, post=post, largest_gap=timedelta(seconds=row[width + 5] or 0))
    found = pick(standing, streak, row[width : width + 5], EARLIEST, now)
    return found._replace(rules=read_briefs(row[width + 6]), rhythm=read_value(row[width + 7]))


def pick(
    standing: Standing, streak: Streak, closed: Sequence[datetime | None], window_start: datetime, now: datetime
) -> Longest:
    """The longest among the closed ones (the columns ``CLOSED``) and the open one; of equals the open one."""
    starts_at, ends_at, proven_until, proven_start, proven_end = closed
    whole, whole_proven, proven = _of_open(streak, window_start, now)
    if starts_at is None or ends_at is None or proven_until is None or proven_start is None or proven_end is None:
        return Longest(standing, streak, whole, whole_proven, proven)
    if whole is None or ends_at - starts_at > whole.end - whole.start:
        whole, whole_proven = Interval(starts_at, ends_at), proven_until - starts_at
    if proven_end > window_start and proven_end - proven_start > (proven.end - proven.start if proven else ZERO):
        proven = Interval(proven_start, proven_end)
    return Longest(standing, streak, whole, whole_proven, proven)


def _of_open(
    streak: Streak, window_start: datetime, now: datetime
) -> tuple[Interval | None, timedelta, Interval | None]:
    """The open streak, its proven length, and its longest proven part that reaches into the window.

    Without a post that is the coverage that ends last.
    """
    start, tail = streak.starts_at, streak.tail
    if tail is not None and tail.end <= window_start:
        tail = None
    if start is None:
        return None, ZERO, tail
    whole = Interval(start, max(now, start))
    if tail is not None and tail.start == start:
        return whole, streak.proven, tail
    # Coverage has a hole: either part may be the longer one.
    proven = Interval(start, start + streak.proven)
    if proven.end <= max(window_start, start) or (tail is not None and tail.length > proven.length):
        return whole, streak.proven, tail
    return whole, streak.proven, proven
