"""The public RSS feed of a profile: what is left where a server shows its API only to people who are logged in.

Assumes the feeds of Mastodon (``/@user.rss``) and GoToSocial (``/@user/feed.rss``, where the owner allows it): newest
first, originals only (and replies to oneself, which the feed does not tell apart). Promises: the ids are the API's.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from app.domain.models import Failure, Kind, OutcomeName, Page, SeenPost
from app.platforms.answers import failure_of, is_html, not_wanted
from app.platforms.base import Request, Response
from app.platforms.feed.document import Document, Entry, NotReadable
from app.platforms.feed.xmlfeed import read_xml
from app.platforms.jsonapi import base_url, bounded_id, host_of, storable
from app.platforms.mastodon_names import permalink_base, user_of
from app.platforms.mastodon_shapes import link_to_store


def addresses(host: str, user: str) -> tuple[str, str]:
    """Where the feed may be, the likelier first."""
    return f"{base_url(host)}/@{user}.rss", f"{base_url(host)}/@{user}/feed.rss"


def request(url: str) -> Request:
    """One look at the feed."""
    return Request(url, conditional=True)


def read_rss(response: Response, host: str, handle: str) -> Page | Failure:
    """The posts of a feed; a failure where it is no feed or another's."""
    failure = failure_of(response)
    if failure is not None:
        return failure
    if is_html(response.body):
        return not_wanted(response, "feed")
    try:
        document = read_xml(response.body, response.headers.get("content-type", ""), response.url)
    except NotReadable as error:
        return Failure(OutcomeName.UNREADABLE, error.reason, error.detail)
    return _page(document, host, handle)


def _page(document: Document, host: str, handle: str) -> Page | Failure:
    """Every item must be this account's: its link names the user."""
    seen: dict[str, SeenPost] = {}
    for entry in document.entries:
        native_id = _id(entry, host, user_of(handle))
        if native_id is None:
            return Failure(OutcomeName.UNREADABLE, "another_account", "the feed shows posts of another account")
        posted_at, note = entry.date
        url = link_to_store(entry.link, native_id, permalink_base(handle, host))
        seen.setdefault(native_id, SeenPost(native_id, Kind.ORIGINAL, posted_at, url, note))
    return Page(posts=tuple(seen.values()), kinds=Kind.ORIGINAL, ordered=True)


def _id(entry: Entry, host: str, user: str) -> str | None:
    link = entry.link or entry.id
    words = urlsplit(link).path.strip("/").split("/") if host_of(link) == host else []
    owner = words[1] if len(words) > 2 and words[0] == "users" else words[0].removeprefix("@") if words else ""
    if owner.lower() != user.lower() or len(words) < 2 or not storable(words[-1]):
        return None
    return bounded_id(words[-1])
