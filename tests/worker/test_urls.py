"""Addresses are taken apart strictly: one reading, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.urls import LONGEST, BadUrl, Origin, join_url, split_url


@pytest.mark.parametrize(
    ("text", "origin", "target"),
    [
        ("http://example.org", Origin(False, "example.org", 80), "/"),
        ("HTTPS://Example.ORG./a?b=c#d", Origin(True, "example.org", 443), "/a?b=c"),
        ("http://example.org:8080?q", Origin(False, "example.org", 8080), "/?q"),
        ("http://example.org:/", Origin(False, "example.org", 80), "/"),
        ("http://[2606:4700::1111]:81/x", Origin(False, "2606:4700::1111", 81), "/x"),
        ("https://bücher.example/é ü?q=%41", Origin(True, "xn--bcher-kva.example", 443), "/%C3%A9%20%C3%BC?q=%41"),
        ("http://①②⑦.⓪.⓪.①/", Origin(False, "127.0.0.1", 80), "/"),  # the guard judges what it means
        ("http://127。0。0。1/", Origin(False, "127.0.0.1", 80), "/"),
        ("http://127.0.0.1#@example.org/", Origin(False, "127.0.0.1", 80), "/"),
    ],
)
def test_readings(text: str, origin: Origin, target: str) -> None:
    url = split_url(text)
    assert (url.origin, url.target) == (origin, target)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "http://",
            "http:///x",
            "//example.org",
            "ftp://example.org/",
            "file:///etc/passwd",
            "feed:http://a.example",
        ),
        *(
            "http://user@example.org/",
            "http://user:pass@example.org/",
            "http://example.org\\@127.0.0.1/",
            "http:\\\\a.example",
        ),
        *("http://exa\tmple.org/", "http://example.org/\r\nX: y", "http://a.example:80:80/", "http://a.example:99999/"),
        *(
            "http://a.example:0/",
            "http://[::1%25lo]/",
            "http://127%2e0.0.1/",
            "http://../",
            "http://./",
            "http://a..b/",
        ),
        *(
            "http:// /",
            "http://a b/",
            "http://::1/",
            "http://" + "a" * 64 + ".example/",
            "http://a.example/" + "x" * LONGEST,
        ),
        *("http://1\xad:x/", "http://a.example;b/", "http://a.example/\udc80"),
    ],
)
def test_refusals(text: str) -> None:
    with pytest.raises(BadUrl):
        split_url(text)


@given(
    st.one_of(
        st.text(max_size=60),
        st.text(max_size=40).map("http://".__add__),
        st.text(max_size=9).map("https://a.example/".__add__),
    )
)
def test_what_is_accepted_can_be_written(text: str) -> None:
    try:
        url = split_url(text)
    except BadUrl:
        return
    written = url.target + url.origin.authority
    assert written.isascii()
    assert written.isprintable()
    assert " " not in written
    assert url.target.startswith("/")


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("/x", "https://a.example/x"),
        ("y", "https://a.example/feed/y"),
        ("?z", "https://a.example/feed/rss?z"),
        ("//b.example/", "https://b.example/"),
        ("http://b.example/", "http://b.example/"),
        ("/\xc3\xa9", "https://a.example/é"),
    ],
)
def test_locations(location: str, address: str) -> None:
    assert join_url("https://a.example/feed/rss", location) == address


@pytest.mark.parametrize(
    "location", ["", "/\xff", "a\rb", "a\x00b", "x" * 1_000_000, "file:///x", "http://[", "//user@b/"]
)
def test_bad_locations(location: str) -> None:
    with pytest.raises(BadUrl):
        join_url("https://a.example/feed/rss", location)
