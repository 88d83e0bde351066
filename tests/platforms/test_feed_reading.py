"""Reading feeds: formats, names, characters, mending, and documents that want to do harm."""

from __future__ import annotations

import json

import pytest

from app.domain.models import Failure, OutcomeName
from app.platforms.feed.items import clean
from tests.platforms.feeds import RSS, moment, names, posts, read, refused


def test_rss_item() -> None:
    (post,) = posts(
        RSS.format(
            "<item><guid isPermaLink='false'> tag:1 </guid><link>/posts/1</link>"
            "<pubDate>Sun, 06 Jul 2014 12:56:00 EST</pubDate><dc:date>2013-01-01T00:00:00Z</dc:date></item>"
        )
    )
    assert (post.native_id, post.url, post.alias) == (
        "tag:1",
        "https://example.org/posts/1",
        "https://example.org/posts/1",
    )
    assert moment(post) == "2014-07-06 17:56"


def test_dc_date_where_pub_date_is_missing_or_unreadable() -> None:
    for text in ("", "<pubDate>soon</pubDate>"):
        (post,) = posts(RSS.format(f"<item><guid>1</guid>{text}<dc:date>2013-01-01T00:00:00Z</dc:date></item>"))
        assert moment(post) == "2013-01-01 00:00"


def test_channel_dates_are_no_evidence() -> None:
    (post,) = posts(
        RSS.format(
            "<pubDate>6 Jul 2014 12:56:00 GMT</pubDate><lastBuildDate>6 Jul 2014 12:56:00 GMT</lastBuildDate>"
            "<item><guid>1</guid></item>"
        )
    )
    assert post.posted_at is None


def test_rdf_items_are_siblings_of_the_channel() -> None:
    body = (
        '<x:RDF xmlns:x="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:d="http://purl.org/dc/elements/1.1/"><channel x:about="c"><title>C</title></channel>'
        "<image><title>no</title><link>http://no/</link></image>"
        '<item x:about="http://e/1"><link>http://e/1?x</link><d:date>2003-12-31T10:14:55Z</d:date></item></x:RDF>'
    )
    (post,) = posts(body)
    assert (post.native_id, post.url, moment(post)) == ("http://e/1", "http://e/1?x", "2003-12-31 10:14")


@pytest.mark.parametrize("uri", ["http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#"])
def test_atom_entry(uri: str) -> None:
    body = (
        f'<a:feed xmlns:a="{uri}" xml:base="http://b.example/x/"><a:id>feed</a:id><a:updated>2020-01-01T00:00:00Z</a:updated>'
        "<a:entry><a:source><a:id>other</a:id><a:published>1999-01-01T00:00:00Z</a:published></a:source><a:id>e1</a:id>"
        '<a:link rel="enclosure" href="http://no/"/><a:link href="p/1"/><a:updated>2019-01-02T00:00:00Z</a:updated>'
        "<a:published>2019-01-01T00:00:00Z</a:published></a:entry></a:feed>"
    )
    (post,) = posts(body)
    assert (post.native_id, post.url, moment(post)) == ("e1", "http://b.example/x/p/1", "2019-01-01 00:00")


def test_json_feed() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [
            {"id": 7, "url": "https://example.org/7", "date_published": "2020-01-01T00:00:00+01:00"},
            {"id": "https://example.org/8", "url": "https://example.org/8", "date_published": 1577836800000},
            {"id": 9.0, "date_modified": "x"},
            {"title": "no id", "id": True},
            "no item",
        ],
    }
    found = posts(json.dumps(feed), "text/html")
    assert [post.native_id for post in found][:3] == ["7", "https://example.org/8", "9"]
    assert [moment(post) for post in found] == ["2019-12-31 23:00", "2020-01-01 00:00", None, None]
    assert found[1].url is None  # it follows from the id


@pytest.mark.parametrize(
    "body",
    ['{"error": "login required"}', '{"error": true, "message": "Unauthorized: missing token"}'],
)
def test_json_login_walls(body: str) -> None:
    failure = read(body)
    assert isinstance(failure, Failure)
    assert (failure.outcome, failure.reason) == (OutcomeName.AUTH_REQUIRED, "login_wall")


def test_names_fall_back_to_link_and_hash() -> None:
    found = names(RSS.format("<item><link>http://e/1</link></item><item><title>T</title><pubDate>now</pubDate></item>"))
    assert found[0] == "http://e/1"
    assert found[1].startswith("sha256:")
    assert (
        len(names(RSS.format("<item><description>a</description></item><item><description>b</description></item>")))
        == 2
    )


def test_ids_that_name_the_site_are_not_ids() -> None:
    items = "".join(f"<item><guid>http://e/</guid><link>http://e/{n}</link></item>" for n in range(5))
    assert names(RSS.format(items)) == [f"http://e/{n}" for n in range(5)]
    items = "".join(f"<item><guid>http://e/</guid><link>http://e/</link><title>{n}</title></item>" for n in range(5))
    assert len(set(names(RSS.format(items)))) == 5


def test_a_repeated_page_keeps_its_ids() -> None:
    item = "<item><guid>g1</guid><link>http://e/1</link></item>"
    assert names(RSS.format(item * 5)) == ["g1"]


