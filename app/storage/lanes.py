"""The sender's side of deliveries: whose turn it is, what is due to them, and what came of it.

An endpoint's deliveries run in ``events.LANES`` lanes. Who leases a lane sends what is due in it, one after another;
so no endpoint ever gets more than that many requests at once, whatever the number of workers. May assume the caller's
transaction. Promises: a lane has one holder at a time; each lease has a new token, and results under an old one are
refused whole, so that a worker that slept through its lease writes nothing (its deliveries were sent again, under the
same id); what is not written is due again when the lease ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage import webhooks
from app.storage.raw import fetch
from app.storage.webhooks import Sealed

#: Endpoint id and lane.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Lane:
    """A lease. Good until ``until``; only its ``token`` may write."""

    webhook_id: int
    lane: int
    token: int
    until: datetime

    @property
    def place(self) -> Place:
        """Which lane it is."""
        return self.webhook_id, self.lane


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to make. ``number`` counts the attempts of its schedule, from 1; ``data`` is JSON text as recorded."""

    id: int
    number: int
    event: str
    type: str
    occurred_at: datetime
    sequence: int
    data: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is due in a lane, in order, and where it goes. ``secrets`` are those in force, the newest first."""

    url: str
    per_second: int | None
    secrets: tuple[Sealed, ...]
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """An attempt that was made, and what follows from it (``fate`` and ``next_at`` as in the row of the delivery)."""

    delivery_id: int
    number: int
    at: datetime
    ended_at: datetime
    fate: str
    next_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    answer: bytes | None = None
    rest_until: datetime | None = None
    """The endpoint asked for a rest."""
    gone: bool = False
    """The endpoint said that it is no more."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What the holder of a lane hands in. ``most`` new deliveries are wanted; 0 gives the lane back.

    A lane that is given back, or in which nothing is due, is left alone until ``rest_until``.
    """

    lane: Lane
    results: Sequence[Result]
    most: int
    rest_until: datetime | None = None


async def claim(conn: AsyncConnection, now: datetime, most: int, lease: timedelta) -> list[Lane]:
    """Lease up to ``most`` lanes in which something is due, those that wait longest first."""
    until = now + lease
    rows = await fetch(conn, _CLAIM, now, most, until)
    return [Lane(row["webhook_id"], row["lane"], row["lease_token"], until) for row in rows]


_CLAIM = """
with due as (
    select l.webhook_id, l.lane
    from webhooks w join webhook_lanes l on l.webhook_id = w.id
    cross join lateral (
        select d.due_at from deliveries d
        where d.webhook_id = l.webhook_id and d.lane = l.lane and d.due_at <= $1::timestamptz
        order by d.due_at limit 1
    ) first
    where w.status = 'enabled' and (w.blocked_until is null or w.blocked_until <= $1)
      and (l.lease_until is null or l.lease_until <= $1)
    order by first.due_at, l.webhook_id limit $2::int
    for update of l skip locked
)
update webhook_lanes l set lease_token = l.lease_token + 1, lease_until = $3::timestamptz
from due where l.webhook_id = due.webhook_id and l.lane = due.lane
returning l.webhook_id, l.lane, l.lease_token
"""


async def load(conn: AsyncConnection, wanted: Mapping[Place, int], now: datetime) -> dict[Place, Batch]:
    """What is due in lanes, so many of each at most; lanes in which nothing is due (or may be sent) are left out."""
    columns = list(zip(*((*place, most) for place, most in wanted.items()), strict=True)) or [(), (), ()]
    found: dict[Place, list[Due]] = defaultdict(list)
    for webhook_id, lane, *values in await fetch(conn, _DUE, *columns, now):
        found[webhook_id, lane].append(Due(*values))
    endpoints: dict[int, tuple[str, int | None]] = {}
    secrets: dict[int, list[Sealed]] = defaultdict(list)
    for id_, url, per_second, ciphertext, key_id in await fetch(conn, _ENDPOINTS, [p[0] for p in found], now):
        endpoints[id_] = url, per_second
        secrets[id_].append(Sealed(ciphertext, key_id))
    return {
        place: Batch(*endpoints[place[0]], tuple(secrets[place[0]]), tuple(due))
        for place, due in found.items()
        if place[0] in endpoints
    }


_DUE = """
select held.webhook_id, held.lane, d.id, d.attempts + 1, e.public_id, e.type, e.occurred_at, e.sequence, e.data::text
from unnest($1::int[], $2::smallint[], $3::int[]) as held(webhook_id, lane, most)
join webhooks w on w.id = held.webhook_id and w.status = 'enabled'
               and (w.blocked_until is null or w.blocked_until <= $4::timestamptz)
cross join lateral (
    select * from deliveries d
    where d.webhook_id = held.webhook_id and d.lane = held.lane and d.due_at <= $4
    order by d.due_at, d.id limit held.most
) d
join events e on e.id = d.event_id
order by held.webhook_id, held.lane, d.due_at, d.id
"""
_ENDPOINTS = """
select w.id, w.url, w.per_second, s.ciphertext, s.key_id
from webhooks w join webhook_secrets s on s.webhook_id = w.id
where w.id = any($1::int[]) and (s.expires_at is null or s.expires_at > $2::timestamptz)
order by w.id, s.id desc
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a group: new work by lane, which lanes are still held, which endpoints were disabled and why."""

    work: dict[Place, Batch]
    held: dict[Place, Lane]
    lost: frozenset[Place]
    disabled: tuple[tuple[int, str, str, str], ...]
    """Endpoint's id, public id, URL and the reason: an event to record, last, in the same transaction."""


