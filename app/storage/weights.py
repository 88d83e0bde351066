"""What each silence of a list is worth, read off the marks by the server: no arithmetic in this process.

May assume that ``rhythms`` follows the last post of ``account_state``. Promises: the figures of
``domain.worth.by_marks``, rounded; a test compares the two. They come with the rows of the list, in its own statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain import worth
from app.domain.marks import STEPS
from app.domain.rhythm import constants as c
from app.domain.rhythm.readings import Reading
from app.domain.silence import Streak
from app.storage.raw import fetch


class Weight(NamedTuple):
    """What the unbroken part of a silence after the last post is worth; None where it cannot be said so sharply."""

    reading: str
    chance: float | None
    times_a_year: float | None
    expected_posts: float | None
    posts: int
    days: float


_ALL = len(STEPS)
_STEPS = "(array[{}]::float8[])".format(",".join(map(str, STEPS)))
_RARE, _UNUSUAL = STEPS.index(c.RARE_TIMES) + 1, STEPS.index(c.UNUSUAL_TIMES) + 1
_SHORT = f"interval '{c.RARE_HOURS} hours'"
#: Between two marks figures are interpolated as in ``Marks``: by powers.
_FIGURES = f"""
case when not r.enough then '{Reading.NOT_ENOUGH}' when until < r.even_at then '{Reading.TOO_QUIET}'
     when passed < {_UNUSUAL} then '{Reading.ORDINARY}' when passed < {_RARE} or short then '{Reading.UNUSUAL}'
     when passed is not null then '{Reading.RARE}' end,
case when r.enough and passed > 0 then greatest(
    round(1e4 * r.chances[passed]::float8 * power(r.chances[next]::float8 / r.chances[passed]::float8, part)) / 1e4,
    case when short then {worth.LEAST_CHANCE_SHORT} else {worth.LEAST_CHANCE} end) end,
case when r.enough and passed > 0 then greatest(
    round(10 * {_STEPS}[passed] * power({_STEPS}[next] / {_STEPS}[passed], part)) / 10,
    case when short then {c.RARE_TIMES} else {worth.LEAST_TIMES} end) end,
case when r.enough then round((10 * r.posts_a_day * date_part('epoch', until - r.last_post_at) / 86400)::float8) / 10
     end, r.posts, round((10 * r.days)::float8) / 10"""
_WIDTH = len(Weight._fields)


def _places(until: str) -> str:
    """Where a silence to ``until`` stands among the marks.

    ``offset 0`` keeps the planner from working that out anew for every figure.
    """
    return f"""
left join lateral (
    select {until} as until, width_bucket({until}, r.marks) as passed,
           {until} - r.last_post_at <= {_SHORT} as short offset 0
) place on true
left join lateral (
    select least(passed + 1, {_ALL}) as next, case when passed in (0, {_ALL}) then 0 else
        date_part('epoch', until - r.marks[passed]) / date_part('epoch', r.marks[passed + 1] - r.marks[passed])
        end as part offset 0
) way on true"""


_WEIGHTS = f"""
select r.account_id, {_FIGURES} from unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) as asked (id, since, ends)
join rhythms r on r.account_id = id and r.last_post_at = since {_places("ends")}
"""  # noqa: S608 - constants only


def beside(board: str, order: str) -> str:
    """The statement ``board``, $1 of which is now, with what each of its silences is worth: ``read_weight`` reads it.

    It holds where coverage has no hole since the last post.
    """
    return f"""
select board.*, {_FIGURES} from ({board}) board
left join rhythms r on r.account_id = board.account_id and r.last_post_at = board.last_post_at
{_places("greatest(least(board.covered_until, $1), board.last_post_at)")}
order by {order}"""  # noqa: S608 - constants only


def read_weight(row: Any) -> Weight | None:
    """The last columns of a row of ``beside``; None where the account was not fitted yet."""
    return None if row[-2] is None else Weight._make(row[-_WIDTH:])


async def weigh(conn: AsyncConnection, streaks: Sequence[tuple[int, Streak]]) -> dict[int, Weight]:
    """By account what its open streak is worth. Those without a rhythm, or a post on record, are left out."""
    known = [(id_, one.starts_at, one.starts_at + one.proven) for id_, one in streaks if one.starts_at is not None]
    if not known:
        return {}
    ids, starts, ends = zip(*known, strict=True)
    rows = await fetch(conn, _WEIGHTS, ids, starts, ends)
    return {row[0]: Weight._make(row[1:]) for row in rows}
