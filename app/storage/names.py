"""From what a person writes to an account or a set of accounts that we already watch.

May assume a connection. Promises: an id, a natural key (``bluesky:alice.bsky.social``, ``mastodon:@user@host``,
``feed:https://...``), a profile link and a handle, also one the account no longer has, name the same account; a
handle that has passed to another account names the one that has it now. Nothing here asks the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, NotFound
from app.storage.accounts import Account, get
from app.storage.raw import fetch


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of accounts: all of them, or those of which everything given holds."""

    tag: str | None = None
    platform: str | None = None
    subject_id: int | None = None
    ids: tuple[int, ...] | None = None


_BY_ID = "select id from accounts where public_id = $1"
#: One statement for every other form. Better matches first; the handle that someone has now beats a former one.
_BY_NAME = """
select id, min(rank) rank, max(seen) seen from (
    select id, 0 rank, added_at seen from accounts where platform = $1 and native_id = $2
  union all
    select id, 1, added_at from accounts where profile_url = any($3) and ($1 is null or platform = $1)
  union all
    select a.id, case when lower(a.handle) = lower(h.handle) then 2 else 3 end, h.seen_from
    from handles h join accounts a on a.id = h.account_id
    where lower(h.handle) = any($4) and ($1 is null or a.platform = $1)
) found group by id order by rank, seen desc limit 2
"""


async def find(conn: AsyncConnection, key: str) -> Account | None:
    """The account that this names, None where we watch none.

    Raises BadInput where a bare handle fits accounts of two platforms.
    """
    account_id = await find_id(conn, key)
    return None if account_id is None else await get(conn, account_id)


async def find_id(conn: AsyncConnection, key: str) -> int | None:
    """Like ``find``, the internal id only."""
    text = key.strip()
    if "\0" in text:
        return None
    if text.startswith("acc_"):
        rows = await fetch(conn, _BY_ID, text)
        return rows[0]["id"] if rows else None
    platform, name = _split(text)
    rows = await fetch(conn, _BY_NAME, platform, name, _links(name), _handles(name))
    if not rows:
        return None
    if platform is None and len(rows) > 1 and rows[0]["rank"] == rows[1]["rank"] == 2:
        raise BadInput(
            "More than one account has this handle.", field="account", hint="Name the platform: bluesky:alice.example."
        )
    found: int = rows[0]["id"]
    return found


async def find_many(conn: AsyncConnection, keys: Sequence[str]) -> list[int]:
    """Internal ids in the order of the keys, without doubles. Ids cost one statement together, other forms one each.

    Raises NotFound naming the first key that fits no account, BadInput as ``find``.
    """
    public = [key for key in keys if key.startswith("acc_")]
    rows = await fetch(conn, "select public_id, id from accounts where public_id = any($1)", public) if public else []
    known: dict[str, int] = {row[0]: row[1] for row in rows}
    found: dict[int, None] = {}
    for key in keys:
        account_id = known.get(key)
        if account_id is None:
            account_id = await find_id(conn, key)
        if account_id is None:
            raise NotFound(f"No watched account is called {key[:200]!r}.", field="account")
        found[account_id] = None
    return list(found)


def conditions(selection: Selection, first: int) -> tuple[str, list[object]]:
    """The set as a condition on ``accounts a`` and its values, the first of them ``$first``.

    Only what was given stands in it: the planner then finds the index for it.
    """
    asked = (
        ("a.tags @> array[${}::text]", selection.tag),
        ("a.platform = ${}", selection.platform),
        ("a.subject_id = ${}::int", selection.subject_id),
        ("a.id = any(${}::int[])", None if selection.ids is None else list(selection.ids)),
    )
    given = [(condition, value) for condition, value in asked if value is not None]
    parts = [condition.format(first + at) for at, (condition, _) in enumerate(given)]
    return " and ".join(parts) or "true", [value for _, value in given]


async def select_ids(conn: AsyncConnection, selection: Selection, *, limit: int) -> list[int]:
    """Internal ids of the set, in the order of addition, at most ``limit``."""
    selected, values = conditions(selection, first=2)
    sql = f"select a.id from accounts a where {selected} order by a.id limit $1"  # noqa: S608 - constants only
    return [row[0] for row in await fetch(conn, sql, limit, *values)]


async def handles_of(conn: AsyncConnection, account_id: int) -> list[tuple[str, datetime]]:
    """Every handle the account was known by, with the time from which it was seen, newest first."""
    sql = "select handle, seen_from from handles where account_id = $1 order by seen_from desc, handle"
    return [(row[0], row[1]) for row in await fetch(conn, sql, account_id)]


def _split(text: str) -> tuple[str | None, str]:
    """``platform:name``; a link and a DID have a colon as well and no platform."""
    head, colon, rest = text.partition(":")
    if colon and head.isalnum() and head.islower() and not rest.startswith("//") and head != "did":
        return head, rest
    return None, text


def _links(name: str) -> list[str]:
    """The spellings of a pasted link that mean the same page."""
    if "://" not in name:
        return []
    scheme, _, rest = name.partition("://")
    host, slash, path = rest.partition("/")
    bare = f"{host.lower()}{slash}{path}".split("#", 1)[0].rstrip("/")
    schemes = ("https", "http") if scheme.lower() in ("https", "http") else (scheme,)
    return [f"{each}://{bare}{end}" for each in schemes for end in ("", "/")]


def _handles(name: str) -> list[str]:
    """A handle with and without its leading @, in lower case; a feed's address is its own handle."""
    lower = name.lower()
    return [lower, lower.removeprefix("@"), f"@{lower}", *_links(lower)]
