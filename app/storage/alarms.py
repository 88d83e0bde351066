"""Do adaptive rules keep their word? What they told that a post ended, against what is borne.

May assume a connection. Promises: reads the log and the states of rules, never posts; what was true before a rule came,
or was over when it was found, is no alarm of its.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.raw import fetch

#: How far back: within what the log keeps unless a setting shortens it.
WINDOW = timedelta(days=365)
#: More than borne is drift where chance alone would bring so many once in some hundred times, and the promise (a fifth
#: above what was asked) is broken.
_SIGMAS, _TOLERANCE = 3.0, 1.2


class Kept(NamedTuple):
    """What one adaptive rule has told."""

    rule: str
    """Public id."""
    false_alarms: float
    """Borne an account and year."""
    account_years: float
    """For which its accounts were judged."""
    told: int
    ended: int
    """Of these, silences that a post ended: false alarms."""

    @property
    def expected(self) -> float:
        """How many are borne in that time."""
        return self.false_alarms * self.account_years

    @property
    def drifts(self) -> bool:
        """Whether it cries wolf more often than it was asked to, beyond chance."""
        most = max(_TOLERANCE * self.expected, self.expected + _SIGMAS * math.sqrt(max(self.expected, 1.0)))
        return self.ended > most


_KEPT = """
select r.public_id, r.false_alarms, coalesce(judged.years, 0), count(q.id),
       count(q.id) filter (where exists (
           select 1 from events e where e.account_id = q.account_id and e.sequence > q.sequence
              and e.type = 'account.resumed' and e.data->>'quiet_event' = q.public_id))
from rules r
left join lateral (
    select sum(extract(epoch from $1::timestamptz - greatest(rs.baseline, $2))) / 31557600 as years
    from rule_states rs where rs.rule_id = r.id
) judged on true
left join events q on q.rule_id = r.id and q.type = 'account.quiet' and q.recorded_at > $2
     and q.data->>'initial' = 'false' and q.data->>'retrospective' = 'false'
where r.kind = 'adaptive' group by r.id, judged.years order by r.id
"""


async def kept(conn: AsyncConnection, now: datetime) -> list[Kept]:
    """Every adaptive rule, in the order of addition."""
    rows = await fetch(conn, _KEPT, now, now - WINDOW)
    return [Kept(row[0], row[1], float(row[2]), row[3], row[4]) for row in rows]
