"""The data of events about endpoints themselves. Pure; holds of an address no more than its host."""

from __future__ import annotations

from urllib.parse import urlsplit

#: Why an endpoint is disabled, in words for a person.
REASONS = {
    "requested": "it was disabled by a person",
    "gone": "it answered 410 Gone",
    "failing": "nothing but failure for five days",
}


def disabled(public_id: str, url: str, reason: str) -> dict[str, object]:
    """Data of ``endpoint.disabled``. ``reason`` is one of ``REASONS``."""
    return {"webhook": _short(public_id, url), "reason": reason, "detail": REASONS[reason]}


def test(public_id: str, url: str) -> dict[str, object]:
    """Data of ``endpoint.test``."""
    return {"webhook": _short(public_id, url), "detail": "a test that somebody asked for; nothing happened"}


def host_of(url: str) -> str:
    """Host and port of an address: what may be told of it to everybody. Paths may hold passwords."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _short(public_id: str, url: str) -> dict[str, object]:
    return {"id": public_id, "host": host_of(url)}
