"""Posts as they are known, read by account and time.

May assume a connection. Promises: reads are set-shaped (one statement for any number of accounts) and go along the
index on (account, time); ``as_of`` shows a post, its deletion too, only from the moment it was seen.
Decision 0005 tells why kind and note share a column and why there is no key on the id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import DEFAULT_KINDS, DateNote, Interval, Kind, Post
from app.storage.raw import fetch
from app.storage.tables import UNDATED

#: Bounds for questions without a window and without an ``as_of``.
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
ALWAYS = Interval(EARLIEST, LATEST)
_KINDS = {value: Kind(value) for value in range(32)}
_NOTES = {value: DateNote(value) for value in range(32)}
#: What ``read_post`` reads, in its order. A deletion is shown from the moment it was seen ($5 is ``as_of``).
COLUMNS = """native_id, marks, posted_at, first_seen_at, url, posted_after,
case when deleted_seen_at <= $5 then deleted_seen_at end"""


#: A condition on ``marks``: the post breaks a silence, for it is no late import. Put so that the planner expects nearly
#: every post to pass; of "& flag = 0" it expects one in 200, and reads a whole account where the last post would do.
BREAKS = f"marks & {int(DateNote.BACKDATED) << 8} <> {int(DateNote.BACKDATED) << 8}"


def marks_of(kind: Kind, note: DateNote = DateNote.NONE) -> int:
    """What ``posts.marks`` holds: the kind in the low byte, the note in the high byte."""
    return int(kind) | int(note) << 8


def kind_of(marks: int) -> Kind:
    """The kind in ``posts.marks``."""
    return _KINDS[marks & 255]


def note_of(marks: int) -> DateNote:
    """The note in ``posts.marks``."""
    return _NOTES[marks >> 8]


def read_post(row: Iterable[Any]) -> Post:
    """A post from ``COLUMNS``."""
    native_id, marks, posted_at, first_seen_at, url, posted_after, deleted_seen_at = row
    kind, note = _KINDS[marks & 255], _NOTES[marks >> 8]
    return Post(native_id, kind, posted_at, first_seen_at, url, note, posted_after, deleted_seen_at)


_PAGE = f"""
select {COLUMNS} from posts
where account_id = $1 and posted_at >= $2 and posted_at < $3 and (posted_at, native_id) < ($6, $7)
  and posted_at <= $6 and marks & $4 <> 0 and first_seen_at <= $5
order by posted_at desc, native_id desc limit $8
"""  # noqa: S608 - constants only


async def page(
    conn: AsyncConnection,
    account_id: int,
    *,
    kinds: Kind = DEFAULT_KINDS,
    window: Interval = ALWAYS,
    as_of: datetime = LATEST,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[Post]:
    """Posts of one account, newest first, those beyond ``after`` (time and id of the last one given)."""
    time, native_id = after or (LATEST, "")
    values = (account_id, window.start, window.end, int(kinds), as_of, time, native_id, limit)
    return [read_post(row) for row in await fetch(conn, _PAGE, *values)]


#: The second half finds undated posts that may have been made inside the window though they were seen after its end.
_LOAD = f"""
select account_id, {COLUMNS} from posts
where account_id = any($1::int[]) and posted_at >= $2 and posted_at < $3 and marks & $4 <> 0 and first_seen_at <= $5
union all
select account_id, {COLUMNS} from posts
where account_id = any($1::int[]) and posted_at >= $3 and ({UNDATED}) and (posted_after is null or posted_after < $3)
  and marks & $4 <> 0 and first_seen_at <= $5
order by account_id, posted_at, native_id
"""  # noqa: S608 - constants only


async def load(
    conn: AsyncConnection,
    account_ids: Sequence[int],
    *,
    kinds: Kind = DEFAULT_KINDS,
    window: Interval = ALWAYS,
    as_of: datetime = LATEST,
) -> dict[int, list[Post]]:
    """Every post that lies, or for an undated one may lie, inside the window; oldest first, by internal account id.

    Every asked account has an entry.
    """
    found: dict[int, list[Post]] = {account_id: [] for account_id in account_ids}
    rows = await fetch(conn, _LOAD, list(found), window.start, window.end, int(kinds), as_of)
    for row in rows:
        account_id, *rest = row
        found[account_id].append(read_post(rest))
    return found


_LAST = """
select id, {} from unnest($1::int[]) id cross join lateral (
    select * from posts
    where account_id = id and posted_at < $2 and marks & $4 <> 0 and first_seen_at <= $5 and {}
    order by posted_at desc limit $3
) last order by id, posted_at
"""
_LAST_ANY, _LAST_COUNTED = _LAST.format(COLUMNS, "true"), _LAST.format(COLUMNS, BREAKS)


async def load_last(
    conn: AsyncConnection,
    account_ids: Sequence[int],
    *,
    before: datetime = LATEST,
    kinds: Kind = DEFAULT_KINDS,
    as_of: datetime = LATEST,
    each: int = 1,
    counted: bool = False,
) -> dict[int, list[Post]]:
    """The last ``each`` posts of every account before an instant, oldest first. Every asked account has an entry.

    ``counted``: only those that end a silence, so no back-dated ones (``domain.silence.counts``).
    """
    found: dict[int, list[Post]] = {account_id: [] for account_id in account_ids}
    statement = _LAST_COUNTED if counted else _LAST_ANY
    for row in await fetch(conn, statement, list(found), before, each, int(kinds), as_of):
        account_id, *rest = row
        found[account_id].append(read_post(rest))
    return found


async def count(conn: AsyncConnection, account_id: int) -> int:
    """How many posts of the account are known, of every kind."""
    rows = await fetch(conn, "select count(*) from posts where account_id = $1", account_id)
    return int(rows[0][0])
