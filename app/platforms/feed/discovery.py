"""From what a person pasted to a feed.

Assumes a conversation that sends answers. Promises: at most 12 requests; the address itself, then what the page names
(HTTP ``Link``, ``link rel=alternate``), then well-known places; comment feeds are skipped; the error lists every
attempt. Guesses are made here only, never on a poll.
"""

from __future__ import annotations

from collections.abc import Generator

from app.domain.models import Failure, Identity
from app.platforms.answers import failure_of
from app.platforms.base import Request, ResolveError, Response
from app.platforms.feed.addresses import address_of, canonical, guesses, host_of
from app.platforms.feed.document import Document
from app.platforms.feed.identity import memory_of
from app.platforms.feed.items import clean, posts_of
from app.platforms.feed.reading import read_document
from app.platforms.html import Link, header_links, page_links

ACCEPT = (
    (
        "Accept",
        "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, "
        "application/xml;q=0.9, */*;q=0.1",
    ),
)
_FEED_TYPES = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/x.atom+xml",
    "text/rss+xml",
)
_MOST_REQUESTS = 12
_LONGEST_NAME = 200


def resolve(text: str) -> Generator[Request, Response, Identity]:
    """The feed a person means. Raises ResolveError with what was tried."""
    start = address_of(text)
    response = yield Request(start, ACCEPT)
    found = _read(response)
    if isinstance(found, Document):
        return _identity(start, response, found)
    tried = [f"{start}: {found.detail}"]
    if response.status != 200:
        raise ResolveError(f"{start} cannot be read: {found.detail}", tried)
    for candidate in _candidates(response, start):
        answer = yield Request(candidate, ACCEPT)
        found = _read(answer)
        if isinstance(found, Document):
            return _identity(candidate, answer, found)
        tried.append(f"{candidate}: {found.detail}")
    raise ResolveError(f"no feed was found at {start}", tried)


def _read(response: Response) -> Document | Failure:
    return failure_of(response) or read_document(response)


def _candidates(response: Response, start: str) -> list[str]:
    """Addresses worth asking, each once, in the order of their promise."""
    links = header_links(response.headers.get("link", ""), response.url) + page_links(response.body, response.url)
    named = [link.href for link in links if _names_feed(link)]
    return [url for url in dict.fromkeys(named + guesses(response.url)) if url != start][: _MOST_REQUESTS - 1]


def _names_feed(link: Link) -> bool:
    if not link.rel & {"alternate", "feed"} or (link.type not in _FEED_TYPES and "feed" not in link.rel):
        return False
    return "comments" not in link.href.lower().rstrip("/").rsplit("/", 2)[-2:] and not _is_of_comments(link)


def _is_of_comments(link: Link) -> bool:
    title = link.title.lower()
    return title.endswith(("comments feed", "comments")) or "/comments/" in link.href.lower()


def _identity(asked: str, response: Response, document: Document) -> Identity:
    url = canonical(asked, response)
    site = document.site if document.site.startswith(("http://", "https://")) else url
    return Identity(
        platform="feed",
        native_id=url,
        handle=url,
        host=host_of(url),
        profile_url=site,
        display_name=clean(document.title)[:_LONGEST_NAME],
        memory=memory_of(document, posts_of(document)),
    )
