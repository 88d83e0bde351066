"""JSON Feed 1.0 and 1.1.

Assumes a body that begins like JSON. Promises: strict JSON (no NaN, one document, bounded depth); of two equal keys
the last holds; a field of the wrong type counts as absent; numbers serve as ids.
"""

from __future__ import annotations

import msgspec

from app.domain.models import DateNote
from app.platforms.dates import Dated, read_date, read_epoch
from app.platforms.feed import charset
from app.platforms.feed.addresses import join
from app.platforms.feed.document import FLOOD, Document, Entry, NotReadable

_VERSION = "jsonfeed.org/version/"
_LOGIN_WORDS = ("auth", "login", "log in", "sign in", "token", "session", "permission", "forbidden", "denied")


class _Item(msgspec.Struct):
    id: object = None
    url: object = None
    external_url: object = None
    title: object = None
    content_text: object = None
    content_html: object = None
    date_published: object = None
    date_modified: object = None


class _Feed(msgspec.Struct):
    version: object = None
    title: object = None
    home_page_url: object = None
    feed_url: object = None
    next_url: object = None
    expired: object = None
    hubs: object = None
    items: list[msgspec.Raw] | None = None
    error: object = None
    errors: object = None
    message: object = None


_FEED = msgspec.json.Decoder(_Feed)
_ITEM = msgspec.json.Decoder(_Item)


def looks_like_json(body: bytes) -> bool:
    """Whether the first character can only be JSON's."""
    return body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def read_json(body: bytes, content_type: str, url: str) -> Document:
    """The feed in these bytes. Raises NotReadable."""
    if not charset.is_utf8(body, content_type):
        body = charset.decode(body, content_type).encode("utf-8", "replace")
    feed = _decode(body.removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(feed.version, str) or _VERSION not in feed.version:
        raise _refusal(feed)
    if feed.items is None:
        raise NotReadable("not_a_feed", "a JSON Feed without items")
    if len(feed.items) > FLOOD:
        raise NotReadable("too_many_items", f"more than {FLOOD} items")
    entries = [_entry(raw, url) for raw in feed.items]
    return Document(
        "json",
        entries,
        title=_text(feed.title),
        site=_link(feed.home_page_url, url),
        self_url=_link(feed.feed_url, url),
        next_url=_link(feed.next_url, url),
        hub=_hub(feed.hubs, url),
        expired=feed.expired is True,
    )


def _decode(body: bytes) -> _Feed:
    try:
        return _FEED.decode(body)
    except msgspec.ValidationError as error:
        raise NotReadable("not_a_feed", f"JSON of another kind ({str(error)[:120]})") from None
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError) as error:
        raise NotReadable("not_json", f"not JSON: {str(error)[:120]}") from None


def _refusal(feed: _Feed) -> NotReadable:
    """JSON that is no feed: an error message that asks for a login is told apart."""
    said = [_text(value) for value in (feed.error, feed.message) if isinstance(value, str)]
    if feed.error or feed.errors:
        if any(word in " ".join(said).lower() for word in _LOGIN_WORDS):
            return NotReadable("login_wall", "an error message that asks for a login")
        return NotReadable("error_message", "an error message instead of a feed")
    return NotReadable("not_a_feed", "JSON, but no JSON Feed (no version)")


def _entry(raw: msgspec.Raw, base: str) -> Entry:
    """One item; what is no object says nothing."""
    try:
        item = _ITEM.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
        return Entry("", "", (None, DateNote.MISSING))
    date, text = _date(item)
    return Entry(
        _name(item.id),
        _link(item.url, base) or _link(item.external_url, base),
        date,
        _text(item.title),
        _text(item.content_text) or _text(item.content_html),
        text,
    )


def _name(value: object) -> str:
    """Ids are strings; numbers are taken as they are written in decimal (``1.0`` and ``1`` are one id)."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else hex(value)
    return _text(value)


def _date(item: _Item) -> tuple[Dated, str]:
    """``date_published``, else ``date_modified``; RFC 3339, or seconds or milliseconds as some generators have it."""
    unread: Dated = (None, DateNote.MISSING)
    for value in (item.date_published, item.date_modified):
        if isinstance(value, str) and value.strip():
            found = read_date(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found = read_epoch(value)
        else:
            continue
        if found[0] is not None:
            return found, str(value)
        unread = found
    return unread, _text(item.date_published)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _link(value: object, base: str) -> str:
    text = _text(value)
    return join(base, text) if text else ""


def _hub(hubs: object, base: str) -> str:
    first = hubs[0] if isinstance(hubs, list) and hubs else None
    return _link(first.get("url"), base) if isinstance(first, dict) else ""
