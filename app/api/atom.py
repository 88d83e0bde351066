"""Events as an Atom feed (RFC 4287), for people with a feed reader.

May assume events whose data are objects. Promises: ids are stable and absolute, entries carry every element that the
format demands, and no text of a source can break out of it or make it unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from app.domain.events import EventType
from app.storage.event_log import Event

MEDIA_TYPE = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
#: What XML 1.0 cannot hold in any form.
_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Of a feed without entries: it must not seem to change with every reading.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
TITLES: Mapping[EventType, str] = {
    EventType.QUIET: "{} has gone quiet",
    EventType.RESUMED: "{} posts again",
    EventType.LATE: "{} is late",
    EventType.REMINDER: "{} is still quiet",
    EventType.UNOBSERVABLE: "{} cannot be seen",
    EventType.OBSERVABLE: "{} can be seen again",
    EventType.MOVED: "{} has moved",
    EventType.RENAMED: "{} has another name",
    EventType.REVISED: "What was told about {} is revised",
    EventType.DEGRADED: "{} cannot be watched",
    EventType.RECOVERED: "{} can be watched again",
    EventType.ENDPOINT_DISABLED: "An endpoint was disabled",
    EventType.ENDPOINT_TEST: "A test of an endpoint",
}


def feed(events: Sequence[Event], *, identity: str, address: str, base: str) -> bytes:
    """The document. ``identity`` is the feed's id, ``address`` its own link, ``base`` stands before our own paths."""
    root = ElementTree.Element("feed", {"xmlns": _NAMESPACE})
    _text(root, "id", identity)
    _text(root, "title", "Quietwatch")
    _text(root, "updated", instant(max((event.recorded_at for event in events), default=_NEVER)))
    _text(_child(root, "author"), "name", "Quietwatch")
    _child(root, "link", rel="self", type=MEDIA_TYPE, href=address)
    for event in events:
        _entry(root, event, base)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _entry(root: ElementTree.Element, event: Event, base: str) -> None:
    data = event.data
    account = _part(data, "account")
    entry = _child(root, "entry")
    _text(entry, "id", f"urn:quietwatch:event:{event.public_id}")
    _text(entry, "title", title(event.type, data))
    _text(entry, "published", instant(event.occurred_at))
    _text(entry, "updated", instant(event.recorded_at))
    _child(entry, "category", term=event.type)
    if account.get("id"):
        _child(entry, "link", rel="alternate", type="text/html", href=f"{base}/accounts/{account['id']}")
    if link := _part(data, "last_post").get("url"):
        _child(entry, "link", rel="related", href=str(link))
    _text(entry, "content", summary(event, data)).set("type", "text")


def title(type_: str, data: Mapping[str, Any]) -> str:
    """Who or what, and what became of it."""
    account, source = _part(data, "account"), _part(data, "source")
    who = account.get("subject") or account.get("handle") or source.get("name") or "The network"
    platform = f" ({account['platform']})" if account.get("platform") else ""
    known = TITLES.get(EventType(type_)) if type_ in set(EventType) else None
    return (known or type_).format(f"{who}{platform}")


def summary(event: Event, data: Mapping[str, Any]) -> str:
    """What happened, when it became true, and since when it is silent, as far as the event says."""
    said = [f"{title(event.type, data)}: {instant(event.occurred_at)}."]
    since = _part(data, "streak").get("since")
    if since and data.get("state") == "quiet":
        said.append(f"Silent since {since}.")
    if reason := data.get("reason"):
        said.append(f"Reason: {reason}.")
    return " ".join(said)


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, with ``Z``."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _child(parent: ElementTree.Element, name: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, name, {key: _clean(value) for key, value in attributes.items()})


def _text(parent: ElementTree.Element, name: str, value: str) -> ElementTree.Element:
    made = _child(parent, name)
    made.text = _clean(value)
    return made


def _clean(value: str) -> str:
    return _REFUSED.sub("\ufffd", value)
