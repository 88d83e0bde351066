"""/sign-in and /sign-out: from a printed link or a key to a session cookie."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response

from app.errors import TooMany
from app.web import signing, site

router = APIRouter(route_class=site.Page, include_in_schema=False)
LARGEST_FORM = 4096


@router.get("/sign-in")
async def sign_in_page(request: Request, token: Annotated[str | None, Query(max_length=300)] = None) -> Response:
    """Follow a printed link, or show the form for a key."""
    shared = site.of(request)
    if token is None:
        return _form(request, 200, None)
    if signing.check(shared.secret, signing.LINK, token, shared.clock()) is None:
        return _form(request, 403, "This link is no longer good.")
    return _enter(request, signing.OPERATOR)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Sign in with an API key; the key is not kept."""
    body = await request.body()
    key = parse_qs(body[:LARGEST_FORM].decode("ascii", "replace")).get("key", [""])[0].strip()
    try:
        prefix = await site.of(request).verify(key, request.client.host if request.client else "-")
    except TooMany:
        return _form(request, 429, "Too many attempts. Wait a moment.")
    return _enter(request, prefix) if prefix else _form(request, 403, "This key is not valid.")


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session in this browser."""
    gone = Response(status_code=303, headers={"Location": "/sign-in", "Cache-Control": "no-store"})
    gone.delete_cookie(site.COOKIE, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return gone


def _form(request: Request, status: int, problem: str | None) -> Response:
    return site.render(request, "sign_in.html", status, problem=problem)


def _enter(request: Request, who: str) -> Response:
    shared = site.of(request)
    answer = Response(status_code=303, headers={"Location": "/", "Cache-Control": "no-store"})
    session = signing.sign(shared.secret, signing.SESSION, who, shared.clock() + signing.SESSION_LASTS)
    answer.set_cookie(
        site.COOKIE,
        session,
        max_age=signing.SESSION_LASTS // timedelta(seconds=1),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer
