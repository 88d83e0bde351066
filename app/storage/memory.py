"""``source_memory``: what the next look of an account needs to know. Written only where it changed.

May assume the caller's transaction, in which the account's state row is held. Promises: validators are stored byte for
byte; a page's ids and times stay in step.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.claims import Memory
from app.storage.raw import executemany

_COLUMNS = (
    *("memory", "validator_url", "etag", "last_modified", "validated_page", "least_interval", "redirect_to"),
    *("redirect_seen", "redirect_at", "page_ids", "page_times", "missing_ids"),
)
_UPSERT = f"""
INSERT INTO source_memory (account_id, {", ".join(_COLUMNS)})
VALUES ($1, {", ".join(f"${place}" for place in range(2, len(_COLUMNS) + 2))})
ON CONFLICT (account_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
"""  # noqa: S608 - constants only


async def write(conn: AsyncConnection, memories: Mapping[int, Memory]) -> None:
    """Store what is remembered of each of these accounts."""
    if memories:
        await executemany(conn, _UPSERT, [_row(account_id, memories[account_id]) for account_id in sorted(memories)])


def _row(account_id: int, memory: Memory) -> tuple[object, ...]:
    return (
        account_id,
        msgspec.json.encode(memory.platform).decode(),
        memory.validator_url,
        memory.etag,
        memory.last_modified,
        memory.validated_page,
        memory.least_interval,
        memory.redirect_to,
        memory.redirect_seen,
        memory.redirect_at,
        memory.page_ids,
        memory.page_times,
        memory.missing_ids,
    )
