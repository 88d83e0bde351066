"""The platform ``feed``: looks, paging, refusals, identity, and finding the feed a person means."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.models import DEFAULT_KINDS, Failure, Identity, Kind, Look, OutcomeName, Page, Unchanged
from app.platforms.base import Platform, Request, ResolveError, Response, Target
from app.platforms.feed import FEED, reading

URL = "https://example.org/feed"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target(1, URL, URL, "example.org")
RSS = '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" {}><channel>{}</channel></rss>'
ITEM = "<item><guid>http://example.org/1</guid><pubDate>Sun, 06 Jul 2025 12:00:00 GMT</pubDate></item>"


def answer(body: str | bytes = "", status: int = 200, url: str = URL, **headers: Any) -> Response:
    raw = body.encode() if isinstance(body, str) else body
    return Response(url, status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, NOW)


def look(response: Response, target: Target = TARGET) -> Look:
    conversation = FEED.look(target)
    request = next(conversation)
    assert request.url == target.native_id
    assert request.conditional
    with pytest.raises(StopIteration) as end:
        conversation.send(response)
    found: Look = end.value.value
    return found


def page(response: Response, target: Target = TARGET) -> Page:
    found = look(response, target)
    assert isinstance(found, Page), found
    return found


def failure(response: Response, target: Target = TARGET) -> tuple[OutcomeName, str]:
    found = look(response, target)
    assert isinstance(found, Failure), found
    return found.outcome, found.reason


def test_it_is_a_platform() -> None:
    platform: Platform = FEED
    assert platform.batch_size == 0
    with pytest.raises(LookupError):
        platform.count([TARGET])


def test_a_page() -> None:
    found = page(answer(RSS.format("", ITEM)))
    assert [post.native_id for post in found.posts] == ["http://example.org/1"]
    assert (found.kinds, found.ordered, found.complete) == (DEFAULT_KINDS, False, False)
    assert found.posts[0].kind is Kind.ORIGINAL
    assert found.posts[0].url is None
    assert FEED.post_url("http://example.org/1", "", "") == "http://example.org/1"
    assert FEED.post_url("yt:video:abc", "", "") == "https://www.youtube.com/watch?v=abc"
    assert FEED.post_url("tag:1", "", "") is None


def test_unchanged_is_for_the_kinds_of_a_page() -> None:
    assert look(answer(status=304)) == Unchanged(DEFAULT_KINDS)
    narrow = replace(TARGET, native_id="https://m.example/@alice.rss")
    assert look(answer(status=304, cache_control="max-age=600"), narrow) == Unchanged(
        Kind.ORIGINAL, least_interval=timedelta(minutes=10)
    )


def test_an_answer_without_a_body_keeps_the_pace_of_the_last_page() -> None:
    memory = page(answer(RSS.format("", "<ttl>90</ttl>" + ITEM))).memory or {}
    target = replace(TARGET, memory=memory)
    assert look(answer(status=304), target) == Unchanged(DEFAULT_KINDS, least_interval=timedelta(minutes=90))
    longer = answer(status=304, cache_control="max-age=7200")
    assert look(longer, target) == Unchanged(DEFAULT_KINDS, least_interval=timedelta(hours=2))


def test_feeds_of_mastodon_show_originals_only() -> None:
    found = page(answer(RSS.format("", "<generator>Mastodon v4.3.1</generator>" + ITEM)))
    assert found.kinds is Kind.ORIGINAL
    remembered = replace(TARGET, memory=found.memory or {})
    assert look(answer(status=304), remembered) == Unchanged(Kind.ORIGINAL)


def test_empty_feeds() -> None:
    empty = answer(RSS.format("", "<title>x</title>"))
    assert page(empty).complete
    assert failure(empty, replace(TARGET, has_posts=True)) == (OutcomeName.UNREADABLE, "empty_after_posts")
    assert failure(answer(RSS.format("", "<item/>"))) == (OutcomeName.UNREADABLE, "nameless_items")


def test_the_feed_says_that_it_is_complete() -> None:
    history = 'xmlns:fh="http://purl.org/syndication/history/1.0"'
    assert page(answer(RSS.format(history, "<fh:complete/>" + ITEM))).complete


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (404, OutcomeName.GONE, "not_found"),
        (410, OutcomeName.GONE, "http_410"),
        (429, OutcomeName.RATE_LIMITED, "http_429"),
        (401, OutcomeName.AUTH_REQUIRED, "http_401"),
        (403, OutcomeName.REFUSED, "http_403"),
        (500, OutcomeName.UNREACHABLE, "http_500"),
        (206, OutcomeName.UNREADABLE, "http_206"),
    ],
)
def test_statuses(status: int, outcome: OutcomeName, reason: str) -> None:
    assert failure(answer(RSS.format("", ITEM), status)) == (outcome, reason)


def test_a_bridge_that_failed_is_no_post() -> None:
    error = "<item><title>Bridge returned error 404! (20000)</title><guid>1</guid></item>"
    assert failure(answer(RSS.format("", error))) == (OutcomeName.REFUSED, "bridge_error")
    bridge = "<generator>RSS-Bridge</generator>" + ITEM + error
    assert failure(answer(RSS.format("", bridge))) == (OutcomeName.REFUSED, "bridge_error")
    assert len(page(answer(RSS.format("", ITEM + error))).posts) == 2  # somebody writes about bridges


# -- another account ---------------------------------------------------------------------------------------------------


def marked(site: str, own: str, guid: str) -> Response:
    link = f'<atom:link rel="self" href="{own}"/><link>{site}</link>'
    return answer(RSS.format("", link + (f"<item><guid>{guid}</guid></item>" if guid else "")))


def remembering(response: Response) -> Target:
    return replace(TARGET, memory=page(response).memory or {}, has_posts=True)


def test_another_account_at_the_same_address() -> None:
    target = remembering(marked("https://h/alice", "https://h/alice.rss", "a1"))
    other = (OutcomeName.UNREADABLE, "another_account")
    assert failure(marked("https://h/bob", "https://h/bob.rss", "b1"), target) == other
    assert failure(marked("https://h/bob", "https://h/bob.rss", ""), target) == other


@pytest.mark.parametrize(
    ("site", "own", "guid"),
    [
        ("http://www.h/alice/", "https://h/new.rss", "a2"),  # the site is the same in another spelling
        ("https://moved/", "https://h/alice.rss", "a2"),
        ("https://moved/", "https://moved/alice.rss", "a1"),  # moved with its posts
    ],
)
def test_honest_feeds_may_change(site: str, own: str, guid: str) -> None:
    target = remembering(marked("https://h/alice", "https://h/alice.rss", "a1"))
    assert page(marked(site, own, guid), target).posts


def test_memory_is_only_written_when_it_changed() -> None:
    response = marked("https://h/alice", "https://h/alice.rss", "a1")
    assert page(response, remembering(response)).memory is None


def test_a_finished_json_feed_and_its_hub_are_remembered() -> None:
    body = (
        '{"version":"https://jsonfeed.org/version/1.1","expired":true,"hubs":[{"type":"WebSub","url":"https://hub/"}],'
        '"feed_url":"https://example.org/feed","items":[{"id":"1"}]}'
    )
    memory = page(answer(body)).memory or {}
    assert (memory["expired"], memory["hub"], memory["topic"]) == (True, "https://hub/", URL)


# -- pace --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "channel", "minutes"),
    [
        ({}, "", None),
        ({"cache_control": "public, max-age=3600"}, "", 60),
        ({"cache_control": "max-age=0"}, "", None),
        ({"cache_control": "max-age=10"}, "", 5),
        ({"cache_control": "max-age=99999999"}, "", 24 * 60),
        ({"cache_control": "s-maxage=3600"}, "", None),
        ({"expires": "Thu, 01 Jan 2026 02:00:00 GMT", "date": "Thu, 01 Jan 2026 01:00:00 GMT"}, "", 60),
        ({"expires": "0"}, "", None),
        ({"expires": "Thu, 01 Jan 1998 02:00:00 GMT"}, "", None),
        ({}, "<ttl>90</ttl>", 90),
        ({}, "<ttl>-1</ttl>", None),
        ({}, "<ttl>99999999999999</ttl>", None),
        ({}, "<sy:updatePeriod> hourly </sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>", 15),
        ({}, "<sy:updateFrequency>2</sy:updateFrequency>", 12 * 60),
        ({}, "<sy:updatePeriod>weekly</sy:updatePeriod>", 24 * 60),
        ({"cache_control": "max-age=600"}, "<ttl>30</ttl>", 30),
    ],
)
def test_least_interval(headers: Mapping[str, Any], channel: str, minutes: int | None) -> None:
    namespace = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
    found = page(answer(RSS.format(namespace, channel + ITEM), **headers))
    assert found.least_interval == (None if minutes is None else timedelta(minutes=minutes))


# -- paging ------------------------------------------------------------------------------------------------------------


def older(response: Response) -> str | None:
    request = FEED.older(TARGET, page(response), response)
    assert request is None or (request.cost == "paging" and not request.conditional)
    return None if request is None else request.url


@pytest.mark.parametrize(
    ("channel", "url", "expected"),
    [
        ('<atom:link rel="next" href="/feed?page=2"/>', URL, "https://example.org/feed?page=2"),
        (
            '<atom:link rel="prev-archive" href="/2025"/><atom:link rel="next" href="/n"/>',
            URL,
            "https://example.org/2025",
        ),
        ('<atom:link rel="next" href="https://elsewhere.example/2"/>', URL, None),
        (f'<atom:link rel="next" href="{URL}"/>', URL, None),
        ('<atom:link rel="next" href="javascript:1"/>', URL, None),
        ('<atom:link rel="previous" href="/newer"/>', URL, None),
        ("<generator>https://wordpress.org/?v=6.4</generator>", URL, URL + "?paged=2"),
        ("<generator>https://wordpress.org/?v=6.4</generator>", URL + "?a=b&paged=2", URL + "?a=b&paged=3"),
        ("", "https://x.wordpress.com/feed/", "https://x.wordpress.com/feed/?paged=2"),
        ("", URL, None),
    ],
)
def test_older_pages(channel: str, url: str, expected: str | None) -> None:
    assert older(answer(RSS.format("", channel + ITEM), url=url)) == expected


@pytest.mark.parametrize("item", [ITEM, "<item><title>no id, no link</title></item>"])
def test_the_question_for_an_older_page_reads_the_same_answer_no_second_time(
    item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = answer(RSS.format("", '<atom:link rel="next" href="/2"/>' + item))
    found = page(response)

    def read(*_: object, **__: object) -> None:
        raise AssertionError("read once more")

    monkeypatch.setattr(reading, "read_xml", read)
    request = FEED.older(TARGET, found, response)
    assert request is not None
    assert request.url == "https://example.org/2"


def test_json_feeds_page_by_next_url() -> None:
    body = '{"version":"https://jsonfeed.org/version/1","next_url":"https://example.org/2","items":[{"id":1}]}'
    assert older(answer(body)) == "https://example.org/2"
    last = FEED.read(TARGET, answer('{"version":"https://jsonfeed.org/version/1","items":[{"id":2}]}'))
    assert isinstance(last, Page)
    assert last.complete


def test_the_end_of_a_chain_is_the_whole_history() -> None:
    history = 'xmlns:fh="http://purl.org/syndication/history/1.0"'
    last = FEED.read(TARGET, answer(RSS.format(history, "<fh:archive/>" + ITEM)))
    assert isinstance(last, Page)
    assert last.complete
    unknown = FEED.read(TARGET, answer(RSS.format("", ITEM)))
    assert isinstance(unknown, Page)
    assert not unknown.complete


def test_wordpress_ends_with_404_which_proves_no_end() -> None:
    assert FEED.read(TARGET, answer(status=404, url=URL + "?paged=9")) == Page((), DEFAULT_KINDS)
    assert isinstance(FEED.read(TARGET, answer(status=404)), Failure)


# -- resolving ---------------------------------------------------------------------------------------------------------


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


FOUND = answer(RSS.format("", "<title>A blog</title><link>https://example.org/</link>" + ITEM))


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
