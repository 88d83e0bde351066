"""The bodies an origin serves: feeds in four formats and the Mastodon API's JSON.

Promises: pure; the same events give the same bytes (so that an ETag is a digest of the body).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

import msgspec

from app.demo.world import Event, Persona
from app.domain.models import Kind

_ATOM = "http://www.w3.org/2005/Atom"


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as platforms write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def rss(base: str, persona: Persona, events: Sequence[Event], older: str | None) -> bytes:
    """An RSS 2.0 document."""
    link = f"{base}/{persona.name}"
    items = "".join(
        f"<item><title>Post {e.native_id}</title><link>{link}/{e.native_id}</link>"
        f'<guid isPermaLink="false">{e.native_id}</guid>'
        f"<pubDate>{format_datetime(e.claimed_at, usegmt=True)}</pubDate></item>"
        for e in events
    )
    more = f'<atom:link rel="next" href={quoteattr(older)}/>' if older else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:atom="{_ATOM}"><channel>'
        f"<title>{escape(persona.name)}</title><link>{link}</link><description>Demonstration</description>"
        f"{more}{items}</channel></rss>\n"
    ).encode()


def atom(base: str, persona: Persona, events: Sequence[Event], older: str | None) -> bytes:
    """An Atom 1.0 document."""
    link = f"{base}/{persona.name}"
    entries = "".join(
        f"<entry><id>{e.native_id}</id><title>Post {e.native_id}</title><published>{stamp(e.claimed_at)}</published>"
        f'<updated>{stamp(e.claimed_at)}</updated><link href="{link}/{e.native_id}"/></entry>'
        for e in events
    )
    more = f'<link rel="next" href={quoteattr(older)}/>' if older else ""
    newest = stamp(max((e.claimed_at for e in events), default=datetime(2020, 1, 1, tzinfo=UTC)))
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="{_ATOM}"><id>{link}</id>'
        f"<title>{escape(persona.name)}</title><updated>{newest}</updated>{more}{entries}</feed>\n"
    ).encode()


def json_feed(base: str, persona: Persona, events: Sequence[Event], older: str | None) -> bytes:
    """A JSON Feed 1.1 document."""
    link = f"{base}/{persona.name}"
    document: dict[str, object] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": persona.name,
        "home_page_url": link,
        "items": [
            {"id": e.native_id, "url": f"{link}/{e.native_id}", "date_published": stamp(e.claimed_at)} for e in events
        ],
    }
    if older:
        document["next_url"] = older
    return msgspec.json.encode(document)


def statuses(base: str, account_id: str, persona: Persona, events: Sequence[Event], at: datetime) -> bytes:
    """The Mastodon list of statuses."""
    return msgspec.json.encode([_status(base, account_id, persona, e, at) for e in events])


def _status(base: str, account_id: str, persona: Persona, event: Event, at: datetime) -> dict[str, object]:
    handle = persona.handle(at)
    address = f"{base}/@{handle}/{event.native_id}"
    repost = event.kind is Kind.REPOST
    return {
        "id": event.native_id,
        "created_at": stamp(event.claimed_at),
        "in_reply_to_id": "1" if event.kind is Kind.REPLY else None,
        "in_reply_to_account_id": "1" if event.kind is Kind.REPLY else None,
        "visibility": "public",
        "uri": f"{base}/users/{handle}/statuses/{event.native_id}" + ("/activity" if repost else ""),
        "url": None if repost else address,
        "reblog": {"id": "1", "created_at": stamp(event.claimed_at), "account": {"id": "1"}} if repost else None,
        "quote": {"state": "accepted"} if event.kind is Kind.QUOTE else None,
        "account": {"id": account_id, "acct": handle, "username": handle},
        "media_attachments": [],
    }


def account(base: str, account_id: str, persona: Persona, at: datetime) -> dict[str, object]:
    """The Mastodon account object."""
    handle = persona.handle(at)
    newest = persona.recent(at, 1)
    return {
        "id": account_id,
        "username": handle,
        "acct": handle,
        "url": f"{base}/@{handle}",
        "uri": f"{base}/users/{persona.name}",
        "display_name": persona.name,
        "created_at": "2016-01-01T00:00:00.000Z",
        "statuses_count": persona.count(at),
        "last_status_at": newest[0].claimed_at.date().isoformat() if newest else None,
        "locked": False,
        "bot": False,
    }
