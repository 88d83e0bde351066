"""What a web page says in its links and forms.

Assumes any bytes. Promises: linear time; no script is run, nothing is fetched. The parser is shown nothing but the
``link`` and ``base`` tags of the first MiB: whole pages can be built so that any standard parser needs minutes.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

_READ = 1_048_576
_MOST_LINKS = 200
_TAG = re.compile(r"<(?:link|base)\s[^<>]{1,4000}>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<!--(?:[^-]|-(?!->))*+(?:-->|\Z)|<(script|style|template)\b(?:[^<]|<(?!/\1))*+(?:</\1|\Z)", re.IGNORECASE
)
_PASSWORD = re.compile(rb"<input\b[^<>]{0,500}?\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
_LINK = re.compile(r"<([^<>]{1,2000})>((?:\s*;\s*[\w*!-]+\s*(?:=\s*(?:\"[^\"]{0,500}\"|[^\s\",;]{0,500}))?){0,10})")
_PARAMETER = re.compile(r";\s*([\w*!-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]*))")


@dataclass(frozen=True, slots=True)
class Link:
    """One ``link``: what it is to the page, of what type, where, and its title. ``href`` is absolute."""

    rel: frozenset[str]
    type: str
    href: str
    title: str = ""


def page_links(body: bytes, url: str) -> list[Link]:
    """The ``link`` elements of a page in their order, resolved against its ``base``."""
    text = _HIDDEN.sub("", body[:_READ].decode("utf-8", "replace"))
    tags = [found[0] for found in itertools.islice(_TAG.finditer(text), _MOST_LINKS)]
    tree = LexborHTMLParser("<head>" + "".join(tags))
    base = tree.css_first("base[href]")
    root = _absolute(url, (base.attributes.get("href") or "") if base is not None else "")
    links: list[Link] = []
    for node in tree.css("link[href]"):
        said = node.attributes
        links.append(_link(said.get("rel") or "", said.get("type") or "", said.get("href") or "", said, root))
    return [link for link in links if link.href]


def header_links(header: str, url: str) -> list[Link]:
    """The links of an HTTP ``Link`` header (RFC 8288)."""
    links: list[Link] = []
    for found in list(_LINK.finditer(header[:20_000]))[:_MOST_LINKS]:
        said = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(found[2])}
        links.append(_link(said.get("rel", ""), said.get("type", ""), found[1], said, url))
    return [link for link in links if link.href]


def has_password_field(body: bytes) -> bool:
    """Whether the page asks for a password: where something else was asked for, this is a login wall."""
    return _PASSWORD.search(body[:_READ]) is not None


def _link(rel: str, kind: str, href: str, said: dict[str, str | None] | dict[str, str], base: str) -> Link:
    relations = frozenset(rel.lower().split())
    return Link(relations, kind.split(";")[0].strip().lower(), _absolute(base, href), (said.get("title") or "").strip())


def _absolute(base: str, href: str) -> str:
    """An http(s) address without fragment, or empty."""
    try:
        joined = urljoin(base, href.strip()).partition("#")[0]
        parts = urlsplit(joined)
    except ValueError:
        return ""
    return joined if parts.scheme in ("http", "https") and parts.hostname else ""
