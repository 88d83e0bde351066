"""Which accounts a question is about: tag, platform, subject, named accounts; all of what is given must hold."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from app.api import reading, watched
from app.storage import names
from app.storage.names import Selection

#: The most accounts one question may name.
MOST_NAMED = 1000
Tag = Annotated[str | None, Query(max_length=64, description="Only accounts with this tag.")]
Platform = Annotated[str | None, Query(max_length=32, description="Only accounts of this platform.")]
Subject = Annotated[str | None, Query(max_length=200, description="Only accounts of this subject, by id or name.")]
Accounts = Annotated[
    list[str] | None,
    Query(description="Only these accounts (repeat it), by any of their names.", max_length=1000),
]


async def select(
    conn: Any,
    tag: str | None = None,
    platform: str | None = None,
    subject: str | None = None,
    account: list[str] | None = None,
) -> Selection:
    """The set. Raises NotFound for a subject or an account that is not there, BadInput for an ambiguous handle."""
    subject_id = await watched.subject_id(conn, subject)
    ids = None
    if account:
        keys = [reading.text(key, "account", 2100) for key in account]
        ids = tuple(await names.find_many(conn, list(dict.fromkeys(keys))))
    return Selection(tag=tag, platform=platform, subject_id=subject_id, ids=ids)
