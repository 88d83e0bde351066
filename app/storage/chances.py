"""What the chance of a window needs of each account beside its last post: its rhythm.

May assume a connection. Promises: one statement for a set; nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.rhythm.state import VERSION
from app.storage.raw import fetch

_LOAD = "select account_id, value from rhythm_values where account_id = any($1::int[])"


async def load(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, bytes]:
    """By account its rhythm as it is stored. Accounts without one, or with one of another version, are left out."""
    rows = await fetch(conn, _LOAD, account_ids) if account_ids else []
    return {id_: value for id_, value in rows if value[0] == VERSION}
