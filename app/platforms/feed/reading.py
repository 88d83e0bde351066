"""From an answer to a Document, or to the failure that says why not.

Assumes a whole answer with status 200. Promises: the format is told by the content, never by Content-Type; a bridge's
error item, a login, a challenge, an error message and a web page are refusals, never posts.
"""

from __future__ import annotations

import re

from app.domain.models import Failure, OutcomeName
from app.platforms.answers import is_html, not_wanted
from app.platforms.base import Response
from app.platforms.feed.document import Document, NotReadable
from app.platforms.feed.items import needs_texts
from app.platforms.feed.jsonfeed import looks_like_json, read_json
from app.platforms.feed.xmlfeed import read_xml
from app.platforms.html import has_password_field

_BRIDGE_ERROR = re.compile(r"Bridge returned error\b", re.IGNORECASE)
_NOT_MARKUP = ("not_xml", "ill_formed", "html_page", "truncated")


def read_document(response: Response) -> Document | Failure:
    """The feed in an answer. Items' texts are collected only where nothing else names the items."""
    for known, document in _last:
        if known is response:
            return document
    try:
        document = _read(response.body, response.headers.get("content-type", ""), response.url)
    except NotReadable as error:
        return _failure(error, response)
    failure = _bridge_error(document, response.url)
    if failure is None:
        _last[:] = [(response, document)]
    return failure or document


#: What was read last: a look and the question for an older page read the same answer, one right after the other.
_last: list[tuple[Response, Document]] = []


def _read(body: bytes, content_type: str, url: str) -> Document:
    if looks_like_json(body):
        return read_json(body, content_type, url)
    document = read_xml(body, content_type, url)
    if needs_texts(document) or _may_be_bridge(document, url):
        return read_xml(body, content_type, url, texts=True)
    return document


def _failure(error: NotReadable, response: Response) -> Failure:
    if error.reason == "login_wall":
        return Failure(OutcomeName.AUTH_REQUIRED, error.reason, error.detail)
    page = error.reason == "html_page" or (error.reason in _NOT_MARKUP and is_html(response.body))
    if not page and response.body.strip():
        return Failure(OutcomeName.UNREADABLE, error.reason, error.detail)
    told = not_wanted(response, "feed")
    if told.outcome is OutcomeName.REFUSED or not page:
        return told
    if has_password_field(response.body):
        return Failure(OutcomeName.REFUSED, "login_wall", "a page that asks for a password instead of a feed")
    return Failure(OutcomeName.UNREADABLE, "html_page", "a web page instead of a feed")


def _bridge_error(document: Document, url: str) -> Failure | None:
    """A bridge that failed says so in an item. A post of that title elsewhere, among others, stays a post."""
    if not _may_be_bridge(document, url):
        return None
    errors = [entry for entry in document.entries if _BRIDGE_ERROR.match(entry.title)]
    if errors and (_is_bridge(document, url) or len(errors) == len(document.entries)):
        return Failure(OutcomeName.REFUSED, "bridge_error", errors[0].title[:120])
    return None


def _is_bridge(document: Document, url: str) -> bool:
    return "rss-bridge" in document.generator.lower() or "bridge=" in url.lower()


def _may_be_bridge(document: Document, url: str) -> bool:
    """A failed bridge that does not give its name shows its error alone."""
    return len(document.entries) == 1 or _is_bridge(document, url)
