"""Endpoints of others: where events are sent, with which secrets, and whether it works.

May assume a connection inside the caller's transaction; secrets arrive sealed. Promises: nothing that is due to a
disabled endpoint is lost, it is held; a rotated secret stays in force until the time it was given; several changes of
one endpoint wait for each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.event_tables import webhook_lanes, webhook_secrets, webhooks
from app.storage.events import LANES
from app.storage.raw import fetch


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is kept: ciphertext, and which of our keys made it."""

    ciphertext: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint. ``types`` and ``tags`` None: all; ``per_second`` None: no limit."""

    id: int
    public_id: str
    url: str
    description: str
    types: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    per_second: int | None
    status: str
    """``enabled`` or ``disabled``; ``reason`` says why: ``requested``, ``gone``, ``failing``."""
    reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    blocked_until: datetime | None
    created_at: datetime
    secrets: int
    """How many secrets sign now: more than one during a rotation."""


_W, _S = webhooks.c, webhook_secrets.c
_COLUMNS = (
    _W.id,
    _W.public_id,
    _W.url,
    _W.description,
    _W.types,
    _W.tags,
    _W.per_second,
    _W.status,
    _W.reason,
    _W.disabled_at,
    _W.failing_since,
    _W.blocked_until,
    _W.created_at,
)


async def add(conn: AsyncConnection, values: Mapping[str, Any], secret: Sealed, now: datetime) -> Webhook:
    """A new, enabled endpoint with its secret. ``values``: url, description, types, tags, per_second."""
    row = {"public_id": f"whk_{secrets.token_hex(10)}", "created_at": now, **values}
    id_ = (await conn.execute(insert(webhooks).values(row).returning(_W.id))).scalar_one()
    await conn.execute(insert(webhook_lanes), [{"webhook_id": id_, "lane": lane} for lane in range(LANES)])
    await _add_secret(conn, id_, secret, now)
    return await _read(conn, id_, now)


async def find(conn: AsyncConnection, public_id: str, now: datetime, *, lock: bool = False) -> Webhook | None:
    """The endpoint of this id; with ``lock`` nobody else changes it until the transaction ends."""
    query = select(_W.id).where(_W.public_id == public_id)
    id_ = (await conn.execute(query.with_for_update(key_share=True) if lock else query)).scalar()
    return None if id_ is None else await _read(conn, id_, now)


async def page(conn: AsyncConnection, now: datetime, *, after: int | None, limit: int) -> list[Webhook]:
    """Endpoints in the order of addition, behind ``after``."""
    query = select(*_COLUMNS, _in_force(now)).where(_W.id > (after or 0)).order_by(_W.id).limit(limit)
    return [_webhook(row) for row in await conn.execute(query)]


async def patch(conn: AsyncConnection, id_: int, changes: Mapping[str, Any], now: datetime) -> Webhook:
    """Change what ``add`` was given."""
    if changes:
        await conn.execute(update(webhooks).where(_W.id == id_).values(dict(changes)))
    return await _read(conn, id_, now)


async def remove(conn: AsyncConnection, id_: int) -> None:
    """Delete an endpoint with its secrets, deliveries and attempts. The events stay."""
    await conn.execute(delete(webhooks).where(_W.id == id_))


async def rotate(
    conn: AsyncConnection, id_: int, secret: Sealed, now: datetime, old_until: datetime, most_old: int
) -> bool:
    """Sign with ``secret`` from now on, and until ``old_until`` with those of before too.

    False, and nothing is changed, where more than ``most_old`` would then be in force besides. Lock the endpoint.
    """
    await conn.execute(delete(webhook_secrets).where(_S.webhook_id == id_, _S.expires_at <= now))
    old = (await conn.execute(select(func.count()).where(_S.webhook_id == id_))).scalar_one()
    if old > most_old:
        return False
    current = (_S.webhook_id == id_) & _S.expires_at.is_(None)
    await conn.execute(update(webhook_secrets).where(current).values(expires_at=old_until))
    await _add_secret(conn, id_, secret, now)
    return True


async def disable(conn: AsyncConnection, ids: Sequence[int], reason: str, now: datetime) -> dict[int, tuple[str, str]]:
    """Send nothing to them any more and hold what is due. Returns id and URL of those that were enabled before."""
    rows = await fetch(conn, _DISABLE, sorted(ids), reason, now)
    await fetch(conn, _HOLD, [row["id"] for row in rows])
    return {row["id"]: (row["public_id"], row["url"]) for row in rows}


_DISABLE = """
update webhooks set status = 'disabled', reason = $2, disabled_at = $3
where id = any(array(select id from webhooks where id = any($1::int[]) and status = 'enabled'
                     order by id for no key update))
returning id, public_id, url
"""
_HOLD = "update deliveries set status = 'held', due_at = null where webhook_id = any($1::int[]) and status = 'pending'"


async def enable(conn: AsyncConnection, id_: int, now: datetime) -> int:
    """Send again, what was held first, with the whole schedule of attempts before it; returns how many were held."""
    await fetch(conn, _ENABLE, id_)
    return len(await fetch(conn, _RELEASE, id_, now))


_ENABLE = """
update webhooks set status = 'enabled', reason = null, disabled_at = null, failing_since = null, blocked_until = null
where id = $1::int
"""
_RELEASE = """
update deliveries d set status = 'pending', attempts = 0, due_at = greatest($2::timestamptz, e.tell_at)
from events e where e.id = d.event_id and d.webhook_id = $1::int and d.status = 'held' returning d.id
"""


async def _add_secret(conn: AsyncConnection, id_: int, secret: Sealed, now: datetime) -> None:
    values = {"webhook_id": id_, "ciphertext": secret.ciphertext, "key_id": secret.key_id, "created_at": now}
    await conn.execute(insert(webhook_secrets).values(values))


def _in_force(now: datetime) -> Any:
    valid = _S.expires_at.is_(None) | (_S.expires_at > now)
    return select(func.count()).where(_S.webhook_id == _W.id, valid).scalar_subquery()


async def _read(conn: AsyncConnection, id_: int, now: datetime) -> Webhook:
    return _webhook((await conn.execute(select(*_COLUMNS, _in_force(now)).where(_W.id == id_))).one())


def _webhook(row: Any) -> Webhook:
    id_, public_id, url, description, types, tags, *rest = row
    return Webhook(id_, public_id, url, description, types and tuple(types), tags and tuple(tags), *rest)
