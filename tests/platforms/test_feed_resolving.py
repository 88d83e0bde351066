"""The platform ``feed``: finding the feed a person means."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.models import Identity
from app.platforms.base import Request, ResolveError, Response
from app.platforms.feed import FEED
from tests.platforms.feeds import ITEM, URL, answer

RSS = '<rss version="2.0"><channel>{}</channel></rss>'


def resolve(text: str, web: Mapping[str, Response]) -> tuple[Identity, list[str]]:
    asked: list[str] = []
    conversation: Generator[Request, Response, Identity] = FEED.resolve(text)
    try:
        request = next(conversation)
        while True:
            asked.append(request.url)
            response = web.get(request.url, answer("nothing here", 404))
            request = conversation.send(response if response.url != URL else replace(response, url=request.url))
    except StopIteration as end:
        return end.value, asked


FOUND = answer(RSS.format("<title>A blog</title><link>https://example.org/</link>" + ITEM))


@pytest.mark.parametrize(
    "text", [URL, "feed:" + URL, "feed://example.org/feed", "HTTPS://Example.ORG:443/feed#x", "example.org/feed"]
)
def test_a_feed_is_found_under_each_of_its_spellings(text: str) -> None:
    assert FEED.recognises(text)
    identity, asked = resolve(text, {URL: FOUND})
    assert asked == [URL]
    assert (identity.native_id, identity.host, identity.display_name) == (URL, "example.org", "A blog")
    assert identity.profile_url == "https://example.org/"
    assert isinstance(identity.memory["marks"], dict)


@pytest.mark.parametrize(
    ("redirects", "expected"),
    [
        (((301, "https://new.example/f"),), "https://new.example/f"),
        (((308, "https://new.example/f"), (302, "https://cdn.example/f")), "https://new.example/f"),
        (((302, "https://cdn.example/f"), (301, "https://new.example/f")), URL),
        (((301, "http://new.example/f"),), URL),
    ],
)
def test_permanent_redirects_name_the_feed(redirects: tuple[tuple[int, str], ...], expected: str) -> None:
    identity, _ = resolve(URL, {URL: replace(FOUND, url=redirects[-1][1], redirects=redirects)})
    assert identity.native_id == expected


def test_a_page_names_its_feed() -> None:
    html = (
        "<!doctype html><!-- <link rel=alternate type=application/rss+xml href=/old> --><base href='/blog/'>"
        "<link rel=alternate type='application/rss+xml' title='A » Comments Feed' href='comments/feed/'>"
        "<link rel='ALTERNATE home' type='Application/Atom+XML; x=y' href='atom'>"
    )
    identity, asked = resolve(
        "https://example.org/", {"https://example.org/": answer(html), "https://example.org/blog/atom": FOUND}
    )
    assert identity.native_id == "https://example.org/blog/atom"
    assert asked == ["https://example.org/", "https://example.org/blog/atom"]


def test_a_header_names_its_feed() -> None:
    home = answer("<html></html>", link='</f.json>; rel="alternate"; type="application/feed+json"')
    identity, _ = resolve("https://example.org/", {"https://example.org/": home, "https://example.org/f.json": FOUND})
    assert identity.native_id == "https://example.org/f.json"


def test_well_known_places_come_last_and_the_error_lists_all() -> None:
    identity, asked = resolve(
        "https://example.org/", {"https://example.org/": answer("<html>"), "https://example.org/atom.xml": FOUND}
    )
    assert identity.native_id == asked[-1] == "https://example.org/atom.xml"
    with pytest.raises(ResolveError, match="no feed was found") as error:
        resolve("https://example.org/", {"https://example.org/": answer("<html>")})
    assert len(error.value.tried) == 7
    assert "/feed.json" in error.value.tried[-1]


def test_well_known_sites() -> None:
    channel = "UC" + "a" * 22
    feed = f"https://www.youtube.com/feeds/videos.xml?channel_id={channel}"
    identity, asked = resolve(f"https://youtube.com/channel/{channel}/videos", {feed: FOUND})
    assert (identity.native_id, asked) == (feed, [feed])


@pytest.mark.parametrize("text", ["https://u:p@example.org/", "http://", "https://[::1", "http://example.org:99999/"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ResolveError):
        resolve(text, {})


def test_a_page_that_cannot_be_read_is_not_guessed_about() -> None:
    with pytest.raises(ResolveError, match="404") as error:
        resolve(URL, {})
    assert len(error.value.tried) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.org", True),
        ("blog.example.co.uk/path?x=1", True),
        ("bücher.example", True),
        ("http://localhost:8000/f", True),
        ("alice", False),
        ("@alice@example.org", False),
        ("alice@example.org", False),
        ("two words.org", False),
        ("javascript:alert(1)", False),
        ("1.2", False),
        ("", False),
    ],
)
def test_recognises(text: str, expected: bool) -> None:
    assert FEED.recognises(text) is expected


def test_recorded_home_pages_name_their_feeds(corpus: Path) -> None:
    folder = corpus / "fixtures" / "feeds" / "discovery-html"
    expected: dict[str, Any] = {
        "DaringFireball": "https://example.org/feeds/main",
        "coco": "https://example.org/feed/all/",
        "furbo": "http://furbo.org/feed/",
        "inessential": "http://inessential.com/xml/rss.xml",
        "sixcolors": "http://feedpress.me/sixcolors",
    }
    for name, feed in expected.items():
        home = answer((folder / f"{name}.html").read_bytes())
        identity, asked = resolve("https://example.org/", {"https://example.org/": home, feed: FOUND})
        assert asked == ["https://example.org/", feed]
        assert identity.native_id == feed
