"""Who is looked at next: due rows are leased to one worker at a time.

May assume: one transaction of the caller around each call; ``now`` is aware UTC. Promises: a row is leased to one
holder at a time (``FOR UPDATE SKIP LOCKED``); each lease has a new token, and only its holder may write the look down
(``storage.looks`` compares the token), so that a worker that slept through its lease changes nothing. A lease is a due
time: ``next_poll_at`` of a leased row is the lease's end, so a dead worker's rows come up again by themselves. What
the holder of a lease that ran out had seen nobody knows: its row loses the counter, so that a page is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage import briefs
from app.storage.briefs import HEADS, Claim, Head, Memory
from app.storage.tables import Instant

#: What a claim consists of is told in ``briefs``; it is part of what this module gives.
__all__ = [
    "HEADS",
    "Claim",
    "Head",
    "Memory",
    "backlog",
    "claim_companions",
    "claim_due",
    "next_due",
    "release",
    "renew",
    "spread_overdue",
]

#: A host whose next free slot is farther away than this counts as blocked until then.
HORIZON = timedelta(seconds=5)


# Rows beyond the share of their host, and rows of a host that nobody may ask now, are put off instead of skipped:
# otherwise one big host at the head of the queue would hide everybody behind it from every scan. Who has waited longer
# since the last look comes back earlier (within 20 seconds): a host that cannot keep up serves all in turn. The arrays
# make the planner go along the primary key, however few rows it believes the table to have.
_CLAIM = f"""
WITH due AS (
    SELECT account_id, host_id, next_poll_at
    FROM account_state
    WHERE next_poll_at <= $1::timestamptz AND (lease_until IS NULL OR lease_until <= $1)
    ORDER BY next_poll_at
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), placed AS (
    SELECT due.account_id, due.next_poll_at,
           hosts.name AS host, hosts.failures AS host_failures, hosts.counter_refused_at,
           greatest(hosts.blocked_until, hosts.next_free_at - $3::interval,
                    CASE WHEN hosts.id = ANY($4::integer[]) THEN $1 + interval '2 seconds' END) AS closed_until,
           row_number() OVER (PARTITION BY due.host_id ORDER BY due.next_poll_at, due.account_id) AS place
    FROM due JOIN hosts ON hosts.id = due.host_id
), taken AS (
    SELECT account_id, next_poll_at AS due_at, host, host_failures, counter_refused_at FROM placed
    WHERE coalesce(closed_until <= $1, true) AND place <= $5::integer
    ORDER BY next_poll_at, account_id LIMIT $6::integer
), put_off AS (
    UPDATE account_state AS state
    SET next_poll_at = greatest(placed.closed_until, $1) + interval '1 second'
                       + coalesce(
                           interval '20 hours' / (3600 + abs(extract(epoch FROM $1 - state.polled_at))),
                           interval '0')
    FROM placed
    WHERE state.account_id = placed.account_id
      AND state.account_id = ANY(ARRAY(
          SELECT account_id FROM placed WHERE coalesce(closed_until > $1, false) OR place > $5))
), leased AS (
    UPDATE account_state AS state
    SET lease_until = $7::timestamptz, next_poll_at = $7, lease_token = state.lease_token + 1,
        counter = CASE WHEN state.lease_until IS NULL THEN state.counter END
    FROM taken
    WHERE state.account_id = taken.account_id AND state.account_id = ANY(ARRAY(SELECT account_id FROM taken))
    RETURNING state.*, taken.due_at, taken.host, taken.host_failures, taken.counter_refused_at
)
SELECT {briefs.LEASED} FROM leased ORDER BY due_at, account_id"""  # noqa: S608 - constants only

# Filling a batch costs nothing: whoever of the same host would be asked within a quarter of its interval comes along.
_COMPANIONS = f"""
WITH wanted AS (
    SELECT w.host_id, w.places, hosts.name AS host, hosts.failures AS host_failures, hosts.counter_refused_at
    FROM unnest($2::integer[], $3::integer[]) AS w(host_id, places) JOIN hosts ON hosts.id = w.host_id
), soon AS (
    SELECT near.account_id, near.next_poll_at AS due_at, wanted.host, wanted.host_failures, wanted.counter_refused_at
    FROM wanted, LATERAL (
        SELECT account_id, next_poll_at
        FROM account_state
        WHERE host_id = wanted.host_id AND next_poll_at > $1::timestamptz AND next_poll_at <= $1 + $4::interval
          AND next_poll_at - $1 <= (next_poll_at - polled_at) / 4
          AND (lease_until IS NULL OR lease_until <= $1) AND failures = 0
        ORDER BY next_poll_at
        LIMIT wanted.places
        FOR UPDATE SKIP LOCKED
    ) AS near
), leased AS (
    UPDATE account_state AS state
    SET lease_until = $5::timestamptz, next_poll_at = $5, lease_token = state.lease_token + 1,
        counter = CASE WHEN state.lease_until IS NULL THEN state.counter END
    FROM soon
    WHERE state.account_id = soon.account_id
    RETURNING state.*, soon.due_at, soon.host, soon.host_failures, soon.counter_refused_at
)
SELECT {briefs.LEASED} FROM leased ORDER BY due_at, account_id"""  # noqa: S608 - constants only

_RENEW = text("""
UPDATE account_state AS state SET lease_until = :until, next_poll_at = :until
FROM unnest(CAST(:ids AS integer[]), CAST(:tokens AS bigint[])) AS held(account_id, token)
WHERE state.account_id = held.account_id AND state.lease_token = held.token AND state.lease_until IS NOT NULL
  AND state.next_poll_at IS NOT NULL
