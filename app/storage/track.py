"""How well the service has done: everything that is said of it, read together.

May assume a connection. Promises: a few short statements over sums and one row an account; days that may still wait for
a look are left out where days are compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.calibration import LEAST, PAST, RARE, RUN, Drift, Record, Tally, drift, error_of
from app.storage import forecasts

#: The figures are of so many days.
WINDOW = timedelta(days=90)
#: Accounts that drift and are named.
NAMED = 10
#: Windows that began on the days before that are judged or given up: the last began a day later, or a minute less.
_OVER = forecasts.LENGTH + forecasts.PATIENCE + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Track:
    """What was said of days, and what came."""

    bins: list[Tally]
    """By chance, see ``calibration.EDGES``; of the last WINDOW."""
    drift: Drift | None
    """Of all accounts together; None: too few days to tell."""
    records: int
    """Accounts with enough judged days to tell whether they drift ..."""
    drifting: int
    """... and how many do ..."""
    named: list[tuple[str, Record]]
    """... the most surprising of them by public id."""

    @property
    def whole(self) -> Tally:
        """All bins together."""
        return sum(self.bins, Tally())

    @property
    def error(self) -> float | None:
        """The calibration error of the bins."""
        return error_of(self.bins)

    @property
    def by_chance(self) -> float:
        """How many accounts would seem to drift, at most, if none did."""
        return RARE * self.records

    @property
    def many_drift(self) -> bool:
        """Whether more accounts drift than chance explains."""
        return self.drifting > self.by_chance + 3 * math.sqrt(self.by_chance)


async def read(conn: AsyncConnection, now: datetime) -> Track:
    """Everything at ``now``."""
    until = (now - _OVER).date()
    days = await forecasts.days(conn, until - timedelta(days=2 * (PAST + RUN)), until)
    bins = await forecasts.bins(conn, (now - WINDOW).date())
    records, found = await forecasts.count(conn, LEAST)
    return Track(bins, drift(days), records, found, await forecasts.drifting(conn, NAMED))
