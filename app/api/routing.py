"""How an operation is reached: known parameters only, clean text, a key with the scope, a bounded body.

Promises: each route states its scope (``x-required-scope`` in the OpenAPI document, ``open`` for none) and the
check cannot be forgotten: reading operations need ``read``, all others ``write``, unless the route says otherwise.
An error nobody foresaw is logged once and answered with a problem document.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, get_type_hints

import msgspec
import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute

from app import metrics
from app.api import context, gate, reading
from app.api.problems import UnknownParameter, from_any, printable, respond
from app.errors import Malformed

DEEPEST_JSON = 32
SCOPE = "x-required-scope"
OPEN = "open"
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
log = structlog.get_logger("api")


class Route(APIRoute):
    """A route of /v1."""

    def get_route_handler(self) -> Handler:
        """The framework's handler behind our checks, in order of their cost."""
        handle = straight_to(self, super().get_route_handler())
        known = frozenset(field.alias for field in _query_fields(self.dependant))
        scope = scope_of(self)

        async def timed(request: Request) -> Response:
            began = perf_counter()
            response = await checked(request)
            metrics.api_seconds.labels(self.path, str(response.status_code)).observe(perf_counter() - began)
            return response

        async def checked(request: Request) -> Response:
            try:
                if scope is not None:
                    request.state.caller = await gate.admit(context.of(request), request, scope)
                if request.scope["query_string"]:
                    check_query(request, known)
                if request.method != "GET":
                    await check_body(request)
                return await handle(request)
            except Exception as error:
                return _refuse(request, error)

        return timed


def straight_to(route: APIRoute, handle: Handler) -> Handler:
    """``handle``, but a request without a query goes straight to an operation that takes nothing else.

    The framework would put the same arguments together, the defaults, in a tenth of the time that the answer about one
    account takes. What the path holds is checked as it does, and whatever does not pass is left to it.
    """
    asked, me = route.dependant, route.dependant.request_param_name
    hints = get_type_hints(route.endpoint)
    parameters = [field.name for field in (*asked.path_params, *asked.query_params)]
    plain = route.methods == {"GET"} and iscoroutinefunction(route.endpoint) and hints.pop("return") is Response
    if not plain or me is None or asked.dependencies or hints.keys() != {me, *parameters}:
        return handle
    if any(field.field_info.is_required() for field in asked.query_params):
        return handle
    defaults = {field.name: field.default for field in asked.query_params}

    async def straight(request: Request) -> Response:
        if request.scope["query_string"]:
            return await handle(request)
        given: dict[str, Any] = {me: request, **defaults}
        for field in asked.path_params:
            given[field.name], wrong = field.validate(request.path_params.get(field.alias), loc=("path", field.alias))
            if wrong:
                return await handle(request)
        answer: Response = await route.endpoint(**given)
        return answer

    return straight


def _refuse(request: Request, error: Exception) -> Response:
    refusal = from_any(request, error)
    if refusal.status == 500:
        log.error("operation failed", path=printable(request.url.path, 200), error=type(error).__name__, exc_info=error)
    return respond(refusal)


def scope_of(route: APIRoute) -> str | None:
    """The scope a key needs for this route; None where it is open."""
    extra = route.openapi_extra or {}
    found: str = extra.get(SCOPE, "read" if "GET" in (route.methods or ()) else "write")
    return None if found == OPEN else found


def _query_fields(dependant: Any) -> list[Any]:
    return [*dependant.query_params, *(field for sub in dependant.dependencies for field in _query_fields(sub))]


def check_query(request: Request, known: frozenset[str]) -> None:
    """Every parameter is one the operation has, and its text is clean."""
    for name, value in request.query_params.multi_items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "Known here: " + (", ".join(sorted(known)) or "none") + "."
            raise UnknownParameter(f"{printable(name, 60)} is no parameter here.", field=printable(name, 60), hint=hint)
        reading.text(value, name, 8192)


async def check_body(request: Request) -> None:
    """The body is whole and not too large (``edge`` counts); JSON is JSON and not nested deeper than 32 levels."""
    body = await request.body()
    if not body or "json" not in request.headers.get("content-type", ""):
        return
    depth = 0
    for token in _STRUCTURE.finditer(body):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token.group(), 0)
        if depth > DEEPEST_JSON:
            raise Malformed(f"The JSON body is nested deeper than {DEEPEST_JSON} levels.", field="body")
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("The body is not valid JSON.", field="body", hint="Check it with a JSON parser.") from None
