"""Feeds as text, read by the product: shared by the tests of reading and of harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from app.domain.models import Failure, SeenPost
from app.platforms.base import Response
from app.platforms.feed.document import Document
from app.platforms.feed.items import posts_of
from app.platforms.feed.reading import read_document

URL = "https://example.org/feed"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEM = "<item><guid>http://example.org/1</guid><pubDate>Sun, 06 Jul 2025 12:00:00 GMT</pubDate></item>"
RSS = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><link>https://example.org</link>{}</channel></rss>'


def read(body: bytes | str, content_type: str = "") -> Document | Failure:
    raw = body.encode() if isinstance(body, str) else body
    return read_document(Response(URL, 200, {"content-type": content_type}, raw, NOW))


def posts(body: bytes | str, content_type: str = "") -> tuple[SeenPost, ...]:
    document = read(body, content_type)
    assert isinstance(document, Document), document
    return posts_of(document)


def refused(body: bytes | str, content_type: str = "") -> str:
    failure = read(body, content_type)
    assert isinstance(failure, Failure), failure
    return failure.reason


def names(body: bytes | str, content_type: str = "") -> list[str]:
    return [post.native_id for post in posts(body, content_type)]


def moment(post: SeenPost) -> str | None:
    return None if post.posted_at is None else post.posted_at.strftime("%Y-%m-%d %H:%M")


def documents() -> dict[str, bytes]:
    items = "".join(
        f"<item><guid>{n}</guid><title><![CDATA[a & b </rss>]]></title><description>&lt;/rss&gt; &amp;</description>"
        f"<pubDate>Sun, 06 Jul 2014 12:{n:02}:00 GMT</pubDate></item>"
        for n in range(22)
    )
    feed = {
        "version": "https://jsonfeed.org/version/1",
        "items": [{"id": str(n), "content_text": "{}" * 60} for n in range(25)],
    }
    return {
        "rss": RSS.format(items).encode(),
        "mended": RSS.format(items + "& é").encode("cp1252"),
        "json": json.dumps(feed).encode(),
    }


def answer(body: str | bytes = "", status: int = 200, url: str = URL, **headers: Any) -> Response:
    raw = body.encode() if isinstance(body, str) else body
    return Response(url, status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, NOW)
