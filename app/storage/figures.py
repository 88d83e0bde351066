"""The figures of the gauges, from the narrow rows alone.

May assume a connection. Promises: two statements, neither of which reads posts or coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.claims import backlog
from app.storage.tables import Instant

_BY_PLATFORM = text("""
SELECT accounts.platform, accounts.status, count(*) AS accounts,
       avg(greatest(0, extract(epoch FROM least(state.covered_until, :now)
                                          - greatest(state.covered_from, :since)))
           / 86400.0) AS share
FROM accounts JOIN account_state AS state ON state.account_id = accounts.id
GROUP BY accounts.platform, accounts.status
""").bindparams(bindparam("now", type_=Instant), bindparam("since", type_=Instant))


@dataclass(frozen=True, slots=True)
class Figures:
    """How many accounts there are, by platform and status; what is covered; what waits."""

    accounts: dict[tuple[str, str], int]
    covered_share: dict[str, float]
    """Of the last 24 hours, mean over the watched accounts of a platform; the contiguous stretch only."""
    due: int
    overdue_by: timedelta


async def read(conn: AsyncConnection, now: datetime) -> Figures:
    """The figures at ``now``."""
    rows = (await conn.execute(_BY_PLATFORM, {"now": now, "since": now - timedelta(days=1)})).all()
    due, overdue_by = await backlog(conn, now)
    return Figures(
        {(row.platform, row.status): row.accounts for row in rows},
        {row.platform: float(row.share or 0) for row in rows if row.status == "watched"},
        due,
        overdue_by,
    )
