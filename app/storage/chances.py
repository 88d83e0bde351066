"""What the chance of a window needs of each account: its rhythm, and its last post before the window.

May assume a connection. Promises: one statement for a set; nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import DEFAULT_KINDS
from app.domain.rhythm.state import VERSION
from app.storage.posts import BREAKS
from app.storage.raw import fetch

_LAST = f"""(
    select posted_at from posts where account_id = asked.id and posted_at < asked.before
    and marks & {int(DEFAULT_KINDS)} <> 0 and {BREAKS} order by posted_at desc limit 1
)"""  # noqa: S608 - constants only
_LOAD = f"""
select v.account_id, v.value, {_LAST}
from unnest($1::int[], $2::timestamptz[]) as asked (id, before) join rhythm_values v on v.account_id = asked.id
"""  # noqa: S608 - constants only
_LAST_POSTS = f"""
select {_LAST} from unnest($1::int[], $2::timestamptz[]) with ordinality as asked (id, before, place) order by place
"""  # noqa: S608 - constants only


async def load(conn: AsyncConnection, before: Mapping[int, datetime]) -> dict[int, tuple[bytes, datetime | None]]:
    """By account its rhythm as it is stored, and its last post of the default kinds before the given moment.

    Accounts without a rhythm, or with one of another version, are left out.
    """
    rows = await fetch(conn, _LOAD, list(before), list(before.values())) if before else []
    return {row[0]: (row[1], row[2]) for row in rows if row[1][0] == VERSION}


async def last_posts(conn: AsyncConnection, asked: Sequence[tuple[int, datetime]]) -> list[datetime | None]:
    """For each account and moment the last post of the default kinds before it."""
    ids, moments = [id_ for id_, _ in asked], [at for _, at in asked]
    return [row[0] for row in await fetch(conn, _LAST_POSTS, ids, moments)] if asked else []
