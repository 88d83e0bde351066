"""The board by how unusual the silences are, by the marks of each account: one statement.

May assume that ``rhythms`` follows the last post of ``account_state``. Promises: what is rarer by the account's own
rhythm comes first; what is too quiet to tell, not observed, or without enough history comes last, in the order of the
board. The order at one ``now`` holds over pages however many looks go by: of an account that can be seen all time up to
``now`` counts for the order, of any other only what was observed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.coverage import LIVE_GAP
from app.domain.silence import State
from app.storage import weights
from app.storage.names import Selection, conditions
from app.storage.raw import fetch
from app.storage.silence import COLUMNS, ORDER, STATE, TABLES, Row, Standing, read_rows


class Place(NamedTuple):
    """Where the board goes on."""

    rarity: float
    """How many marks have passed, and how much of the way to the next one; -1 where nothing can be said."""
    last_post_at: datetime | None
    account_id: int


_RARITY = """
case when not enough or until is null or marked_at is distinct from last_post_at then -1
     when until < even_at or covered_from > last_post_at then 0
     else passed + case
         when passed = cardinality(marks) then 0
         else extract(epoch from until - coalesce(marks[passed], last_post_at))
              / extract(epoch from marks[passed + 1] - coalesce(marks[passed], last_post_at)) end
end"""


def unusual_sql(selected: str) -> str:
    """The statement of ``board`` for a condition of ``names.conditions``. $1 to $3 as in ``silence.board_sql``."""
    names = ", ".join(Standing._fields)
    order = f"rarity desc, {ORDER}"
    board = f"""
select {names}, state, rarity from (
    select *, coalesce({_RARITY}, -1)::float8 as rarity from (
        select *, width_bucket(until, marks) as passed from (
            select *, case when state = 'unknown' then least(covered_until, $1) else $1 end as until from (
                select {COLUMNS}, {STATE} as state, r.enough, r.last_post_at as marked_at, r.even_at, r.marks
                from {TABLES} left join rhythms r on r.account_id = a.id where {selected}
            ) judged where $4::text[] is null or state = any($4)
        ) seen
    ) marked
) board
where $5::float8 is null or rarity < $5 or rarity = $5 and (
    (last_post_at, account_id) > ($6::timestamptz, $7::int)
    or last_post_at is null and ($6::timestamptz is not null or account_id > $7))
order by {order} limit $8
"""  # noqa: S608 - constants only
    return weights.beside(board, order)


async def board(
    conn: AsyncConnection,
    selection: Selection,
    *,
    now: datetime,
    least: timedelta,
    states: Collection[State] | None = None,
    after: Place | None = None,
    limit: int = 100,
) -> list[tuple[Row, Place]]:
    """The accounts of a set, the most unusual silence first, each with its weight and place. Default kinds, live."""
    wanted = None if states is None else [str(each) for each in states]
    selected, values = conditions(selection, first=9)
    place = after or (None, None, None)
    rows = await fetch(conn, unusual_sql(selected), now, least, LIVE_GAP, wanted, *place, limit, *values)
    return [
        (each, Place(row["rarity"], each.standing.last_post_at, each.standing.account_id))
        for each, row in zip(await read_rows(conn, rows, now, weighed=True), rows, strict=True)
    ]


async def tally(
    conn: AsyncConnection, selection: Selection, *, now: datetime, least: timedelta
) -> tuple[dict[State, int], int]:
    """How many accounts of the set are in each state, and how many have history enough to weigh their silence."""
    selected, values = conditions(selection, first=4)
    tables = f"{TABLES} left join rhythms r on r.account_id = a.id"
    sql = (
        f"select {STATE} as state, count(*), count(*) filter (where r.enough) from {tables} where {selected} group by 1"  # noqa: S608
    )
    counted, judged = dict.fromkeys(State, 0), 0
    for name, number, enough in await fetch(conn, sql, now, least, LIVE_GAP, *values):
        counted[State(name)] = number
        judged += enough
    return counted, judged
