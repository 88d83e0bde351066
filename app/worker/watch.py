"""From what a person pasted to a watched account.

May assume a context. Promises: the platforms are asked in the order of their table, the narrower first; an error says
what was tried; the account is due at once, and its first look reads its history back within the bounds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from app.domain.models import Failure, Identity
from app.errors import Unresolvable
from app.platforms.base import Request, ResolveError, Response
from app.storage import accounts
from app.storage.accounts import Account
from app.worker.buckets import bucket_of
from app.worker.context import Context
from app.worker.conversation import Opening, converse

#: More than this is no link and no handle.
LONGEST = 2_000


async def watch(ctx: Context, text: str, **wanted: Any) -> Account:
    """Resolve and store; ``wanted`` goes to ``storage.accounts.add`` (subject_id, tags, role, validity).

    Raises Unresolvable with what was tried, and what ``accounts.add`` raises.
    """
    account, _ = await watch_new(ctx, text, **wanted)
    return account


async def watch_new(ctx: Context, text: str, **wanted: Any) -> tuple[Account, bool]:
    """As ``watch``; also whether the account is new."""
    identity = await resolve(ctx, text)
    async with ctx.engine.begin() as conn:
        return await accounts.add(conn, identity, now=ctx.clock.now(), **wanted)


async def resolve(ctx: Context, text: str) -> Identity:
    """Which account a pasted text means. Raises Unresolvable."""
    pasted = text.strip()
    if not pasted or len(pasted) > LONGEST or not pasted.isprintable():
        raise Unresolvable("This is neither a link nor a handle.", field="url")
    tried: list[str] = []
    for platform in ctx.platforms.values():
        if not platform.recognises(pasted):
            continue
        found = await _ask(ctx, partial(platform.resolve, pasted), tried)
        if found is not None:
            return replace(found, host=bucket_of(found.host, found.platform))
    raise Unresolvable(
        "No account was found for this." if tried else "No platform knows this kind of link or handle.",
        tried=tried,
        field="url",
    )


async def _ask(ctx: Context, opening: Opening[Identity], tried: list[str]) -> Identity | None:
    """What the platform found; None with what it tried. Requests that fail end its attempt."""

    asked: list[str] = []

    async def send(request: Request) -> Response | Failure:
        asked.append(request.url)
        return await ctx.fetcher.send(request, validators=None, now=ctx.clock.now)

    try:
        found = await converse(opening, send, ctx.parser)
    except ResolveError as error:
        tried.extend(error.tried or (str(error),))
        return None
    if isinstance(found, Failure):
        tried.append(f"{asked[-1] if asked else 'nothing'}: {found.detail or found.reason}")
        return None
    return found
