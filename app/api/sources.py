"""/v1/sources: hosts, platforms and our own network that fail, or failed, for many accounts at once."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api import context, models, openapi, replies
from app.api.routing import Route
from app.storage import sources
from app.storage.sources import Source

router = APIRouter(prefix="/v1/sources", tags=["platforms"], route_class=Route)
COLUMNS = ("source.scope", "source.name", "degraded", "since", "recovered_at", "reason", "failing", "accounts", "held")
METHOD = "Sources that ever failed for many accounts at once; while one is degraded no account of it is told quiet."


@router.get("", summary="Degraded sources", responses=openapi.lists(models.Sources))
async def list_sources(request: Request) -> Response:
    """The degraded ones first, then those that are in order again. A source that never failed is not listed."""
    shared = context.of(request)
    async with shared.engine.connect() as conn:
        found = await sources.load(conn, held=True)
    return replies.listing(request, replies.Listing([row(source) for source in found], COLUMNS, METHOD))


def row(source: Source) -> replies.Row:
    """A source as the API shows it."""
    return {
        "source": {"scope": source.scope.value, "name": source.name},
        "degraded": source.degraded_since is not None,
        "since": source.degraded_since,
        "recovered_at": source.recovered_at,
        "reason": source.reason,
        "failing": source.failing,
        "accounts": source.accounts,
        "held": source.held,
    }
