"""Subjects: the people and organisations that are watched, with a name, a time zone and accounts.

May assume a connection inside the caller's transaction. Promises: names are unique; lists are in the order of addition.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, Conflict
from app.storage import rhythms
from app.storage.tables import accounts, subjects


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or organisation. ``zone`` is an IANA name; ``accounts`` the number of its accounts."""

    id: int
    public_id: str
    name: str
    zone: str
    added_at: datetime
    accounts: int


def _selected() -> Select[Any]:
    s = subjects.c
    number = select(func.count()).where(accounts.c.subject_id == s.id).scalar_subquery()
    return select(s.id, s.public_id, s.name, s.zone, s.added_at, number)


async def add(conn: AsyncConnection, name: str, *, zone: str = "UTC", now: datetime) -> tuple[Subject, bool]:
    """A subject and whether it is new; one with this name is returned as it is."""
    values = {"public_id": f"sub_{secrets.token_hex(10)}", "name": name, "zone": zone, "added_at": now}
    added = await conn.execute(insert(subjects).values(values).on_conflict_do_nothing().returning(subjects.c.id))
    new = added.first() is not None
    return Subject(*(await conn.execute(_selected().where(subjects.c.name == name))).one()), new


async def find(conn: AsyncConnection, key: str) -> Subject | None:
    """By public id or by name."""
    column = subjects.c.public_id if key.startswith("sub_") else subjects.c.name
    row = (await conn.execute(_selected().where(column == key))).first()
    return Subject(*row) if row else None


async def page(conn: AsyncConnection, *, after: int | None = None, limit: int = 100) -> list[Subject]:
    """Subjects in the order of addition, those after the subject with internal id ``after``."""
    query = _selected().order_by(subjects.c.id).limit(limit)
    if after is not None:
        query = query.where(subjects.c.id > after)
    return [Subject(*row) for row in await conn.execute(query)]


async def patch(conn: AsyncConnection, subject_id: int, changes: Mapping[str, Any]) -> Subject | None:
    """Change ``name`` or ``zone``. None: no such subject.

    Raises BadInput for other fields, Conflict for a name that is taken.
    """
    if unknown := set(changes) - {"name", "zone"}:
        raise BadInput("This cannot be changed.", field=sorted(unknown)[0])
    if "name" in changes:
        taken = select(subjects.c.id).where(subjects.c.name == changes["name"], subjects.c.id != subject_id)
        if (await conn.execute(taken)).first() is not None:
            raise Conflict("Another subject has this name.", field="name")
    if changes:
        await conn.execute(update(subjects).where(subjects.c.id == subject_id).values(dict(changes)))
    if "zone" in changes:
        await rhythms.call_for(conn, subject_id=subject_id)
    row = (await conn.execute(_selected().where(subjects.c.id == subject_id))).first()
    return Subject(*row) if row else None


async def delete_one(conn: AsyncConnection, subject_id: int) -> bool:
    """Delete the subject and keep its accounts, which then belong to nobody. To erase all: ``storage.erasure``."""
    done = await conn.execute(delete(subjects).where(subjects.c.id == subject_id))
    return bool(done.rowcount)
