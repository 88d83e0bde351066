"""What was said of each account's next day, and what came of it: rows for ``domain.calibration``.

May assume a connection, inside a transaction where something is written. Promises: a day is judged only where its
account was watched through all of it, whether it posted or not; what is said rests on what was known when it was
written, and is not changed afterwards. Rows stay few: one an account, and one a day and bin of chances, for KEEP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.calibration import BINS, RARE, Record, Tally
from app.domain.models import DEFAULT_KINDS
from app.domain.rhythm.state import VERSION, Rhythm
from app.domain.silence import UNDATED
from app.storage.posts import BREAKS
from app.storage.raw import executemany, fetch
from app.storage.rhythms import read_value
from app.storage.tables import UNDATED as MAYBE_UNDATED

LENGTH = timedelta(days=1)
#: A day that no look has confirmed so long after its end is given up.
PATIENCE = timedelta(days=1)
#: An account that was seen longer ago than this is not forecast: what is said would be about the past.
BLIND = timedelta(hours=25)
#: A single-precision number holds no smaller one.
_LEAST = 1e-30
#: Days are kept so long.
KEEP = timedelta(days=400)


class Due(NamedTuple):
    """A day that is over."""

    account_id: int
    starts_at: datetime
    chance: float
    record: Record
    watched: bool
    """Without a hole, and without a post that nobody can date."""
    posted: bool


class Ready(NamedTuple):
    """An account of which nothing is said at present."""

    account_id: int
    starts_at: datetime
    """Up to here everything is known. It lies behind the last post, which is no part of the day."""
    last_post: datetime
    rhythm: Rhythm


_COUNTED = f"marks & {int(DEFAULT_KINDS)} <> 0 and {BREAKS}"
_NO_DATE = f"({MAYBE_UNDATED}) and marks & {int(UNDATED) << 8} <> 0"
_TAKE = f"""
select f.account_id, f.starts_at, f.chance, f.chances, f.silences,
       coalesce(s.covered_from <= f.starts_at and s.covered_until >= f.starts_at + $2::interval, false)
       and not exists (select from posts where account_id = f.account_id and posted_at >= f.starts_at and {_NO_DATE}
           and {_COUNTED} and (posted_after is null or posted_after < f.starts_at + $2)),
       exists (select from posts where account_id = f.account_id and posted_at >= f.starts_at
           and posted_at < f.starts_at + $2 and {_COUNTED})
from forecasts f join account_state s using (account_id)
where f.starts_at <= $1::timestamptz - $2 and (s.covered_until >= f.starts_at + $2
   or f.starts_at <= $1 - $2 - $3::interval)
order by f.account_id limit $4 for update of f skip locked
"""  # noqa: S608 - constants only
_SETTLE = """
update forecasts set starts_at = null, chance = null, chances = $2, silences = $3, likelihood = $4 where account_id = $1
"""
_ADD = """
insert into calibration as c values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (day, bin) do update set windows = c.windows + excluded.windows, silent = c.silent + excluded.silent,
    expected = c.expected + excluded.expected, spread = c.spread + excluded.spread,
    squares = c.squares + excluded.squares, compared = c.compared + excluded.compared,
    compared_squares = c.compared_squares + excluded.compared_squares,
    share_squares = c.share_squares + excluded.share_squares
"""
_READY = """
select r.account_id, greatest(s.covered_until, s.last_post_at + interval '1 microsecond'), s.last_post_at, v.value
from rhythms r join account_state s using (account_id) join rhythm_values v using (account_id)
left join forecasts f using (account_id)
where r.enough and r.version = $5 and f.starts_at is null and r.account_id > $1 and s.last_post_at is not null
  and s.covered_until > $2::timestamptz - $3::interval
