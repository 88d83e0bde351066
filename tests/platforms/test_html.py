"""Links and forms of web pages, in bounded time."""

from __future__ import annotations

import pytest

from app.platforms.html import has_password_field, header_links, page_links
from tests.platforms.costs import bounded_cost


def test_links_are_resolved_and_decoded() -> None:
    body = b"<base href='/a/'><LINK REL='alternate stylesheet' TYPE=Text/CSS href='x?a=1&amp;b=2#f' title='T &amp; U'>"
    (link,) = page_links(body, "https://e.org/z")
    assert link.href == "https://e.org/a/x?a=1&b=2"
    assert link.rel == {"alternate", "stylesheet"}
    assert (link.type, link.title) == ("text/css", "T & U")


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "data:,x", "mailto:a@b", "", "https://[::1", "file:///etc/passwd"]
)
def test_only_web_addresses(href: str) -> None:
    assert page_links(f"<link rel=alternate href='{href}'>".encode(), "file:///x") == []


def test_comments_and_scripts_are_no_markup() -> None:
    hidden = b"<!-- <link href=/1> --><script>'<link href=/2>'</script><style><link href=/3></style><!-- <link href=/4>"
    assert page_links(hidden, "https://e.org/") == []


def test_header() -> None:
    header = '</feed>; rel="alternate"; type="application/rss+xml"; title="a, b", <https://h/>; rel=hub, broken'
    assert [(link.href, sorted(link.rel), link.title) for link in header_links(header, "https://e.org/x")] == [
        ("https://e.org/feed", ["alternate"], "a, b"),
        ("https://h/", ["hub"], ""),
    ]


def test_password_fields() -> None:
    assert has_password_field(b"<INPUT name=x TYPE = 'password'>")
    assert not has_password_field(b"<p>password</p><input type=text>")


@pytest.mark.parametrize(
    "piece",
    [
        "<link ",
        "<link href=x>",
        "<!--",
        "<script>",
        "<div><a><b>",
        "<",
        "<base href='",
        "<input ",
        "<style",
        "--",
        "\x00",
        "<a>;",
    ],
)
def test_hostile_pages_cost_little(piece: str) -> None:
    body = piece.encode() * (2_000_000 // len(piece))
    with bounded_cost():
        page_links(body, "https://e.org/")
        has_password_field(body)
        header_links(piece * 20_000, "https://e.org/")