def test_awkward_ids_can_be_stored() -> None:
    items = [{"id": text, "url": "https://e/" + text} for text in ("a\x00b", " trimmed ", "x" * 600, "Case", "case")]
    found = names(json.dumps({"version": "https://jsonfeed.org/version/1", "items": items}))
    assert found[0] == "ab"
    assert found[1] == "trimmed"
    assert len(found[2]) <= 512
    assert found[3:] == ["Case", "case"]
    assert clean("lone \ud800 surrogate").encode()


def test_of_two_items_with_one_name_the_earlier_counts() -> None:
    later = "<item><guid>g</guid><pubDate>Mon, 07 Jul 2014 12:00:00 GMT</pubDate></item>"
    earlier = "<item><guid>g</guid><pubDate>Sun, 06 Jul 2014 12:00:00 GMT</pubDate></item>"
    for items in (later + earlier, earlier + later):
        (post,) = posts(RSS.format(items))
        assert moment(post) == "2014-07-06 12:00"


def test_more_than_2000_items_keep_the_newest() -> None:
    items = [
        f"<item><guid>{n}</guid><pubDate>{n % 27 + 1} Jan 20{n % 20:02} 00:00:00 GMT</pubDate></item>"
        for n in range(2_500)
    ]
    one, other = posts(RSS.format("".join(items))), posts(RSS.format("".join(reversed(items))))
    assert len(one) == 2_000
    assert set(one) == set(other)


# -- characters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "declared", "header"),
    [
        ("utf-8", "", ""),
        ("utf-8-sig", "iso-8859-1", "application/xml; charset=koi8-r"),  # the mark wins
        ("utf-16", "utf-8", "text/xml; charset=utf-8"),
        ("utf-16-le", "utf-16", ""),
        ("utf-32", "", ""),
        ("koi8-r", "utf-8", 'text/xml; charset="koi8-r"'),  # the header before the declaration
        ("windows-1251", "windows-1251", "application/rss+xml"),
        ("windows-1251", "windows-1251", "text/xml; charset=nonsense"),
    ],
)
def test_charsets(codec: str, declared: str, header: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    body = (declaration + RSS.format("<item><guid>имя</guid></item>")).encode(codec)
    assert names(body, header) == ["имя"]
    assert {tuple(names(body, header)) for _ in range(50)} == {("имя",)}


def test_windows_1252_where_utf_8_does_not_fit() -> None:
    assert names(RSS.format("<item><guid>naïve “x”</guid></item>").encode("cp1252")) == ["naïve “x”"]


def test_one_cut_character_does_not_change_the_others() -> None:
    body = RSS.format("<item><guid>naïve</guid><title>été</title></item><item><guid>x\udcff</guid></item>")
    assert names(body.encode("utf-8", "surrogateescape")) == ["naïve", "x\ufffd"]


@pytest.mark.parametrize("label", ["idna", "unicode_escape", "zlib_codec", "rot13", "utf-7", "punycode", "undefined"])
def test_only_codecs_of_text_are_looked_up(label: str) -> None:
    body = f'<?xml version="1.0" encoding="{label}"?>' + RSS.format("<item><guid>é</guid></item>")
    assert names(body, f"text/xml; charset={label}") == ["é"]


# -- mending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("<guid>http://e/?a=1&b=2</guid>", "http://e/?a=1&b=2"),
        ("<guid>a&nbsp;b&eacute;</guid>", "a\xa0bé"),
        ("<guid>a\x01b\x0c</guid>", "ab"),
        ("<guid>a&#0;b</guid>", "a\ufffdb"),
        ("<guid>1</guid><nobody:knows>x</nobody:knows>", "1"),
        ("<guid><![CDATA[a&b]]></guid><title>&</title>", "a&b"),
        ("<guid>1</guid></item></channel></rss>\n<script>", "1"),
    ],
)
def test_what_is_certain_is_mended(item: str, name: str) -> None:
    assert names(RSS.format(f"<item>{item}</item>")) == [name]


@pytest.mark.parametrize("before", ["\n  ", "<!-- cached -->\n", "\ufeff\n"])
def test_junk_before_the_declaration(before: str) -> None:
    assert names(before + '<?xml version="1.0"?>' + RSS.format("<item><guid>1</guid></item>")) == ["1"]


def test_undeclared_prefixes_mean_what_people_mean() -> None:
    body = "<rss><channel><item><guid>1</guid><dc:date>2003-12-31T10:14:55Z</dc:date></item></channel></rss>"
    assert moment(posts(body)[0]) == "2003-12-31 10:14"


def test_what_is_in_doubt_is_refused() -> None:
    assert refused(RSS.format("<item><guid>1</title></item>")) == "ill_formed"
    assert refused("<urlset/>") == "not_a_feed"
    assert refused("<rss/>") == "not_a_feed"
    assert refused("") == "empty"
    assert refused("hello") == "not_xml"
    assert refused('{"version": "https://jsonfeed.org/version/1"}') == "not_a_feed"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<!doctype html><html><body>hi</body></html>", "html_page"),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "html_page"),
        ("<html><form><input name=p type=password></form>", "login_wall"),
        ("<html><script>window._cf_chl_opt={}</script>", "challenge"),
    ],
)
def test_web_pages(body: str, reason: str) -> None:
    assert refused(body) == reason
