"""What each silence of a list is worth, read off the marks by the server: no arithmetic in this process.

May assume that ``rhythms`` follows the last post of ``account_state``. Promises: the figures of
``domain.worth.by_marks``, rounded; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain import worth
from app.domain.marks import STEPS
from app.domain.rhythm import constants as c
from app.domain.rhythm.readings import Reading
from app.domain.silence import Streak
from app.storage.raw import fetch


class Weight(NamedTuple):
    """What the unbroken part of a silence after the last post is worth; None where it cannot be said so sharply."""

    account_id: int
    reading: str
    chance: float | None
    times_a_year: float | None
    expected_posts: float | None
    posts: int
    days: float


_STEPS = "array[{}]::float8[]".format(",".join(map(str, STEPS)))
_RARE, _UNUSUAL = STEPS.index(c.RARE_TIMES) + 1, STEPS.index(c.UNUSUAL_TIMES) + 1
_SHORT = f"interval '{c.RARE_HOURS} hours'"
#: Between two marks figures are interpolated as in ``Marks``: by powers.
_WEIGHTS = f"""
select account_id, case
    when not enough then '{Reading.NOT_ENOUGH}' when until < even_at then '{Reading.TOO_QUIET}'
    when passed < {_UNUSUAL} then '{Reading.ORDINARY}' when passed < {_RARE} or short then '{Reading.UNUSUAL}'
    else '{Reading.RARE}' end,
  case when enough and passed > 0 then greatest(
    round(1e4 * chances[passed] * power(chances[last] / chances[passed], part)) / 1e4,
    case when short then {worth.LEAST_CHANCE_SHORT} else {worth.LEAST_CHANCE} end) end,
  case when enough and passed > 0 then greatest(
    round(10 * steps[passed] * power(steps[last] / steps[passed], part)) / 10,
    case when short then {c.RARE_TIMES} else {worth.LEAST_TIMES} end) end,
  case when enough then round((10 * posts_a_day * extract(epoch from length) / 86400)::float8) / 10 end,
  posts, round((10 * days)::float8) / 10
from (
    select *, length <= {_SHORT} as short, least(passed + 1, cardinality(marks)) as last, case
        when passed = 0 or passed = cardinality(marks) then 0
        else extract(epoch from until - marks[passed])::float8
             / extract(epoch from marks[passed + 1] - marks[passed])::float8 end as part
    from (
        select r.account_id, r.marks, r.chances::float8[] as chances, r.enough, r.even_at, r.posts, r.days,
               r.posts_a_day, until, until - last_post_at as length,
               width_bucket(until, marks) as passed, {_STEPS} as steps
        from unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) as asked (id, since, until)
        join rhythms r on r.account_id = id and r.last_post_at = since
    ) marked
) placed
"""  # noqa: S608 - constants only


async def weigh(conn: AsyncConnection, streaks: Sequence[tuple[int, Streak]]) -> dict[int, Weight]:
    """By account what its open streak is worth. Those without a rhythm, or a post on record, are left out."""
    known = [(id_, one.starts_at, one.starts_at + one.proven) for id_, one in streaks if one.starts_at is not None]
    if not known:
        return {}
    ids, starts, ends = zip(*known, strict=True)
    rows = await fetch(conn, _WEIGHTS, ids, starts, ends)
    return {row[0]: Weight._make(row) for row in rows}
