"""The platform ``feed``: anything on the web that publishes RSS, RDF, Atom or JSON Feed.

Assumes the contracts of ``app.platforms.base``. Promises: an account is the feed's address after permanent redirects;
every item is an original post, because feeds do not say which of their items answer or repeat somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import timedelta

from app.domain.models import DEFAULT_KINDS, Failure, Identity, Kind, Look, OutcomeName, Page, SeenPost, Unchanged
from app.platforms.answers import failure_of
from app.platforms.base import About, Conversation, CounterLook, Request, Response, Target
from app.platforms.feed import addresses, discovery, identity, items, paging
from app.platforms.feed.cadence import least_interval, own_wish, remembered_wish
from app.platforms.feed.document import Document
from app.platforms.feed.reading import read_document

_ORIGINALS_ONLY = re.compile(
    r"https?://[^/]+/(?:@|users/)[\w.\-]+(?:/tagged/[^/]+)?\.rss|https?://bsky\.app/profile/[^/]+/rss", re.IGNORECASE
)
_ABOUT = About(
    name="feed",
    title="Feeds (RSS, Atom, JSON Feed)",
    sees="every item that the feed publishes: its id, date and link",
    cannot_see="items that left the window between two looks, deleted items, which items are replies or reposts",
    needs="nothing but the address of a feed or of a page that names one",
    history="as far as the feed can be paged (RFC 5005, WordPress, JSON Feed), else what the window shows",
    batch="none",
    limits="one request per second and host; max-age, Expires, ttl and the syndication period are obeyed",
    terms="feeds are published to be read by programs",
)


class FeedPlatform:
    """Stateless; see ``app.platforms.base.Platform`` for what each method owes."""

    name = "feed"
    about = _ABOUT
    margin = timedelta(minutes=15)
    counted_kinds = Kind(0)
    batch_size = 0
    spacing = timedelta(seconds=1)

    def recognises(self, text: str) -> bool:
        """Any web address, a bare domain, or ``feed:`` before an address; to be asked last."""
        return addresses.is_address(text)

    def resolve(self, text: str) -> Generator[Request, Response, Identity]:
        """The feed at an address, or the first that the page there names. A bare domain means https."""
        return discovery.resolve(text)

    def look(self, target: Target) -> Conversation:
        """One conditional request for the feed."""
        response = yield Request(target.native_id, discovery.ACCEPT, conditional=True)
        failure = failure_of(response)
        if failure is not None:
            return failure
        if response.status == 304:
            pause = least_interval(response.headers, response.requested_at, remembered_wish(target.memory))
            return Unchanged(_kinds(target), least_interval=pause)
        return _page(target, response)

    def older(self, target: Target, page: Page, response: Response) -> Request | None:
        """The page before this one, where the feed or its software names it and it lies on the same host."""
        if not page.posts:
            return None
        document = read_document(response)
        url = paging.older_url(document, response.url) if isinstance(document, Document) else None
        return None if url is None else Request(url, discovery.ACCEPT, cost="paging")

    def read(self, target: Target, response: Response) -> Look:
        """An older page. WordPress answers 404 beyond its last page: an empty page, and no proof of completeness."""
        failure = failure_of(response)
        if failure is not None:
            if response.status == 404 and paging.is_numbered(response.url):
                return Page((), _kinds(target))
            return failure
        return _page(target, response, further=True)

    def count(self, targets: Sequence[Target]) -> Request:
        """Never asked: ``batch_size`` is 0. Raises LookupError."""
        raise LookupError("feeds have no batch counter")

    def read_count(self, targets: Sequence[Target], response: Response) -> Mapping[int, CounterLook]:
        """Never asked, as ``count``. Raises LookupError."""
        raise LookupError("feeds have no batch counter")

    def least_new(self, before: int, after: int) -> int:
        """Nothing: there is no counter."""
        return 0

    def post_url(self, native_id: str, handle: str, account_native_id: str) -> str | None:
        """The id itself where it is an address; a video's page for YouTube's ids."""
        return items.post_url(native_id)


def _page(target: Target, response: Response, *, further: bool = False) -> Page | Failure:
    document = read_document(response)
    if isinstance(document, Failure):
        return document
    posts = items.posts_of(document)
    if identity.is_another(document, posts, target.memory):
        said = document.id or document.self_url or document.site
        return Failure(OutcomeName.UNREADABLE, "another_account", f"the address now shows another feed ({said[:120]})")
    if document.entries and not posts:
        return Failure(OutcomeName.UNREADABLE, "nameless_items", "items that say nothing by which to tell them apart")
    if further:
        return Page(posts, _kinds(target, document), complete=paging.proves_end(document))
    if not posts and target.has_posts:
        return Failure(OutcomeName.UNREADABLE, "empty_after_posts", "no items, where there were some before")
    return Page(
        posts,
        _kinds(target, document),
        complete=document.complete or not posts,
        least_interval=least_interval(response.headers, response.requested_at, own_wish(document)),
        memory=_memory(target, document, posts),
    )


def _memory(target: Target, document: Document, posts: Sequence[SeenPost]) -> dict[str, object] | None:
    """What changed; None keeps what is stored."""
    memory = identity.memory_of(document, posts)
    return None if memory == target.memory else memory


def _kinds(target: Target, document: Document | None = None) -> Kind:
    """A site's own feed shows all it publishes; the feeds of Mastodon and Bluesky leave replies and reposts out."""
    narrow = _is_narrow(target.native_id) or target.memory.get("originals_only") is True
    if narrow or (document is not None and identity.leaves_out_replies(document)):
        return Kind.ORIGINAL
    return DEFAULT_KINDS


def _is_narrow(url: str) -> bool:
    # The pattern costs more than all else here, and all that it matches ends alike.
    return url[-3:].lower() == "rss" and _ORIGINALS_ONLY.fullmatch(url) is not None


FEED = FeedPlatform()
