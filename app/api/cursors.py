"""Opaque cursors: the place where a list goes on, signed and bound to the question it came from.

Promises: a cursor that was forged, cut, or taken from another list, filter or sort order is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from app.api.problems import BadCursor


def seal(secret: bytes, question: str, place: list[Any]) -> str:
    """The cursor for ``place`` (the sort key of the last row given) within ``question`` (route and filters)."""
    body = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(_tag(secret, question, body) + body).decode().rstrip("=")


def unseal(secret: bytes, question: str, cursor: str | None) -> list[Any] | None:
    """The place in the list, or None at its beginning. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if hmac.compare_digest(raw[:16], _tag(secret, question, raw[16:])):
            place: list[Any] = msgspec.json.decode(raw[16:], type=list)
            return place
    except (ValueError, UnicodeEncodeError, msgspec.DecodeError):
        pass
    detail = "The cursor does not belong to this list."
    hint = "Take it from the Link header or next of the same question; change no other parameter than limit."
    raise BadCursor(detail, field="cursor", hint=hint)


def _tag(secret: bytes, question: str, body: bytes) -> bytes:
    return hmac.digest(secret, b"cursor\0" + question.encode() + b"\0" + body, hashlib.sha256)[:16]