""").bindparams(bindparam("until", type_=Instant))

_RELEASE = text("""
UPDATE account_state AS state SET lease_until = NULL, next_poll_at = held.due_at,
       counter = CASE WHEN held.forget THEN NULL ELSE state.counter END
FROM unnest(CAST(:ids AS integer[]), CAST(:tokens AS bigint[]), CAST(:due AS timestamptz[]),
            CAST(:forget AS boolean[])) AS held(account_id, token, due_at, forget)
WHERE state.account_id = held.account_id AND state.lease_token = held.token AND state.lease_until IS NOT NULL
  AND state.next_poll_at IS NOT NULL
""")

_SPREAD = text("""
WITH late AS (
    SELECT account_id FROM account_state
    WHERE (next_poll_at < :late OR (next_poll_at IS NOT NULL AND polled_at > :now + interval '1 minute'))
      AND polled_at IS NOT NULL
      AND (lease_until IS NULL OR lease_until <= :now OR lease_until > :now + interval '2 hours')
    FOR UPDATE SKIP LOCKED
)
UPDATE account_state AS state
SET next_poll_at = CAST(:now AS timestamptz)
                   + (hashint8extended(state.account_id, extract(epoch FROM CAST(:now AS timestamptz))::bigint)
                      & 1048575) / 1048576.0 * least(greatest(state.next_poll_at - state.polled_at, :least), :most)
FROM late WHERE state.account_id = late.account_id
""").bindparams(
    bindparam("now", type_=Instant),
    bindparam("late", type_=Instant),
    bindparam("least", type_=INTERVAL),
    bindparam("most", type_=INTERVAL),
)

_BACKLOG = text("""
SELECT count(*) AS due, min(next_poll_at) AS oldest FROM account_state WHERE next_poll_at <= :now
""").bindparams(bindparam("now", type_=Instant))

_NEXT = text("SELECT min(next_poll_at) FROM account_state")


async def claim_due(
    conn: AsyncConnection, now: datetime, limit: int, lease: timedelta, per_host: int, busy: Sequence[int] = ()
) -> list[Claim]:
    """Lease at most ``limit`` due accounts until ``now + lease``, at most ``per_host`` of one host, oldest first.

    Accounts of a host that is blocked or has no free slot within HORIZON are put off until it opens; those of the
    host ids in ``busy`` for two seconds.
    """
    return await _lease(conn, _CLAIM, (now, limit * 2, HORIZON, list(busy), per_host, limit, now + lease))


async def claim_companions(
    conn: AsyncConnection, now: datetime, places: Mapping[int, int], lease: timedelta, ahead: timedelta
) -> list[Claim]:
    """Lease accounts that are due within ``ahead``: for each host id at most so many, to fill a batch request.

    Taken only where the look comes at most a quarter of its interval early, and only accounts that are not failing.
    """
    if not places:
        return []
    hosts, wanted = list(places), list(places.values())
    return await _lease(conn, _COMPANIONS, (now, hosts, wanted, ahead, now + lease))


async def _lease(conn: AsyncConnection, sql: str, values: tuple[object, ...]) -> list[Claim]:
    # The driver's own statement: SQLAlchemy's compiling and naming of so many columns costs more than leasing a row.
    leased = await conn.exec_driver_sql(sql, values)
    return await briefs.load(conn, leased.all())


async def renew(conn: AsyncConnection, claims: Sequence[Claim], until: datetime) -> int:
    """Hold these leases until ``until``; returns how many are still ours. A heartbeat calls it."""
    values = {"ids": [c.account_id for c in claims], "tokens": [c.token for c in claims], "until": until}
    return (await conn.execute(_RENEW, values)).rowcount


async def release(conn: AsyncConnection, claims: Sequence[Claim], due_at: Sequence[datetime]) -> int:
    """Give leases back unused, each to be due at its ``due_at``; returns how many were still ours.

    A claim whose ``counter`` is None takes the stored one along: the next count then leads to a page.
    """
    values = {
        "ids": [claim.account_id for claim in claims],
        "tokens": [claim.token for claim in claims],
        "due": list(due_at),
        "forget": [claim.counter is None for claim in claims],
    }
    return (await conn.execute(_RELEASE, values)).rowcount


async def spread_overdue(
    conn: AsyncConnection, now: datetime, late: timedelta, least: timedelta, most: timedelta
) -> int:
    """After a pause of ours: everybody more than ``late`` overdue is spread over its own interval from now on.

    The catch-up so costs one look per account and the usual rate. ``least`` and ``most`` bound the interval; accounts
    that were never looked at are not put off. So are those that were looked at "later than now": our clock was ahead
    then, and they would wait until it is that late again. Returns how many were moved.
    """
    values = {"now": now, "late": now - late, "least": least, "most": most}
    return (await conn.execute(_SPREAD, values)).rowcount


async def backlog(conn: AsyncConnection, now: datetime) -> tuple[int, timedelta]:
    """How many accounts are due and not leased, and for how long the first of them has been."""
    due, oldest = (await conn.execute(_BACKLOG, {"now": now})).one()
    return due, timedelta(0) if oldest is None else now - oldest


async def next_due(conn: AsyncConnection) -> datetime | None:
    """When the next account is due (or the next lease ends), None where nothing is watched."""
    found: datetime | None = (await conn.execute(_NEXT)).scalar_one()
    return found
