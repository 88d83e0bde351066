"""/v1/platforms: what each platform needs, can see and cannot see."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from app.api import context, models, openapi, replies, shapes
from app.api.routing import Route
from app.platforms.base import Platform

router = APIRouter(prefix="/v1/platforms", tags=["platforms"], route_class=Route)
COLUMNS = tuple(models.PlatformAbout.model_fields)


@router.get("", summary="All platforms", responses=openapi.lists(models.Platforms))
async def list_platforms(request: Request) -> Response:
    """The platforms of this version, with their settling margins."""
    shared = context.of(request)
    page = replies.Listing(
        [row(shared, platform) for platform in shared.platforms.values()], COLUMNS, "Platforms of this version."
    )
    return replies.listing(request, page)


def row(shared: context.Context, platform: Platform) -> replies.Row:
    """A platform as the API shows it, with the margin in force."""
    named = shared.margins.get(platform.name)
    margin = platform.margin if named is None else timedelta(seconds=named)
    return {**asdict(platform.about), **shapes.length("margin", margin)}
