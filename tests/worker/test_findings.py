"""Which validators are kept for the next look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.platforms.base import Request, Response
from app.worker.fetch import Validators
from app.worker.findings import Exchange, kept_validators

URL = "https://example.org/feed"


def exchange(status: int, **headers: str) -> Exchange:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(Request(URL, conditional=True), Response(URL, status, told, b"", datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("before", "told", "kept"),
    [
        (b'W/"a"', '"a"', b'W/"a"'),
        (b'"a"', 'W/"a"', b'"a"'),
        (b'"a"', '"b"', b'"b"'),
        (b'W/"a"', 'W/"b"', b'W/"b"'),
        (None, '"b"', b'"b"'),
    ],
)
def test_a_304_replaces_an_etag_only_by_another_one(before: bytes | None, told: str, kept: bytes) -> None:
    """Compressing servers give a weak ETag with the page and the strong one with "not modified"."""
    asked = Validators(URL, before, b"yesterday")
    assert kept_validators(asked, [exchange(304, etag=told)]) == Validators(URL, kept, b"yesterday")


def test_a_page_replaces_all_validators() -> None:
    asked = Validators(URL, b'W/"a"', b"yesterday")
    assert kept_validators(asked, [exchange(200, etag='"a"')]) == Validators(URL, b'"a"', None)
    assert kept_validators(asked, [exchange(200)]) is None
    assert kept_validators(asked, [exchange(304)]) == asked
