"""Names on Bluesky: DIDs, handles, at:// URIs and links to profiles, and the ids of posting events made of them.

Assumes nothing about what a person pasted. Promises: whatever comes out is well-formed and safe inside a URL.
Syntax: atproto.com/specs, DID, handle, record-key and at-uri.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit

from app.platforms.jsonapi import bounded_id

POST = "app.bsky.feed.post"
REPOST = "app.bsky.feed.repost"
#: No record key may hold a slash or a number sign: no post can pose as a repost.
_REPOST_MARK, _NAMELESS_REPOST_MARK = "r/", "r#"
_APP_HOSTS = ("bsky.app", "www.bsky.app", "staging.bsky.app", "main.bsky.dev")
_DID = re.compile(r"did:plc:[a-z2-7]{24}|did:web:[a-z0-9.-]{3,253}(?:%3a[0-9]{1,5})?", re.IGNORECASE)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?", re.IGNORECASE)
_RECORD_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")


def is_did(text: str) -> bool:
    """Whether this is a DID of a method that the network knows (plc, web)."""
    return len(text) <= 300 and _DID.fullmatch(text) is not None


def is_handle(text: str) -> bool:
    """Whether this can be a handle: a domain name whose last label does not begin with a digit."""
    return len(text) <= 253 and _HANDLE.fullmatch(text) is not None


def actor_of(text: str) -> str | None:
    """The DID or handle (lower case) within what a person pasted; None where it cannot be Bluesky's.

    A bare domain is taken for a handle only under bsky.social: other bare domains may as well be web sites. With an
    ``@`` in front every domain is one.
    """
    text = text.strip().strip("\u200e\u200f\u202a\u202c\u2068\u2069")  # marks that copying out of the app leaves
    if text.lower().startswith("at://"):
        return _actor(text[5:].split("/", 1)[0])
    if "://" in text:
        return _actor_of_url(text)
    if text.startswith("@") or text.lower().endswith(".bsky.social"):
        return _actor(text.removeprefix("@"))
    return text if is_did(text) else None


def _actor_of_url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https"):
        return None
    if host.endswith(".bsky.social"):  # a handle's own address leads to its profile
        return _actor(host)
    words = unquote(parts.path).strip("/").split("/")
    return _actor(words[1].removeprefix("@")) if host in _APP_HOSTS and words[0] == "profile" and words[1:] else None


def _actor(text: str) -> str | None:
    if is_did(text):
        return text
    return text.lower() if is_handle(text) else None


def record_of(uri: str, collection: str) -> tuple[str, str] | None:
    """(DID, record key) of an at:// URI of this collection; None for anything else."""
    words = uri.split("/")
    if len(words) != 5 or words[:2] != ["at:", ""] or words[3] != collection:
        return None
    if not words[2].startswith("did:") or not _RECORD_KEY.fullmatch(words[4]):
        return None
    return words[2], words[4]


def repost_id(reason_uri: str | None, subject_uri: str) -> str:
    """The id of a repost: its own record key or, where the source leaves that out, a hash of what was reposted."""
    named = record_of(reason_uri, REPOST) if reason_uri else None
    if named is not None:
        return bounded_id(_REPOST_MARK + named[1])
    return _NAMELESS_REPOST_MARK + hashlib.sha256(subject_uri.encode()).hexdigest()[:24]


def post_url(native_id: str, did: str) -> str | None:
    """The permalink of a post; None for reposts, which have no page of their own, and for hashed ids."""
    return f"https://bsky.app/profile/{did}/post/{native_id}" if _RECORD_KEY.fullmatch(native_id) else None
