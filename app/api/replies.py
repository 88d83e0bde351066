"""Answers as bytes: JSON, CSV and NDJSON, with entity tags and links.

Promises: times are RFC 3339 in UTC with ``Z``; no cell of a CSV begins with a character that a spreadsheet would take
for a formula; a list says in ``Link`` where it goes on; an unchanged answer is a 304. Rows are plain dicts, encoded
once: no model stands between a storage row and the bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import Request, Response

from app.errors import NotAcceptable

JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
#: What a list offers, the first being what a client gets that has no wish.
FORMATS = (JSON, CSV, NDJSON)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
encode = msgspec.json.Encoder().encode
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. ``columns`` are the CSV's, as dotted paths into a row (``account.handle``)."""

    items: Sequence[Row]
    columns: Sequence[str]
    method: str
    """How the rows came about and what they cover: one line, sent as ``Quietwatch-Method`` and in the JSON."""
    next: str | None = None
    head: Mapping[str, Any] | None = None
    """What the JSON says beside the items (totals, the window, the moment)."""


def negotiate(accept: str | None) -> str:
    """The format of a list that the client likes best. Raises NotAcceptable."""
    if not accept or accept == "*/*" or accept.startswith(JSON):
        return JSON
    best, chosen = 0.0, None
    for wish in accept.split(","):
        name, _, parameters = wish.strip().lower().partition(";")
        weight = _weight(parameters)
        for offer in FORMATS:
            if name.strip() in {offer, "*/*", offer.split("/")[0] + "/*"} and weight > best:
                best, chosen = weight, offer
    if chosen is None:
        raise NotAcceptable("None of the accepted formats is available.", field="Accept", hint=", ".join(FORMATS))
    return chosen


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def single(request: Request, payload: Row, *, facts: object = None, status: int = 200) -> Response:
    """One object. ``facts`` is what the entity tag stands for, where the object also tells the passing of time."""
    body = encode(payload)
    tag = _tag(body) if facts is None else "W/" + _tag(encode(facts))
    return _conditional(request, body, JSON, tag, {}, status)


def document(request: Request, body: bytes, media: str) -> Response:
    """A document that is neither an object nor a list, with its entity tag."""
    return _conditional(request, body, media, _tag(body), {}, 200)


def listing(request: Request, page: Listing, *, facts: object = None, rows_are_facts: bool = False) -> Response:
    """A page of a list in the format the client asked for. ``facts`` as in ``single``; with ``rows_are_facts`` the tag
    stands for the items, too, which are encoded once for both."""
    chosen = negotiate(request.headers.get("accept"))
    headers = {"Quietwatch-Method": page.method, "Vary": "Accept"}
    if page.next is not None:
        headers["Link"] = f'<{link(request, page.next)}>; rel="next"'
    items = encode(page.items) if chosen == JSON else b""
    body = as_json(page, items) if chosen == JSON else as_csv(page) if chosen == CSV else as_ndjson(page.items)
    shown = (items or body) if rows_are_facts else b""
    tag = _tag(body) if facts is None else "W/" + _tag(encode([chosen, facts]), shown)
    media = "text/csv; charset=utf-8; header=present" if chosen == CSV else chosen
    return _conditional(request, body, media, tag, headers, 200)


def link(request: Request, cursor: str) -> str:
    """The same question with another cursor, as a relative address (our own name is never taken from a header)."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{_path(request)}?{urlencode([*pairs, ('cursor', cursor)])}"


def address(request: Request) -> str:
    """The path and query of this request, as they were asked for."""
    pairs = request.query_params.multi_items()
    return f"{_path(request)}?{urlencode(pairs)}" if pairs else _path(request)


def _path(request: Request) -> str:
    return request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1") or request.url.path


def as_json(page: Listing, items: bytes) -> bytes:
    """``{"items": [...], "next": cursor or null, "method": "...", ...}`` around the items, encoded already."""
    return encode({**(page.head or {}), "items": msgspec.Raw(items), "next": page.next, "method": page.method})


def as_ndjson(items: Iterable[Row]) -> bytes:
    """One object a line."""
    return b"".join(encode(item) + b"\n" for item in items)


def as_csv(page: Listing) -> bytes:
    """RFC 4180 with a header line; dotted paths become column names with underscores."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.replace(".", "_") for column in page.columns])
    paths = [column.split(".") for column in page.columns]
    writer.writerows([cell(_dig(item, path)) for path in paths] for item in page.items)
    return out.getvalue().encode()


def _dig(item: Any, path: Sequence[str]) -> Any:
    for name in path:
        if isinstance(item, list | tuple):
            item = item[0] if item else None
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


def cell(value: Any) -> str | int | float:
    """One cell: numbers as they are, lists joined by spaces, text that looks like a formula behind an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case list() | tuple():
            value = " ".join(str(part) for part in value)
    words = str(value).replace("\x00", "\ufffd")
    return "'" + words if words.startswith(_FORMULA) else words


def _tag(*parts: bytes) -> str:
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        found.update(part)
    return f'"{found.hexdigest()}"'


def _conditional(request: Request, body: bytes, media: str, tag: str, headers: dict[str, str], status: int) -> Response:
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", **headers}
    if request.method == "GET" and (known := request.headers.get("if-none-match")) and _matches(known, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers=headers, media_type=media)


def _matches(known: str, tag: str) -> bool:
    bare = tag.removeprefix("W/")
    return known.strip() == "*" or any(part.strip().removeprefix("W/") == bare for part in known.split(","))
