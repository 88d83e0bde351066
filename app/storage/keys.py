"""API keys, and the answers kept for repeated creates.

May assume a connection inside the caller's transaction. Promises: a key is shown once and stored as a digest; a check
costs one look-up by prefix and one comparison in constant time, whatever the number of keys.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.raw import fetch
from app.storage.tables import api_keys, idempotency

#: ``last_used_at`` is written at most this often: a read must not become a write.
USE_RECORDED_EVERY = timedelta(minutes=1)
#: How long the first answer to an Idempotency-Key is repeated.
ANSWERS_KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it may be shown: without its secret."""

    id: int
    prefix: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer to a create. ``request_digest`` tells a repetition from another request under the same key."""

    request_digest: bytes
    status: int
    body: bytes


_COLUMNS = (
    api_keys.c.id,
    api_keys.c.prefix,
    api_keys.c.name,
    api_keys.c.scopes,
    api_keys.c.created_at,
    api_keys.c.last_used_at,
    api_keys.c.revoked_at,
)


async def create(conn: AsyncConnection, name: str, scopes: Sequence[str], now: datetime) -> tuple[Key, str]:
    """A new key and its secret ``qw_<prefix>_<secret>``, which is nowhere else from now on."""
    prefix = secrets.token_hex(6)
    secret = f"qw_{prefix}_{secrets.token_urlsafe(32)}"
    values = {
        "prefix": prefix,
        "digest": _digest(secret),
        "name": name,
        "scopes": sorted(set(scopes)),
        "created_at": now,
    }
    row = (await conn.execute(insert(api_keys).values(values).returning(*_COLUMNS))).one()
    return _key(tuple(row)), secret


async def verify(conn: AsyncConnection, secret: str) -> Key | None:
    """The key that this secret opens, or None where it is unknown or revoked.

    Writes nothing: whoever answers calls ``record_use`` where ``use_is_due``.
    """
    parts = secret.split("_", 2)
    prefix = parts[1] if len(parts) == 3 and parts[0] == "qw" else ""
    rows = await fetch(conn, _VERIFY, prefix)
    stored = rows[0]["digest"] if rows else bytes(32)
    # Compared even where there is no such prefix, so that time does not tell which prefixes exist.
    if not hmac.compare_digest(stored, _digest(secret)) or not rows or rows[0]["revoked_at"] is not None:
        return None
    return _key(tuple(rows[0])[1:])


_VERIFY = """
select digest, id, prefix, name, scopes, created_at, last_used_at, revoked_at from api_keys where prefix = $1
"""


def use_is_due(key: Key, now: datetime) -> bool:
    """Whether the use of this key should be recorded now."""
    return key.last_used_at is None or now - key.last_used_at >= USE_RECORDED_EVERY


async def record_use(conn: AsyncConnection, key_id: int, now: datetime) -> None:
    """Note that the key was used, at most once a minute however many processes say so."""
    stale = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= now - USE_RECORDED_EVERY)
    await conn.execute(update(api_keys).where(api_keys.c.id == key_id, stale).values(last_used_at=now))


async def list_all(conn: AsyncConnection) -> list[Key]:
    """Every key, revoked ones too, oldest first."""
    rows = await conn.execute(select(*_COLUMNS).order_by(api_keys.c.id))
    return [_key(tuple(row)) for row in rows]


async def is_alive(conn: AsyncConnection, prefix: str) -> bool:
    """Whether there is a key with this prefix that was not revoked."""
    live = (api_keys.c.prefix == prefix) & api_keys.c.revoked_at.is_(None)
    return (await conn.execute(select(api_keys.c.id).where(live))).first() is not None


async def revoke(conn: AsyncConnection, prefix: str, now: datetime) -> Key | None:
    """End a key; it stays in the list. None where there is none with this prefix. Revoking twice changes nothing."""
    live = (api_keys.c.prefix == prefix) & api_keys.c.revoked_at.is_(None)
    await conn.execute(update(api_keys).where(live).values(revoked_at=now))
    row = (await conn.execute(select(*_COLUMNS).where(api_keys.c.prefix == prefix))).first()
    return _key(tuple(row)) if row else None


async def get_answer(conn: AsyncConnection, key_id: int, idempotency_key: str, now: datetime) -> Answer | None:
    """The first answer under this Idempotency-Key, while it is kept."""
    table = idempotency.c
    wanted = (table.key_id == key_id) & (table.key == idempotency_key) & (table.created_at > now - ANSWERS_KEPT_FOR)
    row = (await conn.execute(select(table.request_digest, table.status, table.body).where(wanted))).first()
    return Answer(*row) if row else None


async def put_answer(conn: AsyncConnection, key_id: int, idempotency_key: str, answer: Answer, now: datetime) -> bool:
    """Keep the first answer; False where another request was first (its answer counts). Drops what is too old."""
    await conn.execute(delete(idempotency).where(idempotency.c.created_at <= now - ANSWERS_KEPT_FOR))
    values = {
        "key_id": key_id,
        "key": idempotency_key,
        "request_digest": answer.request_digest,
        "status": answer.status,
        "body": answer.body,
        "created_at": now,
    }
    row = await conn.execute(
        upsert(idempotency).values(values).on_conflict_do_nothing().returning(idempotency.c.key_id)
    )
    return row.first() is not None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: Sequence[object]) -> Key:
    id_, prefix, name, scopes, created_at, last_used_at, revoked_at = row
    return Key(id_, prefix, name, tuple(scopes), created_at, last_used_at, revoked_at)  # type: ignore[arg-type]
