"""Feeds that were cut or want to do harm, and the laws of reading."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.models import Failure
from app.platforms.feed.document import Document
from app.platforms.feed.items import posts_of
from tests.platforms.costs import bounded_cost
from tests.platforms.feeds import RSS, documents, names, posts, read, refused


@pytest.mark.parametrize("form", ["rss", "mended", "json"])
def test_every_cut_is_an_error(form: str) -> None:
    body = documents()[form]
    assert isinstance(read(body), Document)
    offsets = range(max(0, len(body) - 4096), len(body)) if form == "rss" else range(0, len(body), 7)
    assert [offset for offset in offsets if not isinstance(read(body[:offset]), Failure)] == []


# -- harm --------------------------------------------------------------------------------------------------------------

BIG = 1_000_000
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + "]><rss><channel><item><guid>&l9;</guid></item></channel></rss>"
)
HARM = {
    "laughs": LAUGHS,
    "quadratic": f'<!DOCTYPE l [<!ENTITY a "{"x" * 60}">]>'
    + RSS.format(f"<item><guid>{'&a;' * 300_000}</guid></item>"),
    "external": '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + RSS.format("<item><guid>&a;</guid></item>"),
    "parameter": '<!DOCTYPE l [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]>'
    + RSS.format("<item><guid>1</guid></item>"),
    "dtd": '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd">' + RSS.format("<item><guid>1</guid></item>"),
    "nesting": "<rss><channel>" + "<a>" * 100_000 + "</a>" * 100_000 + "</channel></rss>",
    "attribute": f'<rss a="{"x" * 7 * BIG}"><channel/></rss>',
    "attributes": "<rss " + " ".join(f'a{n}="1"' for n in range(100_000)) + "><channel/></rss>",
    "elements": "<rss><channel>" + "<a/>" * 2 * BIG + "</channel></rss>",
    "items": "<rss><channel>" + "<item><guid>1</guid></item>" * 30_000 + "</channel></rss>",
    "ampersands": RSS.format("&" * BIG),
    "comments": "<!---->" * 100_000 + "<rss>&",
    "sections": "<rss>" + "<![CDATA[" * 200_000,
    "author": RSS.format(f"<item><guid>1</guid><author>{'a@' * 40_000}</author></item>"),
    "json nesting": '{"version":"jsonfeed.org/version/1","items":[' + '{"a":[' * 200_000,
    "json digits": '{"version":"jsonfeed.org/version/1","items":[{"id":' + "9" * 100_000 + "}]}",
    "json numbers": '{"version":"jsonfeed.org/version/1","items":[' + "1," * 19_000 + "NaN]}",
}


@pytest.mark.parametrize("name", HARM)
def test_harm_is_bounded(name: str) -> None:
    body = HARM[name].encode()
    touched: list[str] = []
    watching = True

    def hook(event: str, _: object) -> None:
        if watching and event in ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
            touched.append(event)

    sys.addaudithook(hook)
    with bounded_cost():
        found = read(body)
    watching = False
    assert touched == []
    if isinstance(found, Document):
        assert all(len(post.native_id) <= 512 for post in posts_of(found))


def test_short_words_may_be_entities() -> None:
    body = '<!DOCTYPE rss [<!ENTITY id "tag:example.com,">]>' + RSS.format("<item><guid>&id;1</guid></item>")
    assert names(body) == ["tag:example.com,1"]
    assert refused(LAUGHS) == "entity_declared"


# -- laws --------------------------------------------------------------------------------------------------------------

ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["", "<guid>a</guid>", "<guid>b</guid>", "<guid>http://e/</guid>"]),
        st.sampled_from(["", "<link>http://e/1</link>", "<link>http://e/2</link>"]),
        st.sampled_from(["", "<title>t</title>", "<title>u</title>"]),
        st.sampled_from(
            [
                "",
                "<pubDate>6 Jul 2014 12:00 GMT</pubDate>",
                "<pubDate>7 Jul 2014 12:00</pubDate>",
                "<pubDate>?</pubDate>",
            ]
        ),
    ).map(lambda parts: f"<item>{''.join(parts)}</item>"),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(ITEMS.flatmap(lambda items: st.tuples(st.just(items), st.permutations(items), st.sampled_from(items or [""]))))
def test_order_and_repetition_change_nothing(case: tuple[list[str], list[str], str]) -> None:
    items, shuffled, again = case
    assert set(posts(RSS.format("".join(items)))) == set(posts(RSS.format("".join(shuffled))))
    assert set(posts(RSS.format("".join([*items, again])))) == set(posts(RSS.format("".join([again, *items]))))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=300),
    st.sampled_from(["", "<rss><channel><item>", "<feed>", "{", "\ufeff<?xml "]),
    st.text(max_size=30),
)
def test_any_bytes_are_a_document_or_a_failure(body: bytes, start: str, content_type: str) -> None:
    assert isinstance(read(start.encode() + body, content_type), (Document, Failure))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_never_crashes(data: st.DataObject) -> None:
    body = bytearray(documents()[data.draw(st.sampled_from(["rss", "mended", "json"]))])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    found = read(bytes(body))
    if isinstance(found, Document):
        assert all(post.native_id.encode() and "\x00" not in post.native_id for post in posts_of(found))


def test_json_suite(corpus: Path) -> None:
    folder = corpus / "corpora" / "json" / "test_parsing"
    if not folder.is_dir():
        pytest.skip("no JSON suite in the corpus")
    wrong: list[str] = []
    for file in sorted(folder.glob("*.json")):
        wrapped = b'{"version":"https://jsonfeed.org/version/1","x":' + file.read_bytes() + b',"items":[{"id":"1"}]}'
        whole = isinstance(read(wrapped), Document)
        if (file.name.startswith("y_") and not whole) or (file.name.startswith("n_") and whole):
            wrong.append(file.name)
    assert wrong == []
