"""Names in the fediverse: handles, links to profiles, and what API ids and links of posts look like.

Assumes nothing about what a person pasted. Promises: whatever comes out is safe inside a URL. A link on another server
(``https://a.example/@user@b.example``) names the account at home on b.example: only there is it whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from app.platforms.jsonapi import base_url, host_of

_USER = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,62}[a-z0-9_])?", re.IGNORECASE)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$)(?:(?:{_LABEL}\.)+{_LABEL}|localhost)(?::[0-9]{{1,5}})?", re.IGNORECASE)
#: Hosts whose addresses look like a fediverse profile (``/@name``) and are none.
_OTHERS = (
    "medium.com",
    "youtube.com",
    "tiktok.com",
    "threads.net",
    "threads.com",
    "substack.com",
    "vimeo.com",
    "x.com",
)
_FEED_ENDINGS = (".rss", ".atom", ".json", ".xml")
_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Name:
    """An account as it was pasted: ``user`` at ``domain``."""

    user: str
    domain: str


def name_of(text: str) -> Name | None:
    """The account within what a person pasted; None where it cannot be one of the fediverse."""
    text = text.strip().strip("\u200e\u200f\u202a\u202c\u2068\u2069")
    if "://" in text:
        return _name_of_url(text)
    return _name(text.removeprefix("acct:").removeprefix("@"), None)


def _name_of_url(text: str) -> Name | None:
    host = host_of(text)
    if host is None or any(host == other or host.endswith("." + other) for other in _OTHERS):
        return None
    words = unquote(urlsplit(text).path).strip("/").split("/")
    if words[0] == "web":  # the address of the web interface of older servers
        words = words[1:]
    if words and words[0].startswith("@") and not words[0].lower().endswith(_FEED_ENDINGS):
        return _name(words[0][1:], host)
    if len(words) >= 2 and words[0] == "users" and not words[1].isdigit():
        return None if words[1].lower().endswith(_FEED_ENDINGS) else _name(words[1], host)
    return None


def _name(text: str, host: str | None) -> Name | None:
    user, _, domain = text.partition("@")
    domain = (domain or host or "").lower().rstrip(".")
    return Name(user, domain) if _USER.fullmatch(user) and _DOMAIN.fullmatch(domain) else None


def handle_of(user: str, domain: str) -> str:
    """As a person writes it."""
    return f"@{user}@{domain}"


def user_of(handle: str) -> str:
    """``user`` of ``@user@domain``."""
    return handle.removeprefix("@").partition("@")[0]


def domain_of(handle: str) -> str:
    """``domain`` of ``@user@domain``."""
    return handle.removeprefix("@").partition("@")[2]


def split_native(native_id: str) -> tuple[str, str]:
    """(host, account id) of ``<host>/<id>``; the id is ``@user`` where the server hides ids from strangers."""
    host, _, account = native_id.partition("/")
    return host, account


def derived_url(native_id: str, handle: str, host: str) -> str | None:
    """The permalink of a post with a numeric id: Mastodon's own form, which leads boosts to their original.

    Other servers' ids (ULID, FlakeId) do not tell their links: those are stored.
    """
    base = permalink_base(handle, host)
    return base + native_id if base is not None and _NUMBER.fullmatch(native_id) else None


def permalink_base(handle: str, host: str) -> str | None:
    """What stands before the numeric id in the permalinks of an account's posts."""
    user = user_of(handle)
    return f"{base_url(host)}/@{user}/" if is_user(user) else None


def is_domain(text: str) -> bool:
    """Whether this can be the domain of a handle or the host of a server, with or without a port."""
    return _DOMAIN.fullmatch(text) is not None


def is_user(text: str) -> bool:
    """Whether this can be the local part of a handle."""
    return _USER.fullmatch(text) is not None
