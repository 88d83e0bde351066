"""The calls of the network: addresses of requests, and the shapes of what is not a feed.

Sources: the lexicons app.bsky.* and com.atproto.*, and did:plc (github.com/did-method-plc).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from app.platforms.base import Request, Response
from app.platforms.bluesky_feed import Label
from app.platforms.bluesky_names import is_handle
from app.platforms.jsonapi import host_of, read_json

PAGE = 100
_NAME_LENGTH = 64


class Profile(msgspec.Struct, rename="camel"):
    """app.bsky.actor.defs#profileViewDetailed."""

    did: str
    handle: str = ""
    display_name: str = ""
    posts_count: int | None = None
    created_at: str = ""
    labels: list[Label] = []


class Profiles(msgspec.Struct):
    """The answer of getProfiles: those that exist, in the order asked for."""

    profiles: list[Profile]


class Trouble(msgspec.Struct):
    """Every error body of the network."""

    error: str = ""
    message: str = ""


class Resolved(msgspec.Struct):
    """The answer of resolveHandle."""

    did: str


class RepoStatus(msgspec.Struct):
    """The answer of getRepoStatus."""

    did: str
    active: bool
    status: str = ""


class Records(msgspec.Struct):
    """The answer of listRecords, only whether there are any."""

    records: list[msgspec.Raw]


class Service(msgspec.Struct, rename="camel"):
    """One service of a DID document."""

    id: str = ""
    service_endpoint: msgspec.Raw = msgspec.Raw(b"null")


class DidDocument(msgspec.Struct, rename="camel"):
    """Where a DID's repository lives and by which handles it goes."""

    id: str
    also_known_as: list[str] = []
    service: list[Service] = []


_TROUBLE = msgspec.json.Decoder(Trouble)


def call(base: str, method: str, *parameters: tuple[str, str], conditional: bool = False) -> Request:
    """One XRPC query."""
    query = "&".join(f"{name}={quote(value, safe=':.-_~')}" for name, value in parameters)
    return Request(f"{base}/xrpc/{method}?{query}", conditional=conditional)


def author_feed(base: str, did: str, cursor: str | None = None) -> Request:
    """The newest posts, replies, quotes and reposts, or those after the cursor. Pins stay in their place."""
    parameters = [("actor", did), ("limit", str(PAGE)), ("includePins", "false")]
    if cursor is not None:
        return call(base, "app.bsky.feed.getAuthorFeed", *parameters, ("cursor", cursor))
    return call(base, "app.bsky.feed.getAuthorFeed", *parameters, conditional=True)


def profiles(base: str, dids: Iterable[str]) -> Request:
    """The batch counter, at most 25 accounts."""
    return call(base, "app.bsky.actor.getProfiles", *(("actors", did) for did in dids))


def did_document(plc: str, did: str) -> Request:
    """Where the DID's document is: the directory for did:plc, the domain itself for did:web."""
    if did.startswith("did:web:"):
        domain = did.removeprefix("did:web:").replace("%3A", ":").replace("%3a", ":")
        return Request(f"https://{domain}/.well-known/did.json")
    return Request(f"{plc}/{did}")


def trouble_of(response: Response) -> Trouble:
    """The error an answer names; an empty one where it names none."""
    found = read_json(_TROUBLE, response)
    return found if isinstance(found, Trouble) else Trouble()


def pds_of(document: DidDocument) -> str | None:
    """The base URL of the repository's server. A stranger wrote it: no credentials, no path, nothing but http(s)."""
    for service in document.service:
        if service.id.endswith("#atproto_pds"):
            try:
                url = msgspec.json.decode(service.service_endpoint, type=str)
            except msgspec.DecodeError:
                return None
            host = host_of(url)
            return None if host is None else f"{url.split('://', 1)[0]}://{host}"
    return None


def handle_of(document: DidDocument) -> str | None:
    """The handle the DID's owner claims (the AppView checks claims; this is for accounts that it does not show)."""
    for name in document.also_known_as:
        handle = name.removeprefix("at://").lower()
        if is_handle(handle):
            return handle
    return None


def shown_name(text: str) -> str:
    """A display name for a list: one line, at most 64 characters."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:_NAME_LENGTH]