async def settle(
    conn: AsyncConnection, group: Sequence[Settling], now: datetime, lease: timedelta, hopeless_before: datetime
) -> Settled:
    """Write results of lanes (each at most once in the group), give back what is to be given back, load the rest.

    An endpoint with nothing but failures since ``hopeless_before`` is disabled, and one that is gone.
    """
    ours = await _held(conn, [each.lane for each in group])
    good = [each for each in group if each.lane.place in ours]
    by_endpoint: dict[int, list[Result]] = defaultdict(list)
    for each in good:
        by_endpoint[each.lane.webhook_id].extend(each.results)
    hopeless = await _write_health(conn, by_endpoint, hopeless_before)
    await _write_results(conn, [result for each in good for result in each.results])
    gone = [id_ for id_, results in by_endpoint.items() if any(result.gone for result in results)]
    disabled = []
    for reason, ids in (("gone", gone), ("failing", hopeless)):
        for id_, (public_id, url) in (await webhooks.disable(conn, ids, reason, now) if ids else {}).items():
            disabled.append((id_, public_id, url, reason))
    work = await load(conn, {each.lane.place: each.most for each in good if each.most}, now)
    until = now + lease
    ends = [until if each.lane.place in work else each.rest_until for each in good]
    await fetch(conn, _END, *_columns((*each.lane.place, end) for each, end in zip(good, ends, strict=True)))
    held = {e.lane.place: Lane(*e.lane.place, e.lane.token, until) for e in good if e.lane.place in work}
    lost = frozenset(each.lane.place for each in group) - ours
    return Settled(work, held, lost, tuple(disabled))


def _columns(rows: Iterable[tuple[object, ...]], width: int = 3) -> list[tuple[object, ...]]:
    return list(zip(*rows, strict=True)) or [()] * width


async def _held(conn: AsyncConnection, lanes: Sequence[Lane]) -> frozenset[Place]:
    """Those whose lease is still ours, locked."""
    rows = await fetch(conn, _HELD, *_columns((*lane.place, lane.token) for lane in lanes))
    return frozenset((row[0], row[1]) for row in rows)


_HELD = """
select l.webhook_id, l.lane from webhook_lanes l
join unnest($1::int[], $2::smallint[], $3::bigint[]) as held(webhook_id, lane, token)
  on l.webhook_id = held.webhook_id and l.lane = held.lane and l.lease_token = held.token
order by l.webhook_id, l.lane for update of l
"""
_END = """
update webhook_lanes l set lease_until = held.until
from unnest($1::int[], $2::smallint[], $3::timestamptz[]) as held(webhook_id, lane, until)
where l.webhook_id = held.webhook_id and l.lane = held.lane
"""


async def _write_health(
    conn: AsyncConnection, by_endpoint: Mapping[int, Sequence[Result]], hopeless_before: datetime
) -> list[int]:
    """Note failures, successes and rests of endpoints, where something changes. Returns those that are hopeless."""
    rows = []
    for id_, results in sorted(by_endpoint.items()):
        ordered = sorted(results, key=lambda result: result.ended_at)
        good = [place for place, result in enumerate(ordered) if result.fate == "delivered"]
        bad = ordered[good[-1] + 1 if good else 0 :]
        rests = [result.rest_until for result in results if result.rest_until is not None]
        rows.append((id_, bool(good), bad[0].at if bad else None, max(rests, default=None)))
    found = await fetch(conn, _HEALTH, *_columns(rows, 4), hopeless_before)
    return [row[0] for row in found if row[1]]


_HEALTH = """
with seen as (
    select * from unnest($1::int[], $2::bool[], $3::timestamptz[], $4::timestamptz[])
        as seen(webhook_id, works, failed_at, rest_until)
), locked as (
    select w.id from webhooks w join seen on seen.webhook_id = w.id
    where seen.failed_at is not null or seen.rest_until is not null or (seen.works and w.failing_since is not null)
    order by w.id for no key update of w
)
update webhooks w
set failing_since = case when seen.works then seen.failed_at else coalesce(w.failing_since, seen.failed_at) end,
    blocked_until = greatest(w.blocked_until, seen.rest_until)
from seen where w.id = seen.webhook_id and w.id = any(array(select id from locked))
returning w.id, w.failing_since <= $5::timestamptz and w.status = 'enabled'
"""


async def _write_results(conn: AsyncConnection, results: Sequence[Result]) -> None:
    rows = [
        (
            result.delivery_id,
            result.number,
            result.at,
            result.ended_at,
            result.fate,
            result.next_at,
            result.status,
            result.error,
            result.answer,
            round((result.ended_at - result.at).total_seconds() * 1000),
        )
        for result in results
    ]
    if rows:
        await fetch(conn, _RESULTS, *_columns(rows))


# A delivery that was held while it was under way stays held, unless it arrived; one whose event was erased is gone.
_RESULTS = """
with result as (
    select * from unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::timestamptz[],
                         $7::smallint[], $8::text[], $9::bytea[], $10::int[])
        as result(id, number, at, ended_at, fate, next_at, status, error, answer, duration_ms)
), written as (
    update deliveries d
    set attempts = result.number,
        status = case when d.status = 'held' and result.fate <> 'delivered' then 'held' else result.fate end,
        due_at = case when d.status <> 'held' then result.next_at end,
        done_at = case when result.fate in ('delivered', 'failed') then result.ended_at end
    from result where d.id = result.id
    returning d.id
)
insert into delivery_attempts (delivery_id, at, next_at, number, duration_ms, status, error, answer)
select id, at, next_at, number, duration_ms, status, error, answer from result join written using (id) order by at, id
"""
