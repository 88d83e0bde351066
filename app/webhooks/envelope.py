"""The body of an event, on the wire and in the API: ``{"type", "timestamp", "sequence", "data"}``.

May assume ``data`` as it was written with the event. Promises: compact UTF-8 JSON; the same event gives the same
bytes at every attempt; at most ``MOST_BYTES``. What would be larger is shortened by rule and says so in
``data.shortened``; the result is always whole JSON, and type, time, sequence and short members never change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

#: Most bytes of a body.
MOST_BYTES = 20_000
#: How texts and lists are shortened, in steps, until the body fits: most characters, most items.
STEPS = ((500, 20), (100, 5), (40, 1))


def encode(type_: str, occurred_at: datetime, sequence: int, data: bytes | str) -> bytes:
    """The body. ``data`` is JSON text of an object; ``occurred_at`` is when it became true, aware."""
    body = _body(type_, occurred_at, sequence, msgspec.Raw(data.encode() if isinstance(data, str) else data))
    if len(body) <= MOST_BYTES:
        return body
    whole: dict[str, Any] = msgspec.json.decode(data)
    for characters, items in STEPS:
        body = _body(type_, occurred_at, sequence, {**_shorten(whole, characters, items), "shortened": True})
        if len(body) <= MOST_BYTES:
            return body
    return _body(type_, occurred_at, sequence, _least(whole))


def _body(type_: str, occurred_at: datetime, sequence: int, data: object) -> bytes:
    at = occurred_at.astimezone(UTC)
    return msgspec.json.encode({"type": type_, "timestamp": at, "sequence": sequence, "data": data})


def _shorten(value: Any, characters: int, items: int) -> Any:
    """Long texts end with an ellipsis, long lists with their first items."""
    match value:
        case str():
            return value if len(value) <= characters else value[: characters - 1] + "…"
        case list():
            return [_shorten(item, characters, items) for item in value[:items]]
        case dict():
            return {name: _shorten(item, characters, items) for name, item in value.items()}
    return value


def _least(whole: dict[str, Any]) -> dict[str, Any]:
    """The members that are short in themselves, in order, as far as they fit; the others can be had from the API."""
    found: dict[str, Any] = {"shortened": True}
    room = MOST_BYTES - 1_000
    for name, value in _shorten(whole, *STEPS[-1]).items():
        size = len(msgspec.json.encode({name: value}))
        if size <= room:
            found[name] = value
            room -= size
    return found
