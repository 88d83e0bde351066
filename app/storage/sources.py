"""Sources: how hosts, platforms and our own network are doing, and which of them are degraded.

May assume the caller's transaction. Promises: one pass over the narrow state rows, no posts read; an account is drawn
forward only where nobody asked us to wait and its own least interval has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import OutcomeName
from app.domain.outcomes import proves
from app.domain.pace import FLOOR
from app.domain.sources import LATELY, LEAST, RECENT, SHARED, TOGETHER, Scope, Tally
from app.storage.raw import fetch

#: Only one worker at a time judges sources; any number that nobody else uses ("sources" in ASCII).
_TURN = 0x736F7572636573
#: Reasons that speak of the way to a host: nobody on the other side asked us to wait. Nor does an error of its own
#: (http_500, 502, 504 ...) but a 503; with a Retry-After the host itself is blocked.
_NO_WAIT = ("dns", "connect", "tls", "timeout", "incomplete")


@dataclass(frozen=True, slots=True)
class Source:
    """A host, a platform, or (neither) our own network, as it was left."""

    scope: Scope
    host_id: int | None
    name: str | None
    """The host's name or the platform's; None for our own network."""
    degraded_since: datetime | None
    recovered_at: datetime | None
    reason: str | None
    failing: int = 0
    accounts: int = 0
    held: int = 0
    """Transitions that wait for it now."""


_PER_HOST = """
with looks as (
    select s.host_id, a.platform, s.outcome,
           s.outcome = any($2::text[]) as fails, s.outcome = any($3::text[]) as proves,
           s.polled_at > $1::timestamptz - $4::interval as recent,
           s.polled_at > $1::timestamptz - $5::interval as lately,
           s.outcome_since > $1::timestamptz - $6::interval as young
    from account_state s join accounts a on a.id = s.account_id where a.status = 'watched'
), per_host as (
    select host_id, platform, count(*) as accounts,
           count(*) filter (where recent and (young or not fails)) as looked,
           count(*) filter (where recent and fails and young) as failing,
           count(*) filter (where lately and proves) as answering,
           count(*) filter (where lately and fails) as refusing,
           mode() within group (order by outcome) filter (where recent and fails and young) as reason
    from looks group by host_id, platform
), hosts_now as (
    select p.*, h.name, h.blocked_until, case when h.reason <> 'budget' then h.blocked_until end as waits_until,
           case when h.failures > 1 then h.failing_since end as down_since
    from per_host p join hosts h on h.id = p.host_id
)
"""
_TALLIES = f"""{_PER_HOST}
select 'host' as scope, host_id, min(name) as name, sum(accounts), sum(looked), sum(failing), sum(answering),
       sum(refusing), 1, (min(down_since) is not null)::int, (sum(failing) > 0)::int, min(down_since),
       min(waits_until), min(reason), min(platform)
from hosts_now group by host_id having sum(accounts) >= $7
    and (sum(failing) >= $7 or min(down_since) is not null or min(waits_until) > $1
         or exists (select from sources where sources.host_id = hosts_now.host_id and degraded_since is not null))
union all
select 'platform', null, platform, sum(accounts), sum(looked), sum(failing), sum(answering), sum(refusing),
       count(*) filter (where looked > 0), count(down_since), count(*) filter (where failing > 0), null, null,
       mode() within group (order by reason), platform from hosts_now group by platform
union all
select 'network', null, null, sum(accounts), sum(looked), sum(failing), sum(answering), sum(refusing),
       count(distinct host_id) filter (where looked > 0 or down_since is not null),
       count(distinct host_id) filter (where down_since is not null),
       count(distinct host_id) filter (where failing > 0), null, null, null, null from hosts_now
"""  # noqa: S608 - constants
_OF_SOURCE = """($1::int is null or s.host_id = $1) and ($2::text is null or a.platform = $2)"""
_HELD = f"""
select count(*) from rule_states r join account_state s using (account_id) join accounts a on a.id = s.account_id
where r.held_since is not null and {_OF_SOURCE}
"""  # noqa: S608
_KNOWN = """
select s.host_id, coalesce(h.name, s.platform), s.platform, s.degraded_since, s.recovered_at, s.reason, s.failing,
       s.accounts
from sources s left join hosts h on h.id = s.host_id
"""
_WAITING = """
r.held_since is not null and (s.host_id = any($1::int[]) or a.platform = any($2::text[]) or $3::bool)
"""
_HOLD = f"""
select from account_state s join accounts a on a.id = s.account_id
where exists (select from rule_states r where r.account_id = s.account_id and {_WAITING})
order by s.account_id for update of s
"""  # noqa: S608
_RELEASE = f"""
with held as (
    select r.account_id, r.rule_id
    from rule_states r join account_state s using (account_id) join accounts a on a.id = r.account_id
    where {_WAITING} order by 1, 2 for update of r
)
update rule_states r set check_at = $4 from held where r.account_id = held.account_id and r.rule_id = held.rule_id
"""  # noqa: S608
_DRAW = f"""
with held as (
    select s.account_id, s.polled_at, greatest($3, s.polled_at + greatest($6::interval, m.least_interval)) as free_at
    from account_state s join accounts a on a.id = s.account_id join source_memory m on m.account_id = s.account_id
    where a.status = 'watched' and coalesce(s.lease_until, $3) <= $3 and s.next_poll_at > $3
      and (s.outcome = 'unreachable' and (s.reason = any($5::text[]) or s.reason ~ '^http_5' and s.reason <> 'http_503')
           or s.outcome = 'unreadable'
           or $8 and s.failures = 0 and exists (
               select from rule_states r where r.account_id = s.account_id and r.held_since is not null))
      and {_OF_SOURCE}
    order by s.polled_at, s.account_id limit $4 for update of s skip locked
), chosen as (
    select account_id, free_at, row_number() over (order by polled_at, account_id) as place, count(*) over () as many
    from held
)
update account_state s set next_poll_at = least(s.next_poll_at, chosen.free_at + $7::interval * (place::float / many))
from chosen where chosen.account_id = s.account_id
"""  # noqa: S608
_CANARY = """
select s.failures, s.last_post_at,
       (select max(ends_at - starts_at) from gaps where gaps.account_id = s.account_id)
