"""The body of an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.webhooks.envelope import MOST_BYTES, encode

AT = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
texts = st.text(max_size=5) | st.text(max_size=5).map(lambda text: text * 2_000)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=20), inner, max_size=8),
    max_leaves=12,
)


def test_it_is_compact_and_the_same_in_every_zone() -> None:
    data = '{"account":{"handle":"ë.example"},"n":1}'
    body = encode("account.quiet", AT, 7, data)
    assert body == (
        b'{"type":"account.quiet","timestamp":"2026-11-22T12:00:00.000005Z","sequence":7,"data":' + data.encode() + b"}"
    )
    assert encode("account.quiet", AT.astimezone(timezone(timedelta(hours=9))), 7, data.encode()) == body


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=20), values, max_size=8))
def test_what_fits_is_untouched_and_what_does_not_is_shortened_by_rule(data: dict[str, Any]) -> None:
    text = json.dumps(data)
    body = encode("account.quiet", AT, 3, text)
    assert len(body) <= MOST_BYTES
    assert encode("account.quiet", AT, 3, text) == body
    found = json.loads(body)
    assert (found["type"], found["sequence"], found["timestamp"]) == ("account.quiet", 3, "2026-11-22T12:00:00.000005Z")
    if "shortened" in data or found["data"].get("shortened") is not True:
        return
    for name, value in data.items():
        if name in found["data"] and not isinstance(value, str | list | dict):
            assert found["data"][name] == value


def test_large_data_keeps_its_short_members() -> None:
    data = {"id": "acc_1", "names": ["n" * 90] * 1_000, "text": "x" * 50_000, "state": "quiet"}
    found = json.loads(encode("account.quiet", AT, 1, json.dumps(data)))["data"]
    assert (found["id"], found["state"], found["shortened"]) == ("acc_1", "quiet", True)
    assert found["names"] == ["n" * 90] * 20
    assert (len(found["text"]), found["text"][-1]) == (500, "…")


def test_many_members_are_kept_as_far_as_they_fit() -> None:
    data: dict[str, Any] = {"big": {str(n): "v" * 39 for n in range(1_000)}, "state": "quiet"}
    found = json.loads(encode("account.quiet", AT, 1, json.dumps(data)))["data"]
    assert found == {"shortened": True, "state": "quiet"}
