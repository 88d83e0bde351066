"""Creates that may be repeated: the first answer under an ``Idempotency-Key`` is given again for a day.

Promises: the answer is kept in the transaction that makes the thing; of two requests at once one makes it and the
other gets that answer; the same key with another request is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response

from app.api import context, reading, replies
from app.api.problems import IdempotencyMismatch
from app.errors import Conflict
from app.storage import keys

#: Makes the thing on the connection it is given: the status and the body of the answer.
Make = Callable[[Any], Awaitable[tuple[int, replies.Row]]]
MOST = 255


def key_of(request: Request) -> str | None:
    """The request's Idempotency-Key, None where it has none. Raises BadText."""
    given = request.headers.get("idempotency-key")
    return None if given is None else reading.text(given, "Idempotency-Key", MOST)


async def earlier(request: Request) -> Response | None:
    """The answer already given under the request's key, None where this is the first time."""
    if (key := key_of(request)) is None:
        return None
    shared = context.of(request)
    async with shared.engine.connect() as conn:
        found = await keys.get_answer(conn, request.state.caller.id, key, shared.clock())
    if found is None:
        return None
    if found.request_digest != await _digest(request):
        raise IdempotencyMismatch("This Idempotency-Key was used for another request.", field="Idempotency-Key")
    headers = {"Idempotent-Replayed": "true", "Cache-Control": "no-store"}
    return Response(found.body, found.status, headers, media_type=replies.JSON)


async def once(request: Request, make: Make, *, unkept: str | None = None) -> Response:
    """Run ``make`` in a transaction and answer with what it made. Call ``earlier`` first.

    ``unkept`` names a member that is shown once and never stored: it is null in the repeated answer.
    """
    shared, key = context.of(request), key_of(request)
    lost = False
    async with shared.engine.begin() as conn:
        status, payload = await make(conn)
        body = replies.encode(payload)
        if key is not None and status < 300:
            kept = replies.encode({**payload, unkept: None}) if unkept else body
            answer = keys.Answer(await _digest(request), status, kept)
            lost = not await keys.put_answer(conn, request.state.caller.id, key, answer, shared.clock())
            if lost:
                await conn.rollback()
    if lost and (first := await earlier(request)) is not None:
        return first
    if lost:
        raise Conflict("Another request with this Idempotency-Key is being answered.", field="Idempotency-Key")
    return Response(body, status, {"Cache-Control": "no-store"}, media_type=replies.JSON)


async def _digest(request: Request) -> bytes:
    target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(target + await request.body()).digest()
