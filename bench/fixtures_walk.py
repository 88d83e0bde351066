"""A plain walk over recorded answers: what must come out, read without the platforms' code.

Written from the documentation of the formats alone, with dictionaries and the standard library.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.domain.models import Kind

_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """One posting event."""

    native_id: str
    kind: Kind
    at: datetime | None
    link: str | None


def bluesky_walk(body: Any, did: str) -> list[Seen] | None:
    """The events of an author feed; None where an item is not this account's."""
    found: dict[str, Seen] = {}
    for item in body["feed"]:
        post, reason = item["post"], item.get("reason") or {}
        kind_of_item = reason.get("$type", "").rpartition("#")[2]
        if kind_of_item == "reasonPin":
            continue
        seen = _bluesky_repost(post, reason) if kind_of_item == "reasonRepost" else _bluesky_post(post)
        actor = reason["by"]["did"] if kind_of_item == "reasonRepost" else post["author"]["did"]
        if actor != did:
            return None
        found.setdefault(seen.native_id, seen)
    return list(found.values())


def _bluesky_repost(post: Any, reason: Any) -> Seen:
    if "uri" in reason:
        native_id = "r/" + reason["uri"].split("/")[-1]
    else:
        native_id = "r#" + hashlib.sha256(post["uri"].encode()).hexdigest()[:24]
    return Seen(native_id, Kind.REPOST, _date(reason["indexedAt"]), _bluesky_link(post["uri"]))


def _bluesky_post(post: Any) -> Seen:
    record = post["record"]
    embed = record.get("embed") or {}
    inner = embed.get("record", {})
    if embed.get("$type") == "app.bsky.embed.recordWithMedia":
        inner = inner["record"]
    quotes = embed.get("$type") in ("app.bsky.embed.record", "app.bsky.embed.recordWithMedia")
    kind = Kind.ORIGINAL
    if "reply" in record:
        kind = Kind.REPLY
    elif quotes and "/app.bsky.feed.post/" in inner["uri"]:
        kind = Kind.QUOTE
    dates = [d for d in (_date(record["createdAt"]), _date(post["indexedAt"])) if d is not None]
    return Seen(post["uri"].split("/")[-1], kind, min(dates, default=None), _bluesky_link(post["uri"]))


def _bluesky_link(uri: str) -> str:
    return "https://bsky.app/profile/{}/post/{}".format(*re.findall(r"at://([^/]+)/[^/]+/(.+)", uri)[0])


def owner_of_feed(body: Any) -> str:
    """Whose feed it is: the reposter, or the author of most."""
    counts: Counter[str] = Counter()
    for item in body["feed"]:
        reason = item.get("reason") or {}
        counts[reason["by"]["did"] if "by" in reason else item["post"]["author"]["did"]] += 1
    return counts.most_common(1)[0][0]


def mastodon_status(status: Any, host: str) -> Seen:
    """One status of an account at its home server."""
    kind = Kind.ORIGINAL
    if status["reblog"] is not None:
        kind = Kind.REPOST
    elif status["in_reply_to_id"] is not None or status["in_reply_to_account_id"] is not None:
        kind = Kind.REPLY
    elif status.get("quote") is not None:
        kind = Kind.QUOTE
    scheme = "http" if host.startswith("localhost") else "https"
    derived = f"{scheme}://{host}/@{status['account']['username']}/{status['id']}"
    link = derived if kind is Kind.REPOST or not status.get("url") else status["url"]
    return Seen(str(status["id"]), kind, _date(status["created_at"]), link)


def mastodon_counter(account: Any) -> int:
    """The count of statuses above 34 bits of the last one's day."""
    last = _date(account["last_status_at"]) if account["last_status_at"] else None
    return int(account["statuses_count"]) * 2**34 + (int(last.timestamp()) if last else 0)


def restored(items: list[Any]) -> list[Any]:
    """Well-formed names for the placeholders of the network's own test results (``user(0)``, ``record(3)``)."""
    text = json.dumps(items)
    for item in items:
        post, reason = item["post"], item.get("reason") or {}
        text = _rename(text, post["uri"], f"at://{post['author']['did']}/app.bsky.feed.post/")
        if "uri" in reason:
            text = _rename(text, reason["uri"], f"at://{reason['by']['did']}/app.bsky.feed.repost/")
    text = re.sub(r"record\((\d+)\)", r"at://did:plc:unknown/app.bsky.feed.post/record\1", text)
    return list(json.loads(re.sub(r"user\((\d+)\)", lambda m: "did:plc:" + chr(97 + int(m[1])) * 24, text)))


def _rename(text: str, placeholder: str, prefix: str) -> str:
    return text.replace(f'"{placeholder}"', f'"{prefix}{re.sub("[()]", "", placeholder)}"')


def _date(text: str) -> datetime | None:
    date = datetime.fromisoformat(text.replace("Z", "+00:00"))
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return date if date >= _EARLIEST else None
