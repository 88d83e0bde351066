"""Errors as RFC 9457 problem documents.

Promises: every answer that is not a success is ``application/problem+json`` with a stable ``type``, a ``title``, a
``detail`` a person can act on, and, where one is known, the offending ``field`` and a ``hint``. No answer repeats a
body, a secret or an address of our own network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.errors import (
    BadInput,
    Conflict,
    Malformed,
    NotFound,
    QuietwatchError,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    Unresolvable,
)
from app.platforms.base import ResolveError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:quietwatch:problem:"


class Invalid(BadInput):
    """A value of the wrong type, range or length. ``findings`` lists every offending field."""

    slug = "invalid"
    title = "A value is not valid"

    def __init__(self, message: str, *, findings: Sequence[Mapping[str, str]] = (), field: str, hint: str = "") -> None:
        super().__init__(message, field=field, hint=hint or "See the operation at /docs for what is accepted.")
        self.findings = list(findings)


class UnknownParameter(BadInput):
    """A query parameter the operation does not have."""

    slug = "unknown-parameter"
    title = "The query has an unknown parameter"


class BadText(BadInput):
    """A text that is too long or holds NUL, control or text-direction characters."""

    slug = "bad-text"
    title = "A text is not allowed"


class BadTime(BadInput):
    """An instant, a day or a duration that cannot be read, or out of range."""

    slug = "bad-time"
    title = "A time cannot be used"


class BadZone(BadInput):
    """Not the name of an IANA time zone."""

    slug = "bad-zone"
    title = "The time zone is not known"


class BadWindow(BadInput):
    """A window that is empty, too long, or given in two ways at once."""

    slug = "bad-window"
    title = "The window cannot be used"


class BadCursor(BadInput):
    """A cursor that was changed, or belongs to another question."""

    slug = "bad-cursor"
    title = "The cursor is not valid here"


class BadPosition(BadInput):
    """A place in the log of events that never was."""

    slug = "bad-position"
    title = "The position is not valid"


class IdempotencyMismatch(BadInput):
    """The idempotency key was used before, with another request."""

    slug = "idempotency-mismatch"
    title = "The idempotency key belongs to another request"


class Ambiguous(Conflict):
    """A name that several accounts answer to."""

    slug = "ambiguous"
    title = "More than one account answers to this name"


class MethodNotAllowed(QuietwatchError):
    """The path exists; the method does not, there."""

    status = 405
    slug = "method-not-allowed"
    title = "The method is not allowed here"


class UnsupportedMedia(QuietwatchError):
    """The body's format is none of those understood."""

    status = 415
    slug = "unsupported-media-type"
    title = "The body's format is not understood"


def printable(text: str, most: int = 300) -> str:
    """The text, cut, and without control, text-direction or surrogate characters: safe in any terminal or page."""
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", "\ufffd", text)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def document(error: QuietwatchError) -> dict[str, object]:
    """The members of the problem document; those without a value are left out."""
    members: dict[str, object] = {
        "type": TYPE_PREFIX + error.slug,
        "title": error.title,
        "status": error.status,
        "detail": printable(error.message),
        "field": error.field,
        "hint": error.hint,
        "tried": [printable(line) for line in getattr(error, "tried", ())] or None,
        "errors": getattr(error, "findings", None) or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def respond(error: QuietwatchError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an answer, with the headers that belong to its status."""
    extra = {"Cache-Control": "no-store", **(headers or {})}
    if isinstance(error, Unauthorized):
        extra["WWW-Authenticate"] = 'Bearer realm="quietwatch"'
    if isinstance(error, TooMany):
        extra["Retry-After"] = str(max(1, math.ceil(error.retry_after.total_seconds())))
    return Response(msgspec.json.encode(document(error)), error.status, media_type=MEDIA_TYPE, headers=extra)


def field_of(location: Sequence[Any]) -> str:
    """``("body", "tags", 3)`` -> ``tags.3``; a query parameter goes by its bare name."""
    return printable(".".join(map(str, location[1:] or location)), 100)


def from_validation(found: Iterable[Mapping[str, Any]]) -> BadInput:
    """The first finding becomes the problem; all of them (at most 20) are listed in ``errors``."""
    items = list(found)[:20]
    if any(item["type"] == "json_invalid" for item in items):
        return Malformed("The body is not valid JSON.", field="body")
    findings = [{"field": field_of(item["loc"]), "detail": printable(str(item["msg"]))} for item in items]
    first = findings[0]
    return Invalid(f"{first['field']}: {first['detail']}", findings=findings, field=first["field"])


def from_resolve(error: ResolveError, field: str = "account") -> Unresolvable:
    """What was pasted names no account; says what was tried."""
    hint = "Paste a profile address, a handle such as alice.bsky.social or @user@host, or a feed's address."
    return Unresolvable(str(error), tried=error.tried, field=field, hint=hint)


def from_http(request: Request, error: HTTPException) -> QuietwatchError:
    """What the framework refuses by itself: unknown paths, wrong methods, unreadable or oversized bodies."""
    path = printable(request.url.path, 120)
    match error.status_code:
        case 404:
            return NotFound(f"Nothing is at {path}.", hint="What there is stands at /docs.")
        case 405:
            return MethodNotAllowed(f"{printable(request.method, 20)} is not allowed at {path}.", hint="See /docs.")
        case 413:
            return TooLarge("The body is larger than 1 MiB.", field="body", hint="Send it in several parts.")
        case status if status < 500:
            return Malformed("The request or its body could not be read.")
        case _:
            return QuietwatchError("Something failed on our side; it has been logged.")


def from_any(request: Request, error: Exception) -> QuietwatchError:
    """The problem that tells of an error; an error nobody foresaw is ``internal`` and says nothing more."""
    match error:
        case QuietwatchError():
            return error
        case RequestValidationError():
            return from_validation(error.errors())
        case HTTPException():
            return from_http(request, error)
        case ResolveError():
            return from_resolve(error)
        case _:
            return of_database(error) or QuietwatchError("Something failed on our side; it has been logged.")


def of_database(error: Exception) -> Unavailable | None:
    """The problem for a database that is away, read-only or too slow; None where the error is something else."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if state == "57014":  # statement_timeout
        return Unavailable("The answer took too long to compute.", hint="Ask for a shorter window or fewer accounts.")
    lost = isinstance(error, OSError | TimeoutError) or getattr(error, "connection_invalidated", False)
    if lost or type(error).__name__ in {"OperationalError", "InterfaceError", "TimeoutError"}:
        return Unavailable("The database does not answer now.", hint="Try again in a few seconds.")
    return None


def methods_at(request: Request) -> list[str]:
    """Every method that some route takes at the path of this request."""
    found: set[str] = set()
    waiting = list(request.app.routes)
    while waiting:
        route = waiting.pop()
        waiting.extend(getattr(getattr(route, "original_router", None), "routes", ()))  # of an included router
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(request.scope["path"]):
            found |= getattr(route, "methods", None) or set()
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def install(app: FastAPI) -> None:
    """Turn every refusal of the application into a problem document."""

    async def refuse(request: Request, error: Exception) -> Response:
        problem = from_any(request, error)
        return respond(problem, {"Allow": ", ".join(methods_at(request))} if problem.status == 405 else None)

    for kind in (QuietwatchError, RequestValidationError, HTTPException, ResolveError):
        app.add_exception_handler(kind, refuse)
