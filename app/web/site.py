"""What the pages share: the context, the look of an answer, and who may see it.

Promises: a page is shown to a session, or on an open site (the demonstration) to this machine alone; errors are pages
too and say no more than the API would; output is escaped; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.errors import BadInput, NotFound, QuietwatchError
from app.platforms.base import Platform
from app.storage import keys
from app.web import signing, words

LOOPBACK_4, LOOPBACK_6 = ip_network("127.0.0.0/8"), ip_network("::1/128")
COOKIE = "qw_session"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
log = structlog.get_logger("web")


@dataclass(slots=True, kw_only=True)
class Site:
    """``verify`` takes a key and the address it came from and gives the key's prefix, None for a bad key."""

    engine: Any  # an AsyncEngine; only app.storage knows SQLAlchemy
    clock: Callable[[], datetime]
    secret: bytes
    verify: Callable[[str, str], Awaitable[str | None]]
    platforms: Mapping[str, Platform]
    open: bool = False


class SignInNeeded(Exception):
    """Nobody is signed in."""


class Page(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, with every error shown as a page."""
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                if _CONTROL.search("".join(request.query_params.values())):
                    raise BadInput("A text contains a character that is not allowed.", field="query")
                return await handle(request)
            except SignInNeeded:
                return Response(status_code=303, headers={"Location": "/sign-in", "Cache-Control": "no-store"})
            except NotFound:
                return render(request, "error.html", 404, title="Not found", text="There is no such page or account.")
            except QuietwatchError as error:
                return render(request, "error.html", error.status, title="This cannot be asked.", text=None)
            except Exception as error:
                return _failed(request, error)

        return shown


def _failed(request: Request, error: Exception) -> Response:
    away = isinstance(error, OSError | TimeoutError) or type(error).__name__ in {"OperationalError", "InterfaceError"}
    text = "Something failed on our side; it has been logged."
    if away or getattr(error, "connection_invalidated", False):
        text = "The database does not answer now. Try again in a moment."
    else:
        log.error("page failed", path=request.url.path[:200], error=type(error).__name__, exc_info=error)
    return render(request, "error.html", 503 if away else 500, title="Something went wrong", text=text)


def of(request: Request) -> Site:
    """The site that serves this request."""
    site: Site = request.app.state.site
    return site


async def visitor(request: Request) -> str | None:
    """Who is signed in: a key's prefix or ``operator``; ``open`` on an open site; None for nobody."""
    site = of(request)
    if site.open and _is_local(request):
        return "open"
    found = signing.check(site.secret, signing.SESSION, request.cookies.get(COOKIE, ""), site.clock())
    if found is None:
        return None
    if found.who == signing.OPERATOR:
        return found.who
    async with site.engine.connect() as conn:
        alive = {key.prefix for key in await keys.list_all(conn) if key.revoked_at is None}
    return found.who if found.who in alive else None


async def admit(request: Request) -> None:
    """Let in who may see the pages. Raises SignInNeeded."""
    if await visitor(request) is None:
        raise SignInNeeded


def _is_local(request: Request) -> bool:
    """Straight from this machine: no proxy in between speaks for someone else."""
    if request.client is None or any(name.startswith("x-forwarded") for name in request.headers):
        return False
    try:
        return ip_address(request.client.host) in (LOOPBACK_6 if ":" in request.client.host else LOOPBACK_4)
    except ValueError:
        return False


def language(request: Request) -> str:
    """The language of the page for this request."""
    return words.choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))


@cache
def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    found = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    found.globals["instant"] = words.instant
    found.globals["local"] = words.local
    return found


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page. It is private and asked for anew each time."""
    chosen = language(request)

    def here(**changes: str | None) -> str:
        """This page's address with some parameters changed; None takes one away."""
        query = {**dict(request.query_params), **changes}
        query.pop("token", None)
        pairs = urlencode({name: value for name, value in query.items() if value})
        return f"{request.url.path}?{pairs}" if pairs else request.url.path

    text = (
        _environment()
        .get_template(template)
        .render(
            t=words.translator(chosen),
            language=chosen,
            semicolon=words.semicolon(chosen),
            languages=words.LANGUAGES,
            length=lambda value: words.length(value, chosen),
            number=lambda value: words.number(value, chosen),
            decimal=lambda value: words.decimal(value, chosen),
            here=here,
            lang=request.query_params.get("lang") if request.query_params.get("lang") in words.LANGUAGES else None,
            open=of(request).open,
            **values,
        )
    )
    headers = {"Cache-Control": "private, no-store", "Content-Language": chosen, "Vary": "Accept-Language, Cookie"}
    return Response(text, status, headers, media_type="text/html")
