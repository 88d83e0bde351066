"""Signatures against the published vectors and against two receivers of others' making (battery D1, D3)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as Standard
from svix import Webhook as Svix

from app.webhooks.signing import BadSecret, headers, read_secret, refusal, seconds, sign, write_secret

KEY = bytes(range(32))
SECRET = write_secret(KEY)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_every_vector_is_signed_byte_for_byte(corpus: Path) -> None:
    found: dict[str, Any] = json.loads((corpus / "corpora/webhooks/standard_webhooks_vectors.json").read_text())
    known = found["upstream_known_answer"]
    vectors = [*found["vectors"], {**known, "body_b64": base64.b64encode(known["body"].encode())}]
    assert len(vectors) == 201
    for vector in vectors:
        body = base64.b64decode(vector["body_b64"])
        keys = [read_secret(vector["secret"])]
        assert sign(keys, vector["id"], vector["timestamp"], body) == vector["signature"]
        at = datetime.fromtimestamp(vector["timestamp"], UTC)
        assert refusal(keys, vector["id"], str(vector["timestamp"]), vector["signature"], body, at) is None


def named(pairs: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return dict(pairs)


bodies = st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists)).map(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
)


@settings(max_examples=60)
@given(bodies, st.binary(min_size=24, max_size=64), st.binary(min_size=24, max_size=64))
def test_both_receivers_accept_what_we_sign(body: bytes, key: bytes, other: bytes) -> None:
    now = datetime.now(UTC)
    for keys in ([key], [other, key], [key, other]):
        sent = dict(headers(keys, "evt_1", now, body))
        Standard(write_secret(key)).verify(body, sent)
        Svix(write_secret(key)).verify(body, sent)
        assert refusal([key], *sent.values(), body, now) is None


@given(st.integers(0, 4 * 10**15), st.integers(-14 * 60, 14 * 60))
def test_a_moment_of_any_zone_is_the_same_second(microseconds: int, minutes: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    elsewhere = at.astimezone(timezone(timedelta(minutes=minutes)))
    assert seconds(elsewhere) == seconds(at) == int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert headers([KEY], "evt_1", elsewhere, b"{}") == headers([KEY], "evt_1", at, b"{}")


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        seconds(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_an_id_with_a_dot_is_not_signed() -> None:
    with pytest.raises(ValueError, match="dot"):
        sign([KEY], "evt_1.2", 1, b"{}")


@pytest.mark.parametrize(
    "text", ["", "whsec_", "geheim", "whsec_short", "whsec_" + "A" * 32 + "!", "whsec_Ä" + "A" * 40, SECRET[6:]]
)
def test_bad_secrets_are_refused(text: str) -> None:
    with pytest.raises(BadSecret) as caught:
        read_secret(text)
    assert len(text) < 7 or text not in str(caught.value)


@pytest.mark.parametrize("size", [0, 23, 65])
def test_secrets_have_bounds(size: int) -> None:
    with pytest.raises(BadSecret):
        write_secret(bytes(size))


def altered(**changes: Any) -> str | None:
    body = changes.pop("body", b'{"a":1}')
    sent = named(headers([KEY], "evt_1", NOW, b'{"a":1}'))
    given_ = {"message_id": sent["webhook-id"], "timestamp": sent["webhook-timestamp"]}
    given_ |= {"signature": sent["webhook-signature"], "body": body, "now": NOW} | changes
    return refusal([KEY], **given_)


GOOD = named(headers([KEY], "evt_1", NOW, b'{"a":1}'))["webhook-signature"]
STAMP = str(seconds(NOW))


def test_a_receiver_decides_as_the_specification_says() -> None:
    """The cases of the verifiers' matrix; where the two libraries crash, we answer."""
    second = timedelta(seconds=1)
    assert altered() is None
    assert altered(signature=f"v1,AAAA {GOOD}") is None
    assert altered(signature=f"v1a,xyz v2,{GOOD[3:]}  {GOOD}") is None  # unknown versions, two spaces
    assert altered(now=NOW + 299 * second) is None
    assert altered(now=NOW + 301 * second) == "too old"
    assert altered(now=NOW - 301 * second) == "from the future"
    assert altered(body=b'{"a":2}') is not None
    assert altered(message_id="evt_2") is not None
    assert altered(message_id="") is not None
    assert altered(message_id=f"evt_1.{STAMP}") == "no usable webhook-id"
    for bad in (STAMP + ".0", " " + STAMP, "", "1" * 13, "x"):
        assert altered(timestamp=bad) == "no usable webhook-timestamp"
    for bad in ("", "v1", GOOD[3:], "v1,!!", "v1,ä", "v1," + "ab" * 32, f"v2,{GOOD[3:]}"):
        assert altered(signature=bad) == "the signature is not ours"
    for body in (b"", b"\xff\xfe"):
        sent = named(headers([KEY], "evt_1", NOW, body))
        assert refusal([KEY], *sent.values(), body, NOW) is None
    assert altered(message_id="\udcff") == "the signature is not ours"
