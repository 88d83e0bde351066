"""Accounts: added, listed, changed. How one is found by what a person wrote is in ``storage.names``.

May assume a connection inside the caller's transaction. Promises: an account is unique by platform and native id; one
that was erased on request is refused; lists are in the order of addition, stable under writes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, any_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Identity
from app.errors import BadInput, Erased
from app.storage import erasure, rhythms, rules
from app.storage.tables import account_state, accounts, handles, hosts, source_memory, subjects

ROLES = ("personal", "official", "brand")
STATUSES = ("watched", "paused", "stopped")


@dataclass(frozen=True, slots=True)
class Account:
    """One watched profile. ``id`` is ours and stays inside; ``public_id`` is what the world sees."""

    id: int
    public_id: str
    platform: str
    native_id: str
    handle: str
    display_name: str
    profile_url: str
    host: str
    role: str
    status: str
    tags: tuple[str, ...]
    subject_id: int | None
    subject: str | None
    """The subject's public id."""
    subject_name: str | None
    zone: str
    """The subject's IANA zone; UTC without a subject."""
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime | None
    """When it was created on the platform, where the platform says so."""
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which accounts; everything given must hold."""

    tag: str | None = None
    platform: str | None = None
    subject_id: int | None = None
    status: str | None = None
    text: str | None = None
    """Part of the handle or the display name, whatever the case."""


def _selected() -> Select[Any]:
    a, s = accounts.c, subjects.c
    return (
        select(
            a.id,
            a.public_id,
            a.platform,
            a.native_id,
            a.handle,
            a.display_name,
            a.profile_url,
            hosts.c.name,
            a.role,
            a.status,
            a.tags,
            a.subject_id,
            s.public_id,
            s.name,
            func.coalesce(s.zone, "UTC"),
            a.valid_from,
            a.valid_to,
            a.created_at,
            a.added_at,
        )
        .select_from(accounts)
        .join(hosts, hosts.c.id == a.host_id)
        .outerjoin(subjects, s.id == a.subject_id)
    )


def _account(row: Sequence[Any]) -> Account:
    values = list(row)
    values[10] = tuple(values[10])
    return Account(*values)


def _is_one_of(account_ids: Sequence[int]) -> ColumnElement[bool]:
    """One bound array, however many ids: the statement stays the same and is prepared once."""
    return accounts.c.id == any_(literal(list(account_ids), ARRAY(Integer)))


async def get(conn: AsyncConnection, account_id: int) -> Account | None:
    """The account with this internal id."""
    row = (await conn.execute(_selected().where(accounts.c.id == account_id))).first()
    return _account(row) if row else None


async def get_many(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, Account]:
    """Accounts by internal id; unknown ids are left out."""
    rows = await conn.execute(_selected().where(_is_one_of(account_ids)))
    return {row[0]: _account(row) for row in rows}


async def add(
    conn: AsyncConnection,
    identity: Identity,
    *,
    now: datetime,
    subject_id: int | None = None,
    tags: Sequence[str] = (),
    role: str = "official",
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> tuple[Account, bool]:
    """Watch an account: due at once. The account and whether it is new; a known one is returned as it is.

    Raises Erased for one that was erased on request, BadInput for a role or a validity that cannot be.
    """
    if await erasure.is_erased(conn, identity.platform, identity.native_id):
        raise Erased("This account was erased on request and is not watched again.", field="url")
    _check(role, valid_from, valid_to)
    host_id = await _host_id(conn, identity.host)
    values = {
        "public_id": f"acc_{secrets.token_hex(10)}",
        "platform": identity.platform,
        "native_id": identity.native_id,
        "handle": identity.handle,
        "display_name": identity.display_name[:200],
        "profile_url": identity.profile_url,
        "host_id": host_id,
        "subject_id": subject_id,
        "tags": sorted(set(tags)),
        "role": role,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "created_at": identity.created_at,
        "added_at": now,
    }
    # Two requests that add the same account at once: one inserts, the other waits here and finds it.
    added = await conn.execute(insert(accounts).values(values).on_conflict_do_nothing().returning(accounts.c.id))
    new_id = added.scalar()
    if new_id is not None:
        await _begin_watching(conn, new_id, host_id, identity, now)
        await rules.reconcile(conn, now, account_ids=[new_id])
    named = (accounts.c.platform == identity.platform) & (accounts.c.native_id == identity.native_id)
    return _account((await conn.execute(_selected().where(named))).one()), new_id is not None


async def _host_id(conn: AsyncConnection, name: str) -> int:
    """The host's row, held until the commit: an erasure removes hosts that nobody is at any more."""
    row = select(hosts.c.id).where(hosts.c.name == name.lower()).with_for_update(read=True, key_share=True)
    found: int | None = None
    while found is None:
        await conn.execute(insert(hosts).values(name=name.lower()).on_conflict_do_nothing())
        found = (await conn.execute(row)).scalar()
    return found


