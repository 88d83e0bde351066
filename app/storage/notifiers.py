"""Notifiers: people, each with an Apprise address that stays sealed, and what is still to be told to them.

May assume a connection inside the caller's transaction. Promises: the address leaves only sealed, to who sends; a
notifier is leased to one sender at a time, and only the holder of the lease writes down how it went; what was told is
deleted with that, so that nothing is lost and, but for a crash in between, nothing is told twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events import EventType
from app.domain.messages import Told
from app.storage.event_tables import notices, notifiers
from app.storage.raw import fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotifier:
    """What a person decides. ``types`` None: the usual ones; ``tags`` None: all accounts."""

    name: str
    service: str
    ciphertext: bytes
    key_id: str
    types: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    language: str = "en"
    zone: str = "UTC"
    digest: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Notifier:
    """A notifier as it may be shown: of its address only the service."""

    id: int
    public_id: str
    name: str
    service: str
    types: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    language: str
    zone: str
    digest: timedelta
    status: str
    reason: str | None
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    sent_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A notifier leased for one message. ``token`` proves the lease."""

    id: int
    token: int
    public_id: str
    name: str
    service: str
    ciphertext: bytes
    key_id: str
    language: str
    zone: str
    digest: timedelta
    failures: int
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class News:
    """What one message is about: the first events, how many there are of each type, and where they end."""

    told: tuple[Told, ...]
    counts: Mapping[EventType, int]
    upto: int
    horizon: datetime


_SHOWN = tuple(notifiers.c[name] for name in Notifier.__dataclass_fields__)


def _notifier(row: Sequence[Any]) -> Notifier:
    values = list(row)
    values[4:6] = [None if part is None else tuple(part) for part in values[4:6]]
    return Notifier(*values)


async def add(conn: AsyncConnection, new: NewNotifier, now: datetime) -> Notifier:
    """A new notifier, enabled; it is told what happens from now on."""
    values = {name: getattr(new, name) for name in NewNotifier.__dataclass_fields__}
    made = insert(notifiers).values(public_id=f"ntf_{secrets.token_hex(10)}", created_at=now, **values)
    return _notifier(tuple((await conn.execute(made.returning(*_SHOWN))).one()))


async def page(conn: AsyncConnection, *, after: int | None = None, limit: int = 100) -> list[Notifier]:
    """Notifiers in the order of addition, those after the one with internal id ``after``."""
    query = select(*_SHOWN).order_by(notifiers.c.id).limit(limit)
    if after is not None:
        query = query.where(notifiers.c.id > after)
    return [_notifier(tuple(row)) for row in await conn.execute(query)]


async def find(conn: AsyncConnection, public_id: str) -> Notifier | None:
    """The notifier with this public id."""
    row = (await conn.execute(select(*_SHOWN).where(notifiers.c.public_id == public_id))).first()
    return _notifier(tuple(row)) if row else None


async def sealed(conn: AsyncConnection, notifier_id: int) -> tuple[bytes, str]:
    """The sealed address and the id of the key that sealed it. Raises sqlalchemy.exc.NoResultFound."""
    query = select(notifiers.c.ciphertext, notifiers.c.key_id).where(notifiers.c.id == notifier_id)
    row = (await conn.execute(query)).one()
    return row.ciphertext, row.key_id


async def patch(conn: AsyncConnection, notifier_id: int, changes: Mapping[str, Any]) -> Notifier:
    """Change columns. A new address or a new start forgets failures; who is disabled has nothing more to hear of."""
    values = dict(changes)
    if "ciphertext" in values or values.get("status") == "enabled":
        values |= {"status": "enabled", "reason": None, "failures": 0, "failing_since": None, "next_at": None}
    if values.get("status") == "disabled":
        values |= {"reason": None}
        await conn.execute(delete(notices).where(notices.c.notifier_id == notifier_id))
    where = notifiers.c.id == notifier_id
    if not values:
        return _notifier(tuple((await conn.execute(select(*_SHOWN).where(where))).one()))
    return _notifier(
        tuple((await conn.execute(update(notifiers).where(where).values(values).returning(*_SHOWN))).one())
    )


