"""The outermost layer: what is refused before anything is read, and the headers that every answer carries.

Promises: TRACE and CONNECT, oversized queries and paths with control characters never reach a route; an account's
natural key may stand in the path with its slashes encoded or bare; HEAD is GET without its body; no answer is framed,
sniffed, or cached by others. Host and forwarding headers are never believed: no absolute address of ours is built.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import BadText, MethodNotAllowed, respond
from app.errors import Malformed, QuietwatchError, TooLarge

ACCOUNTS = "/v1/accounts/"
#: What may follow an account in a path.
SUFFIXES = frozenset({"silence", "streaks", "posts", "calendar", "coverage", "polls", "rhythm"})
LARGEST_BODY = 1024 * 1024
LONGEST_TARGET = 16 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_STRICT = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCS = (  # the reference at /docs is a script of ours that styles its elements itself
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: list[tuple[bytes, bytes]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
STRICT_HEADERS = [*_HEADERS, (b"content-security-policy", _STRICT)]
DOCS_HEADERS = [*_HEADERS, (b"content-security-policy", _DOCS)]


class Edge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: refuse it, or pass it on with a clean path and the headers added to its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        bare = scope["method"] == "HEAD"
        headers = DOCS_HEADERS if path == "/docs" else STRICT_HEADERS

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            elif bare:
                message = {**message, "body": b""}
            await send(message)

        if refusal := refuse(scope, self.hosts):
            await respond(refusal, {"Allow": "GET"} if refusal.status == 405 else None)(scope, receive, sender)
            return
        if bare:
            scope["method"], scope["bare"] = "GET", True
        if path.startswith(ACCOUNTS):
            raw = scope.get("raw_path") or path.encode()
            scope["path"] = account_path(raw.decode("latin-1"))
        await self.app(scope, _counting(receive), sender)


def too_large() -> TooLarge:
    """The body is over the limit."""
    return TooLarge("The body is larger than 1 MiB.", field="body", hint="Send it in several parts.")


def _counting(receive: Receive) -> Receive:
    """Raises TooLarge to whoever reads more of the body than the limit."""
    read = 0

    async def receiver() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > LARGEST_BODY:
            raise too_large()
        return message

    return receiver


def refuse(scope: Scope, hosts: frozenset[str]) -> QuietwatchError | None:
    """The reason why this request goes no further, None where it may."""
    if not known_host(scope, hosts):
        hint = "The operator adds it to QUIETWATCH_TRUSTED_HOSTS."
        return Malformed("The Host header names no host of this service.", field="Host", hint=hint)
    if scope["method"] in {"TRACE", "TRACK", "CONNECT"}:
        return MethodNotAllowed("This method is not allowed anywhere.")
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
        return BadText("The path and query are longer than 16 KiB.", field="query", hint="Use the POST form, if any.")
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not declared.isdigit() or int(declared[:20]) > LARGEST_BODY:
        return too_large()
    if _CONTROL.search(scope["path"]):
        return BadText("The path contains a character that is not allowed.", field="path", hint="Remove it.")
    return None


def known_host(scope: Scope, hosts: frozenset[str]) -> bool:
    """Whether the Host is loopback, an address, or a name the operator gave.

    A foreign name means that a page elsewhere made a browser believe its name is ours (rebinding).
    """
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    name = given.rpartition("]")[0].lstrip("[") if given.startswith("[") else given.partition(":")[0]
    if name in hosts or name in {"localhost", "127.0.0.1", "::1"}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def account_path(raw: str) -> str:
    """``/v1/accounts/<key>/<suffix>`` with the key as one segment, its slashes and percent signs encoded.

    A key with bare slashes is put together again; a last segment that is a suffix is then read as the suffix, so a
    feed whose own address ends in, say, ``/posts`` has to be encoded.
    """
    segments = raw.partition("?")[0][len(ACCOUNTS) :].split("/")
    suffix = f"/{segments.pop()}" if len(segments) > 1 and segments[-1] in SUFFIXES else ""
    key = unquote("/".join(segments))
    return ACCOUNTS + key.replace("%", "%25").replace("/", "%2F") + suffix
