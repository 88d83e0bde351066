"""Reading JSON that a stranger wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import Failure
from app.platforms.jsonapi import base_url, bounded_id, host_of, read_json, storable
from app.platforms.mastodon_shapes import STATUSES
from tests.platforms.talking import answer

ANYTHING = msgspec.json.Decoder()


class Named(msgspec.Struct):
    """Something with a name."""

    name: str


NAMED = msgspec.json.Decoder(Named)


def test_the_test_suite_of_json(corpus: Path) -> None:
    files = sorted((corpus / "corpora/json/test_parsing").glob("*.json"))
    assert len(files) >= 318
    for file in files:
        response = answer(file.read_bytes())
        found = read_json(ANYTHING, response)
        if file.name.startswith("n_"):
            assert isinstance(found, Failure), file.name
        if file.name.startswith("y_"):
            assert not isinstance(found, Failure), file.name
        shaped = read_json(STATUSES, response)
        assert isinstance(shaped, Failure) or shaped == [], file.name


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"x":' + b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not_json"),
        (b'{"name": NaN}', "not_json"),
        (b'{"name": "\xff"}', "not_json"),
        (b'{"name": 1}', "wrong_shape"),
        (b"[]", "wrong_shape"),
        (b"null", "wrong_shape"),
        (b"9" * 100_000, "wrong_shape"),
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!doctype html><p>Welcome", "html"),
    ],
)
def test_what_is_not_the_thing_is_refused(body: bytes, reason: str) -> None:
    found = read_json(NAMED, answer(body))
    assert isinstance(found, Failure)
    assert found.reason == reason


def test_the_last_of_two_equal_keys_counts_and_the_rest_is_skipped() -> None:
    found = read_json(NAMED, answer(b'{"name": "a", "other": ' + b"9" * 5_000 + b', "name": "b"}'))
    assert found == Named("b")


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    read_json(STATUSES, answer(body))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("a.example", "https://a.example"),
        ("a.example:8443", "https://a.example:8443"),
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("127.0.0.1.example", "https://127.0.0.1.example"),
        ("localhost.example", "https://localhost.example"),
    ],
)
def test_only_loopback_is_spoken_to_without_tls(host: str, url: str) -> None:
    assert base_url(host) == url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.Example/x", "a.example"),
        ("https://a.example:443/", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("https://[2001:db8::1]:99/", "[2001:db8::1]:99"),
        ("https://user:secret@a.example/", None),
        ("ftp://a.example/", None),
        ("https://[bad", None),
        ("https://a.example:99999/", None),
        ("https:///x", None),
    ],
)
def test_the_host_of_an_address(url: str, host: str | None) -> None:
    assert host_of(url) == host


def test_ids_are_bounded_and_storable() -> None:
    assert bounded_id("x" * 512) == "x" * 512
    assert bounded_id("x" * 513).startswith("#")
    assert len(bounded_id("\ud800" * 600)) == 65
    assert bounded_id("x" * 513) != bounded_id("x" * 514)
    assert [storable(text) for text in ("a", "", "a\x00", "\ud800")] == [True, False, False, False]