async def remove(conn: AsyncConnection, notifier_id: int) -> None:
    """Delete it, and with it what it had still to tell."""
    await conn.execute(delete(notifiers).where(notifiers.c.id == notifier_id))


_CLAIM = """
with due as (
    select n.id from notifiers n
    where n.status = 'enabled' and coalesce(n.next_at <= $1, true) and coalesce(n.lease_until <= $1, true)
      and exists (select from notices where notifier_id = n.id and due_at <= $1)
    order by n.sent_at nulls first, n.id limit $3 for update of n skip locked
)
update notifiers set lease_token = lease_token + 1, lease_until = $2 where id in (select id from due)
returning id, lease_token, public_id, name, service, ciphertext, key_id, language, zone, digest, failures, failing_since
"""
_UPTO = "select max(event_id) from notices where notifier_id = $1 and due_at <= $2"
_COUNTS = """
select e.type, count(*) from notices n join events e on e.id = n.event_id
where n.notifier_id = $1 and n.due_at <= $2 and n.event_id <= $3 group by e.type order by min(e.id)
"""
_FIRST = """
select e.type, e.occurred_at, e.data::text from notices n join events e on e.id = n.event_id
where n.notifier_id = $1 and n.due_at <= $2 and n.event_id <= $3 order by e.id limit $4
"""
_DONE = """
update notifiers set failures = 0, failing_since = null, reason = null, next_at = null, sent_at = $3, lease_until = null
where id = $1 and lease_token = $2 returning id
"""
_TOLD = "delete from notices where notifier_id = $1 and due_at <= $2 and event_id <= $3"
_FAILED = """
update notifiers set failures = failures + 1, failing_since = coalesce(failing_since, $3), reason = $4, next_at = $5,
       status = $6, lease_until = null
where id = $1 and lease_token = $2 returning id
"""


async def claim_due(conn: AsyncConnection, now: datetime, limit: int, lease: timedelta) -> list[Due]:
    """Lease at most ``limit`` notifiers that have something to tell, who was told longest ago first."""
    return [Due(*row) for row in await fetch(conn, _CLAIM, now, now + lease, limit)]


async def load_news(conn: AsyncConnection, due: Due, now: datetime, most: int) -> News | None:
    """Everything that happened up to now and may be told, its first ``most`` events in full; None where it is gone.

    A digest takes along what came after its first event. Ids grow in the order of commits, so that what is committed
    while this is read lies behind ``upto``.
    """
    horizon = now + due.digest
    upto = (await fetch(conn, _UPTO, due.id, horizon))[0][0]
    if upto is None:
        return None
    counts = {EventType(type_): number for type_, number in await fetch(conn, _COUNTS, due.id, horizon, upto)}
    rows = await fetch(conn, _FIRST, due.id, horizon, upto, most)
    told = tuple(Told(EventType(type_), at, msgspec.json.decode(data)) for type_, at, data in rows)
    return News(told, counts, upto, horizon) if told else None


async def mark_told(conn: AsyncConnection, due: Due, news: News, now: datetime) -> bool:
    """It was sent. False where the lease was lost: somebody else tells it again."""
    if not await fetch(conn, _DONE, due.id, due.token, now):
        return False
    await fetch(conn, _TOLD, due.id, news.horizon, news.upto)
    return True


async def mark_failed(conn: AsyncConnection, due: Due, now: datetime, reason: str, next_at: datetime | None) -> bool:
    """It was not sent. ``next_at`` None disables the notifier. False where the lease was lost."""
    status = "disabled" if next_at is None else "enabled"
    return bool(await fetch(conn, _FAILED, due.id, due.token, now, reason, next_at, status))


async def give_back(conn: AsyncConnection, due: Due) -> None:
    """End the lease: there was nothing to tell."""
    leased = (notifiers.c.id == due.id) & (notifiers.c.lease_token == due.token)
    await conn.execute(update(notifiers).where(leased).values(lease_until=None))
