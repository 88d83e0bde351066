"""Do adaptive rules keep their word? What they told that a post ended, against what is borne.

May assume a connection. Promises: reads the log and the states of rules, never posts; what was true before a rule came,
or was over when it was found, is no alarm of its, nor what it told before it was changed; accounts that a rule judges
no longer count for nothing.
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
    above: int = 0
    """Accounts with more of them than are borne in the time for which they were judged ..."""
    below: int = 0
    """... and with fewer."""

    @property
    def expected(self) -> float:
        """How many are borne in that time."""
        return self.false_alarms * self.account_years

    @property
    def drifts(self) -> bool:
        """Whether it cries wolf more often than it was asked to, beyond chance."""
        most = max(_TOLERANCE * self.expected, self.expected + _SIGMAS * math.sqrt(max(self.expected, 1.0)))
        return self.ended > most


class OfAccount(NamedTuple):
    """What one rule has told of one account."""

    account_id: int
    years: float
    told: int
    ended: int


#: By rule (all, or the one named $3) and account, since $2 or when the rule as it is came to judge it.
_EACH = """
select r.id as rule_id, rs.account_id, count(q.id) as told,
       extract(epoch from $1::timestamptz - greatest(rs.baseline, $2::timestamptz))::float8 / 31557600 as years,
       count(q.id) filter (where exists (
           select 1 from events e where e.account_id = q.account_id and e.sequence > q.sequence
              and e.type = 'account.resumed' and e.data->>'quiet_event' = q.public_id)) as ended
from rules r join rule_states rs on rs.rule_id = r.id
left join events q on q.rule_id = r.id and q.account_id = rs.account_id and q.type = 'account.quiet'
     and q.recorded_at > greatest(rs.baseline, $2)
     and q.data->>'initial' = 'false' and q.data->>'retrospective' = 'false'
where r.kind = 'adaptive' and ($3::text is null or r.public_id = $3)
"""
_KEPT = f"""
select r.public_id, r.false_alarms, coalesce(sum(years), 0), coalesce(sum(told), 0)::int, coalesce(sum(ended), 0)::int,
       count(*) filter (where ended > r.false_alarms * years)::int,
       count(*) filter (where ended < r.false_alarms * years)::int
from rules r left join ({_EACH} group by r.id, rs.account_id, rs.baseline) as one on one.rule_id = r.id
where r.kind = 'adaptive' and ($3::text is null or r.public_id = $3) group by r.id order by r.id
"""  # noqa: S608 - constants only
_OF_ACCOUNTS = f"""
{_EACH} and rs.account_id > $4 group by r.id, rs.account_id, rs.baseline order by rs.account_id limit $5
"""


async def kept(conn: AsyncConnection, now: datetime, rule: str | None = None) -> list[Kept]:
    """Every adaptive rule, in the order of addition; or just this one, by its public id."""
    rows = await fetch(conn, _KEPT, now, now - WINDOW, rule)
    return [Kept(row[0], row[1], float(row[2]), *row[3:]) for row in rows]


async def of_accounts(conn: AsyncConnection, rule: str, now: datetime, after: int, limit: int) -> list[OfAccount]:
    """What an adaptive rule has told of each account that it judges, from one internal id on; nothing of others."""
    rows = await fetch(conn, _OF_ACCOUNTS, now, now - WINDOW, rule, after, limit)
    return [OfAccount(row["account_id"], row["years"], row["told"], row["ended"]) for row in rows]