async def _begin_watching(conn: AsyncConnection, id_: int, host_id: int, identity: Identity, now: datetime) -> None:
    await conn.execute(insert(account_state).values(account_id=id_, host_id=host_id, next_poll_at=now))
    await conn.execute(insert(source_memory).values(account_id=id_, memory=identity.memory))
    await conn.execute(insert(handles).values(account_id=id_, handle=identity.handle, seen_from=now))


async def page(
    conn: AsyncConnection, wanted: Filter | None = None, *, after: int | None = None, limit: int = 100
) -> list[Account]:
    """Accounts in the order of addition, those after the account with internal id ``after``."""
    query = _filtered(_selected(), wanted or Filter()).order_by(accounts.c.id).limit(limit)
    if after is not None:
        query = query.where(accounts.c.id > after)
    return [_account(row) for row in await conn.execute(query)]


async def count(conn: AsyncConnection, wanted: Filter | None = None) -> int:
    """How many accounts there are of this filter."""
    query = _filtered(select(func.count()).select_from(accounts), wanted or Filter())
    found: int = (await conn.execute(query)).scalar_one()
    return found


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    a = accounts.c
    if wanted.tag is not None:
        query = query.where(a.tags.contains([wanted.tag]))
    if wanted.platform is not None:
        query = query.where(a.platform == wanted.platform)
    if wanted.subject_id is not None:
        query = query.where(a.subject_id == wanted.subject_id)
    if wanted.status is not None:
        query = query.where(a.status == wanted.status)
    if wanted.text is not None:
        text = wanted.text
        query = query.where(
            or_(a.handle.icontains(text, autoescape=True), a.display_name.icontains(text, autoescape=True))
        )
    return query


async def patch(conn: AsyncConnection, account_id: int, changes: Mapping[str, Any], *, now: datetime) -> Account | None:
    """Change what a person decides: ``tags, role, subject_id, status, valid_from, valid_to``. None: no such account.

    ``status`` is ``watched`` or ``paused``; ``watched`` makes a paused or stopped account due at once.
    Raises BadInput for any other field or value.
    """
    if unknown := set(changes) - {"tags", "role", "subject_id", "status", "valid_from", "valid_to"}:
        raise BadInput("This cannot be changed.", field=sorted(unknown)[0])
    before = await get(conn, account_id)
    if before is None:
        return None
    values = dict(changes)
    if "tags" in values:
        values["tags"] = sorted(set(values["tags"]))
    _check(
        values.get("role", before.role),
        values.get("valid_from", before.valid_from),
        values.get("valid_to", before.valid_to),
    )
    if values:
        await conn.execute(update(accounts).where(accounts.c.id == account_id).values(values))
    if "status" in values and values["status"] != before.status:
        await _apply_status(conn, account_id, values["status"], now)
    if "subject_id" in values:
        await rhythms.call_for(conn, account_id=account_id)
    if {"tags", "subject_id", "status"} & values.keys():
        await rules.reconcile(conn, now, account_ids=[account_id])
    return await get(conn, account_id)


async def _apply_status(conn: AsyncConnection, account_id: int, status: str, now: datetime) -> None:
    if status not in ("watched", "paused"):
        raise BadInput("The status can be set to watched or paused.", field="status")
    due = now if status == "watched" else None
    await conn.execute(update(account_state).where(account_state.c.account_id == account_id).values(next_poll_at=due))


def _check(role: str, valid_from: datetime | None, valid_to: datetime | None) -> None:
    if role not in ROLES:
        raise BadInput("The role is none of personal, official, brand.", field="role")
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        raise BadInput("The validity ends before it begins.", field="valid_to")


async def poll_now(conn: AsyncConnection, account_ids: Sequence[int], now: datetime) -> int:
    """Make watched accounts due now. How many."""
    watched = select(accounts.c.id).where(_is_one_of(account_ids), accounts.c.status == "watched")
    done = await conn.execute(
        update(account_state).where(account_state.c.account_id.in_(watched)).values(next_poll_at=now)
    )
    return int(done.rowcount)


async def tags(conn: AsyncConnection) -> list[tuple[str, int]]:
    """Every tag in use with the number of its accounts, by name."""
    each = select(func.unnest(accounts.c.tags).label("tag")).subquery()
    rows = await conn.execute(select(each.c.tag, func.count()).group_by(each.c.tag).order_by(each.c.tag))
    return [(row[0], row[1]) for row in rows]


async def forget_tag(conn: AsyncConnection, tag: str, now: datetime) -> int:
    """Take the tag off every account, and out of the scope of the rules on it. How many had it."""
    done = await conn.execute(
        update(accounts)
        .where(accounts.c.tags.contains([tag]))
        .values(tags=func.array_remove(accounts.c.tags, tag))
        .returning(accounts.c.id)
    )
    ids = list(done.scalars())
    await rules.reconcile(conn, now, account_ids=ids)
    return len(ids)


async def erase(conn: AsyncConnection, account_id: int, now: datetime) -> bool:
    """Erase on request: everything about the account, for good (``storage.erasure``)."""
    return await erasure.erase_account(conn, account_id, now)
