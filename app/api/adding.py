"""From what a person pasted to a watched account; used by the single create and by the import."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.api import bodies, context, reading
from app.api.problems import from_resolve
from app.domain.models import Identity
from app.errors import Unavailable
from app.platforms.base import ResolveError
from app.storage import accounts, audit, names, subjects


async def resolve(shared: context.Context, pasted: str) -> Identity:
    """What the text names: an account we watch already, or what the network says. Raises Unresolvable, Unavailable."""
    async with shared.engine.connect() as conn:
        known = await names.find(conn, pasted)
    if known is not None:
        return Identity(
            platform=known.platform,
            native_id=known.native_id,
            handle=known.handle,
            host=known.host,
            profile_url=known.profile_url,
            display_name=known.display_name,
            created_at=known.created_at,
        )
    if shared.resolver is None:
        raise Unavailable("This process cannot reach the network to resolve accounts.", hint="Ask another instance.")
    try:
        return await shared.resolver(pasted)
    except ResolveError as error:
        raise from_resolve(error, "url") from error


async def add(
    conn: Any, identity: Identity, wish: bodies.NewAccount, *, actor: str, now: datetime
) -> tuple[accounts.Account, bool]:
    """Watch the account, in the caller's transaction; it and whether it is new. Raises Erased, BadInput."""
    subject = await subject_id(conn, wish.subject, wish.zone, now)
    account, new = await accounts.add(
        conn,
        identity,
        now=now,
        subject_id=subject,
        tags=wish.tags,
        role=wish.role,
        valid_from=wish.valid_from,
        valid_to=wish.valid_to,
    )
    if new:
        await audit.append(conn, actor=actor, action="account.add", object=account.public_id, now=now)
    return account, new


async def subject_id(conn: Any, name: str | None, zone: str | None, now: datetime) -> int | None:
    """The internal id of the subject with this id or name, made where the name is new. None for no name."""
    if not name:
        return None
    found = await subjects.find(conn, name)
    if found is None:
        key = reading.zone(zone or "UTC").key
        found, _ = await subjects.add(conn, name, zone=key, now=now)
    return found.id