order by r.account_id limit $4
"""
_SAY = """
insert into forecasts as f (account_id, starts_at, chance) select id, $2, $3 from accounts where id = $1 for key share
on conflict (account_id) do update set starts_at = excluded.starts_at, chance = excluded.chance
where f.starts_at is null
"""
_SUMS = """sum(windows)::int, sum(silent)::int, sum(expected), sum(spread), sum(squares), sum(compared)::int,
sum(compared_squares), sum(share_squares)"""
_DAYS = f"""
select day, {_SUMS} from calibration where day >= $1 and day < $2 group by day order by day
"""  # noqa: S608 - constants only
_BINS = f"""
select bin, {_SUMS} from calibration where day >= $1 group by bin
"""  # noqa: S608 - constants only
_RECORD = "select chances, silences from forecasts where account_id = $1"
_DRIFTING = """
select a.public_id, f.chances, f.silences from forecasts f join accounts a on a.id = f.account_id
where f.likelihood <= $1 order by f.likelihood, a.id limit $2
"""
_COUNTS = """
select count(*) filter (where cardinality(chances) >= $2), count(*) filter (where likelihood <= $1) from forecasts
"""


async def take(conn: AsyncConnection, now: datetime, limit: int) -> list[Due]:
    """Days that are over and confirmed, or given up. The caller holds them, and settles every one."""
    rows = await fetch(conn, _TAKE, now, LENGTH, PATIENCE, limit)
    return [Due(row[0], row[1], row[2], Record(tuple(row[3]), tuple(row[4])), row[5], row[6]) for row in rows]


async def settle(
    conn: AsyncConnection,
    records: Iterable[tuple[int, Record]],
    sums: Iterable[tuple[date, int, Tally]],
) -> None:
    """Write the new records of accounts that were taken, and add to the sums of days and bins."""
    made = [(id_, list(each.chances), list(each.silences), max(each.likelihood, _LEAST)) for id_, each in records]
    if made:
        await executemany(conn, _SETTLE, made)
    # In one order, whoever writes: two workers would wait for each other.
    rows = sorted((day, number, *_columns(tally)) for day, number, tally in sums)
    if rows:
        await executemany(conn, _ADD, rows)


def _columns(tally: Tally) -> tuple[int | float, ...]:
    first = (tally.windows, tally.silent, tally.expected, tally.spread, tally.squares)
    return (*first, tally.compared, tally.compared_squares, tally.share_squares)


async def ready(conn: AsyncConnection, after: int, now: datetime, limit: int) -> list[Ready]:
    """Accounts with history enough of which nothing is said, from one internal id on."""
    rows = await fetch(conn, _READY, after, now, BLIND, limit, VERSION)
    found = [(row[0], row[1], row[2], read_value(row[3])) for row in rows]
    return [Ready(id_, at, last_post, rhythm) for id_, at, last_post, rhythm in found if rhythm is not None]


async def say(conn: AsyncConnection, said: Sequence[tuple[int, datetime, float]]) -> None:
    """By account when its next day begins, and the chance that no post comes in it."""
    if said:
        await executemany(conn, _SAY, said)


async def prune(conn: AsyncConnection, now: datetime) -> None:
    """Days beyond KEEP go."""
    await fetch(conn, "delete from calibration where day < $1", (now - KEEP).date())


async def days(conn: AsyncConnection, since: date, until: date) -> list[Tally]:
    """The sums of each day, in order; days without any are left out."""
    return [Tally(*row[1:]) for row in await fetch(conn, _DAYS, since, until)]


async def bins(conn: AsyncConnection, since: date) -> list[Tally]:
    """The sums of each bin of chances since a day."""
    found = {row[0]: Tally(*row[1:]) for row in await fetch(conn, _BINS, since)}
    return [found.get(number, Tally()) for number in range(BINS)]


async def record_of(conn: AsyncConnection, account_id: int) -> Record:
    """What was said of an account, and what came."""
    rows = await fetch(conn, _RECORD, account_id)
    return Record(tuple(rows[0][0]), tuple(rows[0][1])) if rows else Record()


async def drifting(conn: AsyncConnection, limit: int) -> list[tuple[str, Record]]:
    """The accounts that drift, by public id, the unlikeliest first."""
    rows = await fetch(conn, _DRIFTING, RARE, limit)
    return [(row[0], Record(tuple(row[1]), tuple(row[2]))) for row in rows]


async def count(conn: AsyncConnection, least: int) -> tuple[int, int]:
    """How many accounts have a record of so many days, and how many of all drift."""
    row = (await fetch(conn, _COUNTS, RARE, least))[0]
    return row[0], row[1]
