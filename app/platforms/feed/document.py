"""What a feed says, whatever it is written in.

Assumes nothing. Promises: plain values; texts are stripped but otherwise as the feed has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.platforms.dates import Dated

#: More items than this in one document are not a feed page but a flood; the newest are kept (``items.posts_of``).
MOST_ITEMS = 2_000
#: Above this nothing is read at all.
FLOOD = 20_000


@dataclass(slots=True)
class Entry:
    """One item before it has a name. Empty strings where the feed says nothing."""

    id: str
    link: str
    date: Dated
    title: str = ""
    body: str = ""
    """As ``title``: collected only on a second reading, to name what has neither id nor link; never stored."""
    date_text: str = ""


@dataclass(slots=True)
class Document:
    """One feed document. URLs are absolute where the feed gave enough to make them so."""

    form: str
    """``rss``, ``rdf``, ``atom`` or ``json``."""
    entries: list[Entry] = field(default_factory=list)
    id: str = ""
    title: str = ""
    site: str = ""
    self_url: str = ""
    generator: str = ""
    next_url: str = ""
    previous_archive: str = ""
    complete: bool = False
    """The document says that it holds every post there is (RFC 5005, ``fh:complete``)."""
    archive: bool = False
    paged: str = ""
    """Set where the page names its neighbours or its chain (first, last, previous, next-archive, current)."""
    hub: str = ""
    ttl: str = ""
    update_period: str = ""
    update_frequency: str = ""
    expired: bool = False
    """A JSON Feed that will never change again."""


class NotReadable(Exception):
    """This answer is no feed that can be read with certainty; ``reason`` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
