"""Rhythms on record: who is due for a fit, what was fitted, and the marks of each account's silence.

May assume a connection. Promises: nothing is fitted here, and no question fits anything; marks always follow the post
that ``account_state`` names, for whoever reads both in one statement. Rows of ``rhythms`` are locked by account, after
those of ``account_state`` and before those of ``rule_states``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.marks import Marks, marks_of
from app.domain.models import DEFAULT_KINDS
from app.domain.rhythm.state import VERSION, Rhythm
from app.storage.raw import executemany, fetch

#: A busy account is fitted at most so often.
PAUSE = timedelta(hours=1)
#: Whoever took accounts to fit them may have died: they are due again this much later.
LEASE = timedelta(minutes=5)

#: What ``read_marks`` reads, in its order, of ``rhythms r``.
COLUMNS = "r.last_post_at, r.marks, r.chances, r.even_at, r.posts_a_day, r.enough, r.posts, r.days"
_LOAD = "select account_id, value from rhythm_values where account_id = any($1::int[])"
_MARKS = f"""
select r.account_id, {COLUMNS} from rhythms r where r.account_id = any($1::int[]) and r.last_post_at is not null
"""  # noqa: S608 - constants only


async def load(conn: AsyncConnection, account_ids: Collection[int]) -> dict[int, Rhythm]:
    """The rhythms of these accounts. Those that were not fitted yet, or by another version, are left out."""
    rows = await fetch(conn, _LOAD, sorted(account_ids)) if account_ids else []
    return {row[0]: rhythm for row in rows if (rhythm := read_value(row[1])) is not None}


def read_value(value: bytes | None) -> Rhythm | None:
    """A rhythm from its column; None where there is none, or one of another version."""
    return Rhythm.from_bytes(value) if value and value[0] == VERSION else None


async def marks(conn: AsyncConnection, account_ids: Collection[int]) -> dict[int, Marks]:
    """The marks of these accounts. Those that were not fitted yet are left out."""
    rows = await fetch(conn, _MARKS, sorted(account_ids)) if account_ids else []
    return {row[0]: read_marks(row[1:]) for row in rows}


def read_marks(row: Iterable[Any]) -> Marks:
    """Marks from ``COLUMNS``."""
    last_post, moments, chances, *rest = row
    return Marks(last_post, tuple(moments), tuple(chances), *rest)


_HOLD = "select account_id from rhythms where account_id = any($1::int[]) order by account_id for update"
_NOW = """
select s.account_id, s.last_post_at, v.value from account_state s left join rhythm_values v using (account_id)
where s.account_id = any($1::int[]) order by 1
"""
_BEGIN = """
insert into rhythms (account_id, due_at) select id, $2 from unnest($1::int[]) id order by id on conflict do nothing
"""
_SOON = (
    "update rhythms set due_at = greatest(fitted_at + $3::interval, $2::timestamptz) where account_id = any($1::int[])"
)
_SET_MARKS = """
update rhythms set last_post_at = $2, marks = $3, chances = $4, even_at = $5, posts_a_day = $6, enough = $7,
posts = $8, days = $9 where account_id = $1
"""


async def follow(conn: AsyncConnection, account_ids: Collection[int], now: datetime) -> None:
    """These accounts have posted: their marks move, and a fit is due. The caller holds their state rows."""
    if not account_ids:
        return
    ids = sorted(account_ids)
    known = {row[0] for row in await fetch(conn, _HOLD, ids)}
    if fresh := [id_ for id_ in ids if id_ not in known]:
        await fetch(conn, _BEGIN, fresh, now)
    if known:
        await fetch(conn, _SOON, sorted(known), now, PAUSE)
        rows = [(row[0], row[1], read_value(row[2])) for row in await fetch(conn, _NOW, sorted(known))]
        await _mark(conn, [(id_, marks_of(rhythm, at)) for id_, at, rhythm in rows if at is not None and rhythm])


async def _mark(conn: AsyncConnection, made: Iterable[tuple[int, Marks]]) -> None:
    rows = [
        (
            *(id_, each.last_post, list(each.moments), list(each.chances), each.even_at, each.posts_a_day),
            *(each.enough, each.posts, each.days),
        )
        for id_, each in made
    ]
    if rows:
        await executemany(conn, _SET_MARKS, rows)


_TAKE = """
update rhythms r set due_at = $2 from (
    select account_id from rhythms where due_at <= $1 order by due_at limit $3 for update skip locked
) as due where r.account_id = due.account_id returning r.account_id
"""
_SET_VALUE = """
insert into rhythm_values (account_id, value) values ($1, $2)
on conflict (account_id) do update set value = excluded.value where rhythm_values.value <> excluded.value
"""
# A post that came after the account was taken has moved due_at.
_DONE = """
update rhythms set fitted_at = $2, version = $3, due_at = case when due_at <> $4 then $2::timestamptz + $5::interval end
where account_id = any($1::int[])
"""
# As a change of the rule would: what an adaptive rule has not told yet is judged by what is known now.
_REARM = f"""
with armed as (
    select rs.account_id, rs.rule_id from rule_states rs join rules r on r.id = rs.rule_id
    where rs.account_id = any($1::int[]) and r.kind = 'adaptive' and r.kinds = {int(DEFAULT_KINDS)}
      and rs.quiet_event_id is null order by 1, 2 for update of rs
)
update rule_states rs set check_at = $2 from armed
where rs.account_id = armed.account_id and rs.rule_id = armed.rule_id
"""  # noqa: S608 - constants only
_RENEW = "update rhythms set due_at = $1 where version not in (0, $2) and due_at is null"
_CALL_FOR = """
with called as (
    select r.account_id from rhythms r join accounts a on a.id = r.account_id
    where (a.id = $1 or a.subject_id = $2) and r.fitted_at is not null order by 1 for update of r
)
update rhythms r set due_at = r.fitted_at from called where r.account_id = called.account_id
"""


async def take(conn: AsyncConnection, now: datetime, limit: int) -> list[int]:
    """Accounts to fit now, the longest due first; nobody else takes them within LEASE."""
    return sorted(row[0] for row in await fetch(conn, _TAKE, now, now + LEASE, limit))


async def write(conn: AsyncConnection, fitted: Mapping[int, Rhythm], now: datetime) -> None:
    """Store the rhythms of accounts that were taken at ``now``, and have adaptive rules judge by them.

    Accounts that are gone are left out.
    """
    held = [row[0] for row in await fetch(conn, _HOLD, sorted(fitted))]
    if not held:
        return
    await executemany(conn, _SET_VALUE, [(id_, fitted[id_].to_bytes()) for id_ in held])
    posted = {row[0]: row[1] for row in await fetch(conn, _NOW, held)}
    await _mark(conn, [(id_, marks_of(fitted[id_], at)) for id_ in held if (at := posted[id_]) is not None])
    await fetch(conn, _DONE, held, now, VERSION, now + LEASE, PAUSE)
    await fetch(conn, _REARM, held, now)


async def renew(conn: AsyncConnection, now: datetime) -> None:
    """Whatever another version has fitted is due."""
    await fetch(conn, _RENEW, now, VERSION)


async def call_for(conn: AsyncConnection, *, account_id: int | None = None, subject_id: int | None = None) -> None:
    """An account, or those of a subject, live by other clocks now: they are due."""
    await fetch(conn, _CALL_FOR, account_id, subject_id)
