"""Accounts as the API shows and finds them; shared by every operation that has to do with accounts."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Path

from app.api import reading
from app.errors import NotFound
from app.storage import names, subjects
from app.storage.accounts import Account

Row = dict[str, Any]
#: An account in the path. It arrives as one segment (see ``edge``), its slashes and percent signs encoded.
AccountKey = Annotated[
    str,
    Path(
        min_length=1,
        max_length=4096,
        description="Id, natural key, or profile address, percent-encoded.",
        examples=["bluesky:alice.bsky.social"],
    ),
]
COLUMNS = (
    "id",
    "key",
    "platform",
    "handle",
    "display_name",
    "profile_url",
    "subject",
    "subject_id",
    "zone",
    "role",
    "status",
    "tags",
    "valid_from",
    "valid_to",
    "created_at",
    "added_at",
)


def clean(key: str) -> str:
    """The account key of a path, decoded and checked."""
    return reading.text(unquote(key), "account", 2100)


async def find(conn: Any, key: str) -> Account:
    """The account in a path. Raises NotFound."""
    account = await names.find(conn, clean(key))
    if account is None:
        raise missing()
    return account


def missing() -> NotFound:
    """No account goes by the name in the path."""
    hint = "Add it with POST /v1/accounts, or look for it with GET /v1/accounts?q=."
    return NotFound("No watched account goes by this name.", field="account", hint=hint)


async def subject_id(conn: Any, key: str | None) -> int | None:
    """The internal id of a subject given by id or name, None where none was given. Raises NotFound."""
    if key is None:
        return None
    subject = await subjects.find(conn, reading.text(key, "subject"))
    if subject is None:
        raise NotFound("There is no such subject.", field="subject", hint="See GET /v1/subjects.")
    return subject.id


def short(account: Account) -> Row:
    """An account inside an answer."""
    return {
        "id": account.public_id,
        "platform": account.platform,
        "handle": account.handle,
        "subject": account.subject_name,
    }


def full(account: Account) -> Row:
    """An account by itself."""
    return {
        "id": account.public_id,
        "key": f"{account.platform}:{account.handle}",
        "platform": account.platform,
        "native_id": account.native_id,
        "handle": account.handle,
        "display_name": account.display_name,
        "profile_url": account.profile_url,
        "subject": account.subject_name,
        "subject_id": account.subject,
        "zone": account.zone,
        "role": account.role,
        "status": account.status,
        "tags": account.tags,
        "valid_from": account.valid_from,
        "valid_to": account.valid_to,
        "created_at": account.created_at,
        "added_at": account.added_at,
    }
