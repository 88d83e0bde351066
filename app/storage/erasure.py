"""Erasure on request: everything about an account goes, and a digest keeps it from being added again.

May assume a connection inside the caller's transaction. Promises: after the commit no row of ours holds the account's
name, ids, links, posts or looks; the list that prevents re-adding holds only SHA-256 digests.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import accounts, erased, idempotency, posts, subjects


def digest_of(platform: str, native_id: str) -> bytes:
    """What the list keeps instead of the account."""
    return hashlib.sha256(f"{platform}\0{native_id}".encode()).digest()


async def is_erased(conn: AsyncConnection, platform: str, native_id: str) -> bool:
    """Whether this account was erased on request."""
    found = await conn.execute(select(erased.c.digest).where(erased.c.digest == digest_of(platform, native_id)))
    return found.first() is not None


async def erase_account(conn: AsyncConnection, account_id: int, now: datetime) -> bool:
    """Delete the account and everything about it; False where there is none. Commits nothing.

    Posts have no foreign key (it would cost a look-up at every insert), so they go by name; the rest goes with the
    row. Answers kept for repeated creates are deleted where they name the account.
    """
    # The row lock makes a look that is being committed end first, or fail its fencing check afterwards.
    row = (
        await conn.execute(
            select(accounts.c.platform, accounts.c.native_id, accounts.c.public_id)
            .where(accounts.c.id == account_id)
            .with_for_update()
        )
    ).first()
    if row is None:
        return False
    digest = digest_of(row.platform, row.native_id)
    await conn.execute(insert(erased).values(digest=digest, erased_at=now).on_conflict_do_nothing())
    await _forget_answers(conn, row.public_id)
    await conn.execute(delete(accounts).where(accounts.c.id == account_id))
    await conn.execute(delete(posts).where(posts.c.account_id == account_id))
    return True


async def erase_subject(conn: AsyncConnection, subject_id: int, now: datetime) -> int:
    """Erase every account of the subject, then the subject itself. How many accounts. Commits nothing."""
    ids = (await conn.execute(select(accounts.c.id).where(accounts.c.subject_id == subject_id))).scalars().all()
    for account_id in ids:
        await erase_account(conn, account_id, now)
    public_id = (await conn.execute(select(subjects.c.public_id).where(subjects.c.id == subject_id))).scalar()
    if public_id is not None:
        await _forget_answers(conn, public_id)
        await conn.execute(delete(subjects).where(subjects.c.id == subject_id))
    return len(ids)


async def _forget_answers(conn: AsyncConnection, public_id: str) -> None:
    named = func.position(func.convert_to(public_id, "UTF8").op("in")(idempotency.c.body)) > 0
    await conn.execute(delete(idempotency).where(named))
