"""Corners of feeds: addresses nobody can read, pages without posts, odd encodings, words instead of a feed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.models import Kind, Page, SeenPost
from app.platforms.base import Response, Target
from app.platforms.feed import FEED, names, paging
from app.platforms.feed.addresses import canonical, join
from app.platforms.feed.document import FLOOD, Document, Entry
from app.platforms.feed.identity import is_another, marks_of, memory_of
from tests.platforms.feeds import RSS, read, refused
from tests.platforms.feeds import names as ids

URL = "https://example.org/feed"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAD = "https://[::1/feed"


def answer(**values: object) -> Response:
    return replace(Response(URL, 200, {}, b"", NOW), **values)  # type: ignore[arg-type]


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_an_address_that_cannot_be_taken_apart_is_left_as_it_is() -> None:
    assert canonical(URL, answer(redirects=((301, BAD),))) == URL
    assert join(URL, "https://[x") == "https://[x"


def test_an_address_of_six_groups_keeps_its_brackets() -> None:
    assert canonical(URL, answer(redirects=((308, "https://[2001:DB8::1]:443/feed"),))) == "https://[2001:db8::1]/feed"


def test_paging_neither_leaves_the_host_nor_stumbles() -> None:
    page = Document("rss", entries=[Entry("1", "", "")])
    assert paging.older_url(replace(page, next_url=BAD), URL) is None
    assert paging.older_url(replace(page, next_url="https://www.example.org/2"), URL) == "https://www.example.org/2"
    assert paging.older_url(Document("rss", next_url="https://example.org/2"), URL) is None


# -- the conversation --------------------------------------------------------------------------------------------------


def test_a_page_without_posts_has_no_older_one() -> None:
    page = Page((), Kind(15))
    assert FEED.older(Target(1, URL, URL, "example.org"), page, answer(body=RSS.format("").encode())) is None


def test_feeds_have_no_counter() -> None:
    with pytest.raises(LookupError):
        FEED.count([])
    with pytest.raises(LookupError):
        FEED.read_count([], answer())
    assert FEED.least_new(1, 5) == 0


# -- another's feed ----------------------------------------------------------------------------------------------------


def test_without_known_posts_two_marks_have_to_differ() -> None:
    memory = memory_of(Document("atom", id="tag:a", site="https://a.example"), ())
    assert is_another(Document("atom", id="tag:b", site="https://b.example"), (), memory)
    assert not is_another(Document("atom", id="tag:b"), (), memory)


def test_what_is_remembered_are_the_newest_posts_whatever_their_order() -> None:
    posts = [SeenPost(str(n), Kind(1), NOW.replace(day=n)) for n in range(1, 29)]
    undated = SeenPost("undated", Kind(1), None)
    known = memory_of(Document("rss"), [*posts, undated])["known"]
    assert known == memory_of(Document("rss"), [*posts[-19:], undated])["known"]


def test_marks_that_are_no_web_addresses_stay_as_they_are() -> None:
    assert marks_of(Document("atom", id="tag:A,2020:1/", self_url="http://WWW.a.example/B/")) == {
        "id": "tag:A,2020:1",
        "self": "a.example/B",
    }


# -- documents ---------------------------------------------------------------------------------------------------------


def test_a_feed_in_the_encoding_of_mainframes() -> None:
    body = '<?xml version="1.0" encoding="cp037"?>' + RSS.format("<item><guid>a1</guid></item>")
    assert ids(body.encode("cp037")) == ["a1"]


def test_json_in_another_encoding() -> None:
    feed = {"version": "https://jsonfeed.org/version/1", "items": [{"id": "é1", "content_text": "x"}]}
    body = json.dumps(feed, ensure_ascii=False).encode("latin-1")
    assert ids(body, "application/json; charset=iso-8859-1") == ["é1"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"version": "https://jsonfeed.org/version/1", "items": [{}] * (FLOOD + 1)}, "too_many_items"),
        ({"version": "https://jsonfeed.org/version/1", "items": 7}, "not_a_feed"),
        ({"error": "unauthorized", "message": "Please log in"}, "login_wall"),
        ({"error": "out of order"}, "error_message"),
    ],
)
def test_json_that_is_no_feed(body: object, reason: str) -> None:
    assert refused(json.dumps(body), "application/json") == reason


def test_what_is_nested_too_deep_inside_an_item_is_refused() -> None:
    deep = "<x>" * 300 + "</x>" * 300
    assert refused(RSS.format(f"<item><guid>1</guid>{deep}</item>")) == "too_deep"


def test_what_is_ill_formed_and_long_is_not_mended() -> None:
    assert refused(RSS.format("<item><guid>1</guid></item>&" + " " * 4_194_304)) == "ill_formed"


def test_names_that_nobody_knows_take_no_more_than_some_memory() -> None:
    known = names.Vocabulary({"guid": "id"})
    assert {known[f"x{n}"] for n in range(10_000)} == {""}
    assert len(known) < 5_000
    assert known["GUID"] == "id"


# -- where items end ---------------------------------------------------------------------------------------------------


def test_an_item_within_what_the_channel_says_does_not_swallow_it() -> None:
    body = "<rss><channel><title>About<item><guid>1</guid></item></title><item><guid>2</guid></item></channel></rss>"
    document = read(body)
    assert isinstance(document, Document)
    assert [entry.id for entry in document.entries] == ["About1", "2"]
    empty = read("<rss><channel><title>About<item><x/></item></title></channel></rss>")
    assert isinstance(empty, Document)
    assert (empty.title, [entry.id for entry in empty.entries]) == ("About", [""])


def test_the_last_item_ends_with_the_feed_whatever_follows() -> None:
    document = read("<rss><channel><item><guid>1</guid></item></channel></rss><more")
    assert isinstance(document, Document)
    assert [entry.id for entry in document.entries] == ["1"]


def test_what_follows_the_items_and_the_channel_is_of_neither() -> None:
    body = (
        "<rss><channel><item><guid>1</guid></item><title>T</title></channel><title>no</title><item><guid>2</guid></item>"
        "<channel><title>second</title><item><guid>3</guid></item></channel></rss>"
    )
    document = read(body)
    assert isinstance(document, Document)
    assert (document.title, [entry.id for entry in document.entries]) == ("T", ["1", "2", "3"])
