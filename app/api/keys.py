"""/v1/keys: API keys, for administrators. A key is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.api import bodies, context, models, openapi, replies
from app.api.routing import SCOPE, Route
from app.errors import BadInput, NotFound
from app.storage import audit, keys

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Route)
ADMIN = {SCOPE: "admin"}
COLUMNS = ("prefix", "name", "scopes", "created_at", "last_used_at", "revoked_at")


@router.get("", summary="All keys", openapi_extra=ADMIN, responses=openapi.lists(models.Keys))
async def list_keys(request: Request) -> Response:
    """Every key, revoked ones too, oldest first; never a secret."""
    async with context.of(request).engine.connect() as conn:
        found = await keys.list_all(conn)
    page = replies.Listing([row(key) for key in found], COLUMNS, "Keys as they stand now.")
    return replies.listing(request, page)


@router.post("", status_code=201, summary="Make a key", openapi_extra=ADMIN, responses=openapi.makes(models.MadeKey))
async def make_key(request: Request, body: bodies.NewKey) -> Response:
    """The answer holds the key; it is stored as a digest and cannot be shown again.

    An Idempotency-Key is refused here: to repeat the answer the service would have to keep the secret.
    """
    if "idempotency-key" in request.headers:
        raise BadInput("A key is shown once and cannot be repeated.", field="Idempotency-Key", hint="Leave it out.")
    shared = context.of(request)
    now = shared.clock()
    async with shared.engine.begin() as conn:
        made, secret = await keys.create(conn, body.name, body.scopes, now)
        await audit.append(conn, actor=request.state.caller.prefix, action="key.create", object=made.prefix, now=now)
    return Response(
        replies.encode({"key": secret, **row(made)}), 201, {"Cache-Control": "no-store"}, media_type=replies.JSON
    )


@router.delete("/{prefix}", summary="Revoke a key", openapi_extra=ADMIN, responses=openapi.reads(models.Key))
async def revoke_key(request: Request, prefix: Annotated[str, Path(max_length=64)]) -> Response:
    """The key stops working at once and stays in the list. Revoking twice changes nothing."""
    shared = context.of(request)
    now = shared.clock()
    async with shared.engine.begin() as conn:
        found = await keys.revoke(conn, prefix, now)
        if found is None:
            raise NotFound("There is no key with this prefix.", field="prefix", hint="See GET /v1/keys.")
        await audit.append(conn, actor=request.state.caller.prefix, action="key.revoke", object=prefix, now=now)
    shared.keys.forget()
    return replies.single(request, row(found))


def row(key: keys.Key) -> dict[str, Any]:
    """A key as the API shows it."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
