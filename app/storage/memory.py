"""``source_memory``: what the next look of an account needs to know. Written only where it changed.

May assume the caller's transaction, in which the account's state row is held. Promises: validators are stored byte for
byte; a page's ids and times stay in step.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.claims import Memory
from app.storage.tables import source_memory

_INSERT = insert(source_memory)
_KEPT = [column.name for column in source_memory.c if column.name != "account_id"]
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=[source_memory.c.account_id], set_={name: _INSERT.excluded[name] for name in _KEPT}
)


async def write(conn: AsyncConnection, memories: Mapping[int, Memory]) -> None:
    """Store what is remembered of each of these accounts."""
    if memories:
        await conn.execute(_UPSERT, [_row(account_id, memories[account_id]) for account_id in sorted(memories)])


def _row(account_id: int, memory: Memory) -> dict[str, object]:
    return {
        "account_id": account_id,
        "memory": dict(memory.platform),
        "validator_url": memory.validator_url,
        "etag": memory.etag,
        "last_modified": memory.last_modified,
        "validated_page": memory.validated_page,
        "least_interval": memory.least_interval,
        "redirect_to": memory.redirect_to,
        "redirect_seen": memory.redirect_seen,
        "redirect_at": memory.redirect_at,
        "page_ids": list(memory.page_ids),
        "page_times": list(memory.page_times),
        "missing_ids": list(memory.missing_ids),
    }
