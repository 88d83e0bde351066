"""Reading app.bsky.feed.getAuthorFeed: which items are posting events of this account, of what kind, and when.

Assumes the order of the AppView: newest ``sortAt`` first, where sortAt = min(createdAt, indexedAt). Promises: what an
account's owner may write into a record (any JSON at all) cannot make a page unreadable.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.domain.models import DEFAULT_KINDS, DateNote, Failure, Kind, OutcomeName, Page, SeenPost
from app.platforms.base import Response
from app.platforms.bluesky_names import POST, is_handle, post_url, record_of, repost_id
from app.platforms.jsonapi import bounded_id, moment, read_json

_NULL = msgspec.Raw(b"null")


class Label(msgspec.Struct):
    """What somebody says about an account or a post."""

    val: str = ""
    src: str = ""


class Actor(msgspec.Struct):
    """The author of a post or repost."""

    did: str
    handle: str = ""
    labels: list[Label] = []


class Record(msgspec.Struct, rename="camel"):
    """The owner's own words: nothing about their types is certain."""

    created_at: msgspec.Raw = _NULL
    reply: msgspec.Raw = _NULL
    embed: msgspec.Raw = _NULL


class PostView(msgspec.Struct, rename="camel"):
    """A post as the AppView shows it."""

    uri: str
    author: Actor
    record: Record
    indexed_at: str = ""


class Reason(msgspec.Struct, rename="camel"):
    """Why an item stands in the feed, if not as a plain post."""

    type: str = msgspec.field(name="$type", default="")
    by: Actor | None = None
    uri: str | None = None
    indexed_at: str = ""


class Item(msgspec.Struct):
    """One line of a feed."""

    post: PostView
    reason: Reason | None = None


class Feed(msgspec.Struct):
    """One page of a feed; without a cursor it is the last."""

    feed: list[Item]
    cursor: str | None = None


_FEED = msgspec.json.Decoder(Feed)
_ANY = msgspec.json.Decoder()


def read_feed(response: Response) -> Feed | Failure:
    """One page, unread."""
    return read_json(_FEED, response)


def page_of(feed: Feed, did: str) -> Page | Failure:
    """The account's posting events on one page; a failure where the page shows another account's.

    A pinned post (never asked for) stands outside the order and is left out: it has its place further down.
    """
    seen: dict[str, SeenPost] = {}
    for item in feed.feed:
        if item.reason is not None and item.reason.type.endswith("#reasonPin"):
            continue
        post = _event(item, did)
        if isinstance(post, Failure):
            return post
        seen.setdefault(post.native_id, post)
    return Page(
        posts=tuple(seen.values()),
        kinds=DEFAULT_KINDS,
        complete=not feed.cursor,
        ordered=True,
        handle=_handle(feed, did),
    )


def hidden_from_strangers(feed: Feed, did: str) -> bool | None:
    """Whether the owner asks apps not to show the posts to people who are not logged in; None where unknown."""
    for item in feed.feed:
        if item.post.author.did == did:
            return hides(item.post.author.labels, did)
    return None


def hides(labels: list[Label], did: str) -> bool:
    """Whether the owner labelled the profile ``!no-unauthenticated``."""
    return any(label.val == "!no-unauthenticated" and label.src in (did, "") for label in labels)


def _event(item: Item, did: str) -> SeenPost | Failure:
    named = record_of(item.post.uri, POST)
    if named is None:
        return Failure(OutcomeName.UNREADABLE, "wrong_shape", "an item of the feed is no post")
    reason = item.reason
    if reason is not None and reason.type.endswith("#reasonRepost"):
        if reason.by is None or reason.by.did != did:
            return _another_account()
        return _repost(item.post, reason, named)
    if item.post.author.did != did or named[0] != did:
        return _another_account()
    posted_at, note = post_time(item.post)
    return SeenPost(bounded_id(named[1]), _kind(item.post.record), posted_at, note=note)


def _repost(post: PostView, reason: Reason, named: tuple[str, str]) -> SeenPost:
    """The event is the repost, not what is reposted: its time is the reason's, its link leads to the original."""
    posted_at, note = moment(reason.indexed_at)
    url = post_url(named[1], named[0])
    return SeenPost(repost_id(reason.uri, post.uri), Kind.REPOST, posted_at, url=url, note=note)


def post_time(post: PostView) -> tuple[datetime | None, DateNote]:
    """min(createdAt, indexedAt), the network's own rule; the readable one where only one is.

    createdAt is whatever the client wrote: years back for imports, years ahead, or no date. indexedAt bounds it.
    """
    created, note = moment(_value(post.record.created_at))
    indexed, _ = moment(post.indexed_at)
    if created is None:
        return indexed, note if indexed is None else DateNote.NONE
    return (created, note) if indexed is None or created <= indexed else (indexed, DateNote.NONE)


def _kind(record: Record) -> Kind:
    if bytes(record.reply).strip() != b"null":
        return Kind.REPLY
    return Kind.QUOTE if _quotes(record.embed) else Kind.ORIGINAL


def _quotes(embed: msgspec.Raw) -> bool:
    """Whether a post is embedded: a feed, list or starter pack is embedded in the same way and is no quote."""
    if b"app.bsky.embed.record" not in bytes(embed):
        return False
    value = _value(embed)
    inner = value.get("record") if isinstance(value, dict) else None
    if isinstance(value, dict) and value.get("$type") == "app.bsky.embed.recordWithMedia":
        inner = inner.get("record") if isinstance(inner, dict) else None
    uri = inner.get("uri") if isinstance(inner, dict) else None
    return isinstance(uri, str) and f"/{POST}/" in uri


def _value(raw: msgspec.Raw) -> object:
    try:
        return _ANY.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return None


def _handle(feed: Feed, did: str) -> str | None:
    """As the newest item has it: its reposter's, else its author's."""
    for item in feed.feed[:1]:
        by = item.reason.by if item.reason is not None else None
        actor = by or item.post.author
        return known_handle(actor.handle) if actor.did == did else None
    return None


def known_handle(handle: str) -> str | None:
    """The handle, None where the AppView says that it no longer verifies."""
    return handle.lower() if is_handle(handle) and handle.lower() != "handle.invalid" else None


def _another_account() -> Failure:
    return Failure(OutcomeName.UNREADABLE, "another_account", "the page shows posts of another account")
