"""The OpenAPI 3.1 document, which is the contract, and the reference page that reads it at /docs.

Promises: every operation states its answers, its problems and the scope it needs; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.api import models
from app.api.problems import MEDIA_TYPE
from app.api.replies import CSV, NDJSON
from app.api.routing import OPEN, SCOPE
from app.errors import QuietwatchError

Responses = dict[int | str, dict[str, Any]]
_TEXT = {"schema": {"type": "string"}}
_HEADERS = {"ETag": {"schema": {"type": "string"}}}
_LIST_HEADERS = _HEADERS | {
    "Link": {"description": 'rel="next", while there is more.', "schema": {"type": "string"}},
    "Quietwatch-Method": {"description": "How the rows came about and what they cover.", "schema": {"type": "string"}},
}
PROBLEM: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
#: What an operation adds that asks for a key by itself.
WITH_KEY: Responses = {
    401: {"description": "No valid key", "content": PROBLEM},
    403: {"description": "The key lacks the scope", "content": PROBLEM},
    429: {"description": "Too many requests", "content": PROBLEM},
}
DESCRIPTION = """
Who is silent, since when, and how do we know? Every answer is one of three: **posted**, **silent**, **unknown**.

Times are RFC 3339 in UTC, durations ISO 8601 with seconds beside them, time zones IANA names. Lists take `limit` and
`cursor`, say in `Link` where they go on, and come as JSON, CSV (`Accept: text/csv`) or NDJSON
(`Accept: application/x-ndjson`). Errors are RFC 9457 problems with a stable `type`. Unknown query parameters are
refused. Send `Authorization: Bearer qw_...`.

An account is addressed by its id (`acc_...`), its natural key (`bluesky:alice.bsky.social`,
`mastodon:@user@example.org`, `feed:https%3A%2F%2Fexample.org%2Ffeed`), or a profile address, percent-encoded.
"""


def reads(model: type[BaseModel]) -> Responses:
    """One object."""
    return {200: {"model": model, "headers": _HEADERS}, 304: {"description": "Unchanged since If-None-Match."}}


def makes(model: type[BaseModel]) -> Responses:
    """A create."""
    return {201: {"model": model}}


def lists(model: type[BaseModel]) -> Responses:
    """A list, in three formats."""
    answer = {"model": model, "headers": _LIST_HEADERS, "content": {CSV: _TEXT, NDJSON: _TEXT}}
    return {200: answer, 304: {"description": "Unchanged since If-None-Match."}}


def build(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = models.ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for operations in document["paths"].values():
            for method, operation in operations.items():
                _complete(method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(method: str, operation: dict[str, Any]) -> None:
    scope = operation.setdefault(SCOPE, "read" if method == "get" else "write")
    operation["security"] = [{"key": []}] if scope != OPEN else []
    answers = operation["responses"]
    expected = {"400": "Unreadable", "404": "Not found", "422": "A value is not valid", "503": "The database is away"}
    if scope != OPEN:
        expected |= {"401": "No valid key", "403": f"The key lacks {scope}", "429": "Too many requests"}
    if method == "get" and "text/csv" in answers.get("200", {}).get("content", {}):
        expected["406"] = "None of the accepted formats"
    if method in {"post", "patch", "put"}:
        expected |= {"409": "It exists, or was erased", "413": "Larger than 1 MiB", "415": "Unknown format"}
    for status, words in expected.items():
        if status not in answers or status == "422":
            answers[status] = {"description": words, "content": PROBLEM}


def _asset(name: str) -> bytes:
    return importlib.resources.files("fastapi_swagger").joinpath("resources", name).read_bytes()


_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Quietwatch API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="reference"></div><noscript>The document is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>"""
_START = b"""SwaggerUIBundle({url: "/openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null});"""


def install(app: FastAPI) -> None:
    """Serve the document at /openapi.json and the reference at /docs, both open and both from here."""
    app.openapi = lambda: build(app)  # type: ignore[method-assign]  # the documented way to replace it
    assets = {
        "swagger-ui.css": (lambda: _asset("swagger-ui.css"), "text/css"),
        "swagger-ui-bundle.js": (lambda: _asset("swagger-ui-bundle.js"), "text/javascript"),
        "start.js": (lambda: _START, "text/javascript"),
    }

    async def page() -> Response:
        return Response(_PAGE, media_type="text/html")

    app.add_api_route("/docs", page, include_in_schema=False)
    for name, (read, media) in assets.items():
        app.add_api_route(f"/docs/{name}", _file(cache(read), media), include_in_schema=False)


def _file(read: Any, media: str) -> Any:
    async def asset() -> Response:
        return Response(read(), media_type=media, headers={"Cache-Control": "public, max-age=86400"})

    return asset


def problem_types() -> list[type[QuietwatchError]]:
    """Every problem this API can answer with, for the documentation."""
    found: list[type[QuietwatchError]] = []
    waiting: list[type[QuietwatchError]] = [QuietwatchError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found
