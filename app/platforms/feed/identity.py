"""Whether this is still the feed of the account that is watched.

Assumes what the last good page left in memory. Promises: a deliberately narrow rule, because honest feeds change their
ids, addresses and sites. A page belongs to another account only if

- everything it says about itself (feed id, own address, site) that was also said before is different, and
- it shows none of the posts that the last good page showed; where no post was known, at least two of the marks differ.

A feed that really changes all of this at once stays unreadable until a person adds its address again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zlib import crc32

from app.domain.models import SeenPost
from app.platforms.feed.cadence import own_wish
from app.platforms.feed.document import Document

_REMEMBERED = 20
_LONGEST = 200
_LAST = datetime.max.replace(tzinfo=UTC)


def marks_of(document: Document) -> dict[str, str]:
    """What the feed says about itself, without what changes for no reason (scheme, ``www.``, a last slash)."""
    said = {"id": document.id, "self": document.self_url, "site": document.site}
    return {name: _plain(text) for name, text in said.items() if text}


def memory_of(document: Document, posts: Sequence[SeenPost]) -> dict[str, object]:
    """What to know at the next look: marks, checksums of the newest posts' ids (sorted), the hub, the pace
    it asks for, what the feed is."""
    known = sorted(map(_checksum, _newest(posts)))
    memory: dict[str, object] = {"marks": marks_of(document), "known": known}
    if document.hub:
        memory["hub"] = document.hub[:_LONGEST]
        memory["topic"] = document.self_url[:_LONGEST]
    if wish := int(own_wish(document).total_seconds()):
        memory["least_seconds"] = wish
    if document.expired:
        memory["expired"] = True
    if leaves_out_replies(document):
        memory["originals_only"] = True
    return memory


def leaves_out_replies(document: Document) -> bool:
    """Mastodon's own feeds show neither replies to others nor boosts."""
    return document.generator.startswith("Mastodon")


def is_another(document: Document, posts: Sequence[SeenPost], memory: Mapping[str, object]) -> bool:
    """Whether the page belongs to another account than the memory."""
    before = memory.get("marks")
    if not isinstance(before, dict):
        return False
    now = marks_of(document)
    both = before.keys() & now.keys()
    if not both or any(before[name] == now[name] for name in both):
        return False
    known = memory.get("known")
    if not isinstance(known, list) or not known:
        return len(both) >= 2
    remembered = frozenset(known)
    return not any(_checksum(post) in remembered for post in posts)


def _newest(posts: Sequence[SeenPost]) -> Sequence[SeenPost]:
    """The newest posts whatever the order of the page; those without a date count as newest."""
    if len(posts) <= _REMEMBERED:
        return posts
    return sorted(posts, key=lambda post: (post.posted_at or _LAST, post.native_id))[-_REMEMBERED:]


def _checksum(post: SeenPost) -> int:
    return crc32(post.native_id.encode("utf-8", "replace"))


def _plain(text: str) -> str:
    """One spelling for an address that is written in several ways."""
    for prefix in ("https://", "http://"):
        if text.startswith(prefix):
            host, slash, rest = text.removeprefix(prefix).partition("/")
            text = host.lower().removeprefix("www.") + slash + rest
            break
    return text.rstrip("/")[:_LONGEST]
