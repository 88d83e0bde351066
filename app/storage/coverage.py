"""Coverage as recorded: the stretches within which every visible post is known.

May assume a connection. Promises: one statement for any number of accounts, along the index on (account, end). The
rows are raw: kinds, holes and what was known at an earlier moment are judged by ``domain.coverage``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Interval, Kind, Stretch
from app.storage.posts import ALWAYS, LATEST
from app.storage.raw import fetch

_COLUMNS = "starts_at, ends_at, kinds, live, recorded_from, recorded_to, largest_gap_s, lag_s"
_KINDS = {value: Kind(value) for value in range(32)}
_LOAD = f"""
select account_id, {_COLUMNS} from coverage
where account_id = any($1::int[]) and ends_at > $2 and starts_at < $3 and recorded_from <= $4
order by account_id, starts_at, id
"""  # noqa: S608 - constants only


def read_stretch(row: Sequence[Any]) -> Stretch:
    """A stretch from starts_at, ends_at, kinds, live, recorded_from, recorded_to, largest_gap_s, lag_s."""
    starts_at, ends_at, kinds, live, recorded_from, recorded_to, gap, lag = row
    widest, behind = timedelta(seconds=gap), timedelta(seconds=lag)
    return Stretch(starts_at, ends_at, _KINDS[kinds], live, recorded_from, recorded_to, widest, behind)


async def load(
    conn: AsyncConnection, account_ids: Sequence[int], *, window: Interval = ALWAYS, as_of: datetime = LATEST
) -> dict[int, list[Stretch]]:
    """Stretches that overlap the window and had begun to be recorded at ``as_of``, by start, by internal account id.

    They are not cut to the window. A stretch that still grew after ``as_of`` is given as it is now; ``known_at`` of
    ``domain.coverage`` cuts it. Every asked account has an entry.
    """
    found: dict[int, list[Stretch]] = {account_id: [] for account_id in account_ids}
    for row in await fetch(conn, _LOAD, list(found), window.start, window.end, as_of):
        account_id, *rest = row
        found[account_id].append(read_stretch(rest))
    return found
