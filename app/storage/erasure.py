"""Erasure on request: everything about an account goes, and a digest keeps it from being added again.

May assume a connection inside the caller's transaction. Promises: after the commit no row of ours holds the account's
name, ids, links, posts, looks, rules, events or messages; the list that prevents re-adding holds only SHA-256 digests.
Events about others that name it (a move, a host of its own) keep their place in the log and lose the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.raw import executemany, fetch
from app.storage.tables import accounts, erased, handles, hosts, idempotency, posts, subjects

#: What stands in an event in place of a name.
ERASED = "erased"
#: The whole log is read once in an erasure, which may take longer than an answer may.
_PATIENCE = text("set local statement_timeout = '10min'")


@dataclass(frozen=True, slots=True)
class _Names:
    """What must stand nowhere afterwards. ``subject`` counts only where a subject is named: it may be any word."""

    exact: frozenset[str]
    subject: str | None = None


def digest_of(platform: str, native_id: str) -> bytes:
    """What the list keeps instead of the account."""
    return hashlib.sha256(f"{platform}\0{native_id}".encode()).digest()


async def is_erased(conn: AsyncConnection, platform: str, native_id: str) -> bool:
    """Whether this account was erased on request."""
    found = await conn.execute(select(erased.c.digest).where(erased.c.digest == digest_of(platform, native_id)))
    return found.first() is not None


async def erase_account(conn: AsyncConnection, account_id: int, now: datetime) -> bool:
    """Delete the account and everything about it; False where there is none. Commits nothing."""
    names = await _delete_accounts(conn, [account_id], now)
    await _forget(conn, _Names(names))
    return bool(names)


async def erase_subject(conn: AsyncConnection, subject_id: int, now: datetime) -> int:
    """Erase every account of the subject, then the subject itself. How many accounts. Commits nothing."""
    owned = select(accounts.c.id).where(accounts.c.subject_id == subject_id).order_by(accounts.c.id)
    ids = (await conn.execute(owned)).scalars().all()
    names = await _delete_accounts(conn, ids, now)
    named = select(subjects.c.public_id, subjects.c.name).where(subjects.c.id == subject_id)
    row = (await conn.execute(named)).first()
    if row is not None:
        await _forget(conn, _Names(names | {row.public_id}, row.name))
        await conn.execute(delete(subjects).where(subjects.c.id == subject_id))
    return len(ids)


async def _delete_accounts(conn: AsyncConnection, ids: Sequence[int], now: datetime) -> frozenset[str]:
    """Delete these accounts, then hosts that nobody is at any more; what named them.

    In the order in which workers lock (accounts by id, hosts last), or they and we would wait for each other.
    """
    names: frozenset[str] = frozenset()
    at: set[int] = set()
    for account_id in ids:
        found, host_id = await _delete_account(conn, account_id, now)
        names |= found
        if host_id is not None:
            at.add(host_id)
    for host_id in sorted(at):
        names |= await _delete_host(conn, host_id)
    return names


async def _delete_account(conn: AsyncConnection, account_id: int, now: datetime) -> tuple[frozenset[str], int | None]:
    """Delete the account's rows; what named it and its host, empty and None where there is none.

    Posts have no foreign key (it would cost a look-up at every insert), so they go by name; the rest goes with the
    row: looks, coverage, rules, states, events, and through these deliveries, attempts and notices.
    """
    # The row lock makes a look that is being committed end first, or fail its fencing check afterwards.
    row = (await conn.execute(select(accounts).where(accounts.c.id == account_id).with_for_update())).first()
    if row is None:
        return frozenset(), None
    known = (await conn.execute(select(handles.c.handle).where(handles.c.account_id == account_id))).scalars().all()
    digest = digest_of(row.platform, row.native_id)
    await conn.execute(insert(erased).values(digest=digest, erased_at=now).on_conflict_do_nothing())
    await conn.execute(delete(accounts).where(accounts.c.id == account_id))
    await conn.execute(delete(posts).where(posts.c.account_id == account_id))
    names = {row.public_id, row.native_id, row.profile_url, row.handle, *known}
    names |= {f"{row.platform}:{name}" for name in (row.native_id, row.handle, *known)}
    return frozenset(names), row.host_id


async def _delete_host(conn: AsyncConnection, host_id: int) -> frozenset[str]:
    """The host's name, where nobody else is at it: a host of one's own says who one is."""
    await conn.execute(select(hosts.c.id).where(hosts.c.id == host_id).with_for_update())
    empty = ~select(accounts.c.id).where(accounts.c.host_id == host_id).exists()
    gone = await conn.execute(delete(hosts).where(hosts.c.id == host_id, empty).returning(hosts.c.name))
    return frozenset(gone.scalars())


async def _forget(conn: AsyncConnection, names: _Names) -> None:
    """Take the names out of what is left: answers kept for repeated creates, and events about others."""
    words = sorted(names.exact | ({names.subject} if names.subject else set()))
    if not words:
        return
    for word in words:
        named = func.position(func.convert_to(_quoted(word), "UTF8").op("in")(idempotency.c.body)) > 0
        await conn.execute(delete(idempotency).where(named))
    await conn.execute(_PATIENCE)
    rows = await fetch(conn, _NAMING, [_quoted(word) for word in words])
    changed = [
        (row["id"], msgspec.json.encode(_without(msgspec.json.decode(row["data"]), names)).decode()) for row in rows
    ]
    if changed:
        await executemany(conn, "update events set data = $2::json where id = $1", changed)


_NAMING = """
select id, data::text as data from events
where exists (select from unnest($1::text[]) as word where position(word in data::text) > 0) for update
"""


def _quoted(word: str) -> str:
    """The word as it stands in JSON that we wrote: whole values are found, not parts of them."""
    return msgspec.json.encode(word).decode()


def _without(value: Any, names: _Names, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _without(part, names, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(part, names, key) for part in value]
    if isinstance(value, str) and (value in names.exact or (key == "subject" and value == names.subject)):
        return ERASED
    return value
