"""Where the page before this one is.

Assumes a Document and the address it came from. Promises: only addresses of the same host, never the page itself.
Known: RFC 5005 archives and paged feeds, JSON Feed's ``next_url``, WordPress's ``?paged=N``.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from app.platforms.feed.document import Document


def older_url(document: Document, url: str) -> str | None:
    """The address of the next older page, None where none is known."""
    if not document.entries:
        return None
    for candidate in (document.previous_archive, document.next_url, _wordpress(document, url)):
        if candidate and candidate != url and _same_host(candidate, url):
            return candidate
    return None


def is_numbered(url: str) -> bool:
    """Whether this is a page that WordPress numbers: beyond the last one it answers 404."""
    return _number(url) > 1


def proves_end(document: Document) -> bool:
    """Whether this page, reached by paging, is the last by its own word: it is part of a chain and names no more."""
    further = document.previous_archive or document.next_url
    return not further and (document.archive or bool(document.paged) or document.form == "json")


def _wordpress(document: Document, url: str) -> str:
    if "wordpress" not in document.generator.lower() and ".wordpress.com" not in url.lower():
        return ""
    parts = urlsplit(url)
    if "wordpress" not in document.generator.lower() and not (parts.hostname or "").endswith(".wordpress.com"):
        return ""
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "paged"]
    return parts._replace(query=urlencode([*query, ("paged", str(max(_number(url), 1) + 1))]), fragment="").geturl()


def _number(url: str) -> int:
    for name, value in parse_qsl(urlsplit(url).query):
        if name == "paged" and len(value) <= 6 and value.isascii() and value.isdigit():
            return int(value)
    return 0


def _same_host(one: str, other: str) -> bool:
    """Politeness is counted per host, so paging stays on it (``www.`` apart)."""
    try:
        first, second = urlsplit(one), urlsplit(other)
        return first.scheme in ("http", "https") and _bare(first.netloc) == _bare(second.netloc)
    except ValueError:
        return False


def _bare(netloc: str) -> str:
    return netloc.lower().removeprefix("www.")
