"""From the items of a feed to posts with stable names.

Assumes a Document. Promises: the same set of items gives the same set of posts in any order and any multiplicity; a
name is never empty, at most 512 characters, and can be stored by PostgreSQL.

The name of an item is its id, else its link, else a hash of title (without one: body) and date. Where most of the
items share their ids (feeds whose ids name the site, not the post) the next rule is taken for the whole page.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

from app.domain.models import Kind, SeenPost
from app.platforms.feed.document import MOST_ITEMS, Document, Entry

_LONGEST_NAME = 512
_LONGEST_URL = 2_000
_WEB = ("http://", "https://")
_YOUTUBE = "yt:video:"
_ORIGINAL = Kind.ORIGINAL
_LAST = datetime.max.replace(tzinfo=UTC)


def post_url(native_id: str) -> str | None:
    """The permalink that follows from an id: the id itself where it is an address, YouTube's from a video's id."""
    if native_id.startswith(_WEB):
        return native_id
    if native_id.startswith(_YOUTUBE):
        return f"https://www.youtube.com/watch?v={native_id.removeprefix(_YOUTUBE)}"
    return None


def posts_of(document: Document) -> tuple[SeenPost, ...]:
    """The posts of a page, each once; the newest 2,000 where there are more (undated ones count as newest)."""
    posts: dict[str, SeenPost] = {}
    for name, entry in _named(document.entries):
        post = _post(name, entry)
        other = posts.get(post.native_id)
        posts[post.native_id] = post if other is None else min(post, other, key=_rank)
    if len(posts) <= MOST_ITEMS:
        return tuple(posts.values())
    newest_first = sorted(posts.values(), key=lambda post: (post.posted_at or _LAST, post.native_id), reverse=True)
    return tuple(newest_first[:MOST_ITEMS])


def needs_texts(document: Document) -> bool:
    """Whether items can only be told apart by their titles or bodies."""
    names = {entry.id or entry.link for entry in document.entries}
    return "" in names or 2 * len(names) <= len(document.entries)


def clean(text: str) -> str:
    """Trimmed, without NUL and lone surrogates; longer than 512 characters: its hash."""
    if not text.isprintable():
        text = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    text = text.strip()
    return text if len(text) <= _LONGEST_NAME else _hash(text)


def _named(entries: list[Entry]) -> list[tuple[str, Entry]]:
    """Every entry with its name. Entries that say nothing at all are left out: they are no evidence of a post."""
    named: list[tuple[str, Entry]] = []
    for rule in _RULES:
        named = [(name, entry) for entry in entries if (name := rule(entry))]
        names = len({name for name, _ in named})
        if 2 * names > len(named) or 2 * names > _distinct(entries):
            return named
    return named


def _distinct(entries: list[Entry]) -> int:
    """How many different things the items point at. A new date alone is the same post, dated anew."""
    return len({(entry.link, entry.title, entry.body) for entry in entries})


def _by_id(entry: Entry) -> str:
    return clean(entry.id) or _by_link(entry)


def _by_link(entry: Entry) -> str:
    return clean(entry.link) or _by_text(entry)


def _by_text(entry: Entry) -> str:
    text = entry.title or entry.body
    if text or entry.date_text:
        return _hash(f"{text}\n{entry.date_text}")
    return clean(entry.id or entry.link)


_RULES: tuple[Callable[[Entry], str], ...] = (_by_id, _by_link, _by_text)


def _post(name: str, entry: Entry) -> SeenPost:
    link = entry.link
    url = link if link.startswith(_WEB) and len(link) <= _LONGEST_URL and link.isprintable() else None
    if url is not None and url == post_url(name):
        url = None
    posted_at, note = entry.date
    return SeenPost(name, _ORIGINAL, posted_at, url, note, clean(link) or None)


def _rank(post: SeenPost) -> tuple[bool, datetime, str, str, int]:
    """Of two items with one name the earlier dated is the post; the rest only makes the choice the same every time."""
    return (post.posted_at is None, post.posted_at or _LAST, post.url or "", post.alias or "", post.note)


def _hash(text: str) -> str:
    return "sha256:" + sha256(text.encode("utf-8", "replace")).hexdigest()
