"""Content codings of answers, within bounds.

Assumes a body that was already bounded on the wire. Promises: never makes more than ``LARGEST`` bytes out of it,
whatever it claims to be, and a body that is cut short, followed by rubbish or coded twice is an error, not a page.
"""

from __future__ import annotations

import zlib

#: Most bytes that a body may have once decoded.
LARGEST = 8 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class DecodeError(Exception):
    """The body cannot be had. ``reason``: ``content_coding``, ``too_large`` or ``incomplete``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(body: bytes, coding: str, largest: int = LARGEST) -> bytes:
    """The body without its content coding; we ask for gzip only, so nothing else is undone. Raises DecodeError."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        if len(body) > largest:
            raise DecodeError("too_large")
        return body
    if name not in ("gzip", "x-gzip"):
        raise DecodeError("content_coding")
    return _gunzip(body, largest)


def _gunzip(body: bytes, largest: int) -> bytes:
    """Every member of a gzip file; RFC 1952 allows several."""
    parts: list[bytes] = []
    left = largest
    while body or not parts:
        part, body = _member(body, left)
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _member(body: bytes, left: int) -> tuple[bytes, bytes]:
    """One member and what follows it."""
    decoder = zlib.decompressobj(_GZIP)
    try:
        part = decoder.decompress(body, left + 1)
    except zlib.error as error:
        raise DecodeError("content_coding") from error
    if len(part) > left:
        raise DecodeError("too_large")
    if not decoder.eof:
        raise DecodeError("incomplete")
    return part, decoder.unused_data
