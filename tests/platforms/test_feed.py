"""The platform ``feed``: looks, paging and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.models import DEFAULT_KINDS, Failure, Kind, Look, OutcomeName, Page, Unchanged
from app.platforms.base import Platform, Response, Target
from app.platforms.feed import FEED, reading
from tests.platforms.feeds import ITEM, URL, answer

TARGET = Target(1, URL, URL, "example.org")
RSS = '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" {}><channel>{}</channel></rss>'


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
