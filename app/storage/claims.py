"""Who is looked at next: due rows are leased to one worker at a time.

May assume: one transaction of the caller around each call; ``now`` is aware UTC. Promises: a row is leased to one
holder at a time (``FOR UPDATE SKIP LOCKED``); each lease has a new token, and only its holder may write the look down
(``storage.looks`` compares the token), so that a worker that slept through its lease changes nothing. A lease is a due
time: ``next_poll_at`` of a leased row is the lease's end, so a dead worker's rows come up again by themselves. What
the holder of a lease that ran out had seen nobody knows: its row loses the counter, so that a page is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import starmap
from operator import attrgetter

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage import briefs, raw
from app.storage.briefs import HEADS, Claim, Due, Head, Memory
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
#: Where accounts are put off, others are looked for in their place so often in one claim.
ROUNDS = 5
#: Accounts of a busy host are put off for so long.
BUSY = timedelta(seconds=2)


# The host's row is looked up for each account, however many the planner believes will come: its estimate for a limit
# that it does not know would read the whole table of hosts at every claim.
_DUE = """
SELECT due.account_id, due.host_id, due.next_poll_at, hosts.name, hosts.failures, hosts.counter_refused_at,
       greatest(hosts.blocked_until, hosts.next_free_at - $3::interval)
FROM (
    SELECT account_id, host_id, next_poll_at
    FROM account_state
    WHERE next_poll_at <= $1::timestamptz AND (lease_until IS NULL OR lease_until <= $1)
    ORDER BY next_poll_at
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
) AS due, LATERAL (SELECT * FROM hosts WHERE hosts.id = due.host_id LIMIT 1) AS hosts"""

# Filling a batch costs nothing: whoever of the same host would be asked within a quarter of its interval comes along.
_SOON = """
SELECT near.account_id, wanted.host_id, near.next_poll_at, hosts.name, hosts.failures, hosts.counter_refused_at
FROM unnest($2::integer[], $3::integer[]) AS wanted(host_id, places) JOIN hosts ON hosts.id = wanted.host_id,
LATERAL (
    SELECT account_id, next_poll_at
    FROM account_state
    WHERE host_id = wanted.host_id AND next_poll_at > $1::timestamptz AND next_poll_at <= $1 + $4::interval
      AND next_poll_at - $1 <= (next_poll_at - polled_at) / 4
      AND (lease_until IS NULL OR lease_until <= $1) AND failures = 0
    ORDER BY next_poll_at
    LIMIT wanted.places
    FOR UPDATE SKIP LOCKED
) AS near"""

# Who has waited longer since the last look comes back earlier (within 20 seconds): a host that cannot keep up serves
# all in turn.
_PUT_OFF = """
UPDATE account_state AS state
SET next_poll_at = off.until + interval '1 second'
                   + coalesce(interval '20 hours' / (3600 + abs(extract(epoch FROM $1::timestamptz - state.polled_at))),
                              interval '0')
FROM unnest($2::integer[], $3::timestamptz[]) AS off(account_id, until)
WHERE state.account_id = off.account_id"""

# Not part of the statement that locks: that one sees the tables as they were when it began, and whoever held the row
# before may have written memory and coverage while it waited for the row.
_LEASE = f"""
UPDATE account_state AS state
SET lease_until = $2::timestamptz, next_poll_at = $2, lease_token = state.lease_token + 1,
    counter = CASE WHEN state.lease_until IS NULL THEN state.counter END
FROM {briefs.SOURCES}
WHERE state.account_id = ANY($1::integer[]) AND accounts.id = state.account_id
RETURNING {briefs.BRIEF}"""  # noqa: S608 - constants only

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
    host ids in ``busy`` for two seconds; those beyond ``per_host`` for at most 20. Put off, not skipped: otherwise one
    big host at the head of the queue would hide everybody behind it from every claim. Others come in their place, in
    ROUNDS rounds at most.
    """
    found: list[Claim] = []
    shares = Counter[int]()
    for _ in range(ROUNDS):
        room = limit - len(found)
        due = await _lock(conn, _DUE, now, room, HORIZON)
        take, off = _place(due, now, per_host, busy, shares)
        if off:
            await raw.fetch(conn, _PUT_OFF, now, *zip(*off, strict=True))
        found += await _lease(conn, take, now + lease)
        if len(due) < room or not off:
            break
    return found


async def claim_companions(
    conn: AsyncConnection, now: datetime, places: Mapping[int, int], lease: timedelta, ahead: timedelta
) -> list[Claim]:
    """Lease accounts that are due within ``ahead``: for each host id at most so many, to fill a batch request.

    Taken only where the look comes at most a quarter of its interval early, and only accounts that are not failing.
    """
    if not places:
        return []
    soon = await _lock(conn, _SOON, now, list(places), list(places.values()), ahead)
    return await _lease(conn, soon, now + lease)


async def _lock(conn: AsyncConnection, sql: str, *values: object) -> list[Due]:
    """Rows that nobody else has, oldest first."""
    # Through SQLAlchemy, which begins the transaction with it: ``raw`` would need one more round trip for that.
    rows = (await conn.exec_driver_sql(sql, values)).all()
    return sorted(starmap(Due, rows), key=attrgetter("due_at", "account_id"))


def _place(
    due: Sequence[Due], now: datetime, per_host: int, busy: Collection[int], shares: Counter[int]
) -> tuple[list[Due], list[tuple[int, datetime]]]:
    """Who is looked at, by its host's share, and who is put off until when. ``shares`` is what each host has had."""
    take, off = [], []
    for row in due:
        closed = [at for at in (row.closed_until, now + BUSY if row.host_id in busy else None) if at is not None]
        until = max(closed, default=now)
        if until <= now and shares[row.host_id] < per_host:
            shares[row.host_id] += 1
            take.append(row)
        else:
            off.append((row.account_id, max(until, now)))
    return take, off


async def _lease(conn: AsyncConnection, take: Sequence[Due], until: datetime) -> list[Claim]:
    """Lease rows that are locked, and read what the looks at them need."""
    if not take:
        return []
    rows = await raw.fetch(conn, _LEASE, [row.account_id for row in take], until)
    known = {row[0]: row for row in rows}
    return [briefs.read(row, known[row.account_id]) for row in take]


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