from account_state s where s.account_id = $1
"""
_SAVE = """
merge into sources using (select $1::int as host_id, $2::text as platform) as new
on sources.host_id is not distinct from new.host_id and sources.platform is not distinct from new.platform
when matched then update set degraded_since = $3, recovered_at = $4, reason = $5, failing = $6, accounts = $7
when not matched then insert (host_id, platform, degraded_since, recovered_at, reason, failing, accounts)
     values ($1, $2, $3, $4, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True)
class Canary:
    """An account that the operator knows to be alive. Times are UTC."""

    failures: int
    """Failed looks in a row."""
    last_post_at: datetime | None
    longest: timedelta | None
    """Its longest silence on record."""


async def take_turn(conn: AsyncConnection) -> bool:
    """Whether this worker may judge sources in this transaction; another one does otherwise."""
    return bool((await fetch(conn, "select pg_try_advisory_xact_lock($1::bigint)", _TURN))[0][0])


async def tallies(conn: AsyncConnection, now: datetime) -> list[tuple[Source, Tally]]:
    """Hosts that may be failing or are degraded, every platform, and our own network, as they are at ``now``."""
    proving = [outcome.value for outcome in OutcomeName if proves(outcome)]
    shared = [outcome.value for outcome in SHARED]
    rows = await fetch(conn, _TALLIES, now, shared, proving, RECENT, LATELY, TOGETHER, LEAST)
    known = {(source.host_id, _platform(source)): source for source in await load(conn)}
    found = []
    for scope, host_id, name, *counts in rows:
        platform = name if scope == Scope.PLATFORM else None
        source = known.get((host_id, platform)) or Source(Scope(scope), host_id, name, None, None, None)
        found.append((source, _tally(counts)))
    return found


def _tally(row: Sequence[Any]) -> Tally:
    accounts, looked, failing, answering, refusing, hosts, down, hosts_failing = (int(value or 0) for value in row[:8])
    return Tally(
        accounts,
        looked,
        failing,
        answering,
        refusing,
        hosts,
        down,
        hosts_failing,
        down_since=row[8],
        waits_until=row[9],
        reason=row[10],
        platform=row[11],
    )


def _platform(source: Source) -> str | None:
    return source.name if source.scope is Scope.PLATFORM else None


async def load(conn: AsyncConnection, *, held: bool = False) -> list[Source]:
    """Every source that was ever degraded, the degraded ones first; ``held`` counts what waits for each."""
    found = []
    for row in await fetch(conn, _KNOWN + "order by s.degraded_since is null, s.degraded_since, s.id"):
        scope = Scope.HOST if row[0] is not None else Scope.PLATFORM if row[2] is not None else Scope.NETWORK
        waiting = (await fetch(conn, _HELD, row[0], row[2]))[0][0] if held and row[3] is not None else 0
        host_id, name, _, since, recovered_at, reason, failing, accounts = row
        found.append(Source(scope, host_id, name, since, recovered_at, reason, failing, accounts, waiting))
    return found


async def save(conn: AsyncConnection, source: Source) -> None:
    """Write how a source was left."""
    values = (source.degraded_since, source.recovered_at, source.reason, source.failing, source.accounts)
    await fetch(conn, _SAVE, source.host_id, _platform(source), *values)


async def held(conn: AsyncConnection, source: Source) -> int:
    """How many transitions wait for this source."""
    count: int = (await fetch(conn, _HELD, source.host_id, _platform(source)))[0][0]
    return count


async def release(conn: AsyncConnection, back: Sequence[Source], now: datetime) -> None:
    """Let the transitions that waited for these sources be judged again. Once in a transaction, and before
    ``draw_forward``: rows are locked in the order of everybody (``storage.judgements``)."""
    hosts = [source.host_id for source in back if source.host_id is not None]
    names = [name for source in back if (name := _platform(source)) is not None]
    which = hosts, names, any(source.scope is Scope.NETWORK for source in back)
    if back:
        await fetch(conn, _HOLD, *which)
        await fetch(conn, _RELEASE, *which, now)


async def draw_forward(
    conn: AsyncConnection, source: Source, now: datetime, most: int, over: timedelta, *, held: bool = False
) -> None:
    """Look at failing accounts of a source sooner than their back-off says, those waiting longest first, spread over a
    time; with ``held`` also at those that answered and whose transitions wait for fresh evidence. Those that were asked
    to wait, or were looked at within the least interval, keep their turn, and those that somebody is writing down:
    nobody is waited for here."""
    values = (now, most, list(_NO_WAIT), FLOOR, over, held)
    await fetch(conn, _DRAW, source.host_id, _platform(source), *values)


async def canary(conn: AsyncConnection, account_id: int) -> Canary | None:
    """How a canary is doing; None where it is not watched."""
    rows = await fetch(conn, _CANARY, account_id)
    return Canary(*rows[0]) if rows else None
