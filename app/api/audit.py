"""/v1/audit: who changed what. Append only; names nothing but public ids."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api import context, models, openapi, paging, replies
from app.api.routing import SCOPE, Route
from app.storage import audit

router = APIRouter(prefix="/v1/audit", tags=["keys"], route_class=Route)
COLUMNS = ("at", "actor", "action", "object")


@router.get("", summary="The audit log", openapi_extra={SCOPE: "admin"}, responses=openapi.lists(models.Audit))
async def list_entries(request: Request, limit: paging.Limit = 100, cursor: paging.Cursor = None) -> Response:
    """Every change, newest first; ``actor`` is the prefix of the key that made it, or ``cli``."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        found = await audit.page(conn, after=place[0] if place else None, limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda entry: [entry.id])
    rows = [{name: getattr(entry, name) for name in COLUMNS} for entry in found[:limit]]
    return replies.listing(request, replies.Listing(rows, COLUMNS, "Every change that was recorded.", following))
