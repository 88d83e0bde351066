"""The only place that reads from the network: one request in, one whole answer or a failure out.

Assumes a platform's request and, where it may be conditional, what the last answer for exactly that address carried.
Promises: one deadline for everything (names, connections, redirects, body), bounded sizes, at most five redirects each
vetted anew by the guard, no cookies, no Referer, no proxy, no credentials across origins. Nothing but cancellation
gets out of ``send`` as an exception. Header values are Latin-1 text, so ``encode("latin-1")`` gives back the very
bytes: validators are kept and sent as bytes, byte for byte.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.domain.models import Failure, OutcomeName
from app.platforms.base import Request, Response
from app.worker.clients import Clients
from app.worker.connection import Answer
from app.worker.decode import DecodeError, decode
from app.worker.guard import NetworkError
from app.worker.urls import BadUrl, Url, join_url, split_url

#: Seconds for one request, redirects included; how many redirects are followed.
DEADLINE_SECONDS = 30.0
MOST_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What a redirect to another origin may still learn of the platform's own headers.
_PUBLIC_HEADERS = frozenset({"accept", "accept-language"})
_VALIDATORS = frozenset({"etag", "last-modified"})  # their values are kept to the last blank
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAK = re.compile(rb"[\r\n\x00]")

#: Every reason a request can fail for: outcome, and what a person is told. None of them holds an address.
REASONS: dict[str, tuple[OutcomeName, str]] = {
    "bad_url": (OutcomeName.REFUSED, "not an address that can be fetched"),
    "forbidden_address": (OutcomeName.REFUSED, "the name leads to an address or port this service does not connect to"),
    "bad_redirect": (OutcomeName.UNREADABLE, "redirected to something that cannot be fetched"),
    "too_many_redirects": (OutcomeName.UNREADABLE, f"more than {MOST_HOPS} redirects"),
    "too_large": (OutcomeName.UNREADABLE, "the answer is larger than is read"),
    "content_coding": (OutcomeName.UNREADABLE, "the body's content coding is wrong or was not asked for"),
    "protocol": (OutcomeName.UNREADABLE, "the answer is not proper HTTP/1.1"),
    "unasked_304": (OutcomeName.UNREADABLE, "'not modified', though nothing was said of an earlier copy"),
    "partial": (OutcomeName.UNREADABLE, "a part of the body, though all was asked for"),
    "incomplete": (OutcomeName.UNREACHABLE, "the connection ended before the answer did"),
    "dns": (OutcomeName.UNREACHABLE, "the name does not resolve"),
    "connect": (OutcomeName.UNREACHABLE, "no connection"),
    "tls": (OutcomeName.UNREACHABLE, "no connection that can be trusted (TLS)"),
    "timeout": (OutcomeName.UNREACHABLE, f"no whole answer within {DEADLINE_SECONDS:.0f} seconds"),
}


@dataclass(frozen=True, slots=True)
class Validators:
    """What the last good answer said of its version, as received; only ever sent to exactly ``url``."""

    url: str
    """``Response.url`` of the answer that carried them."""
    etag: bytes | None = None
    last_modified: bytes | None = None


def validators_of(response: Response) -> Validators | None:
    """The validators to keep from an answer, None where it carries none. Those of before are void then."""
    etag, modified = (response.headers.get(name) for name in ("etag", "last-modified"))
    if etag is None and modified is None:
        return None
    raw_etag, raw_modified = (None if text is None else text.encode("latin-1") for text in (etag, modified))
    return Validators(response.url, raw_etag, raw_modified)


class Fetcher:
    """Sends requests through a pool of vetted connections. ``user_agent`` names product, version and a contact.

    Raises ValueError for a ``user_agent`` that no header can hold.
    """

    def __init__(self, clients: Clients, user_agent: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._clients = clients
        self._common = _header("User-Agent", user_agent.encode("latin-1")) + _header("Accept-Encoding", b"gzip")
        self._deadline_seconds = deadline_seconds

    async def send(
        self, request: Request, *, validators: Validators | None = None, now: Callable[[], datetime]
    ) -> Response | Failure:
        """Fetch. Validators are sent only where the request may be conditional and the address is theirs.

        ``now`` gives our clock (aware, UTC) and stamps the last hop's start; deadlines use the loop's clock.
        """
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._follow(request, validators if request.conditional else None, now)
        except TimeoutError:
            return failure("timeout")
        except (NetworkError, DecodeError) as error:
            return failure(error.reason)
        except (BadUrl, UnicodeError):  # the latter: a header that is not Latin-1
            return failure("bad_url")

    async def _follow(
        self, request: Request, validators: Validators | None, now: Callable[[], datetime]
    ) -> Response | Failure:
        address, headers = request.url, request.headers
        hops: list[tuple[int, str]] = []
        url = split_url(address)
        while True:
            versions = _conditions(validators, address)
            started = now()
            answer = await self._clients.exchange(url.origin, self._head(url, headers, versions))
            location = _location(answer)
            if location is None:
                return _response(address, answer, bool(versions), started, tuple(hops))
            if len(hops) == MOST_HOPS:
                return failure("too_many_redirects")
            try:
                address = join_url(address, location)
            except BadUrl:
                return failure("bad_redirect")
            hops.append((answer.status, address))
            before, url = url, split_url(address)
            if url.origin != before.origin:
                headers = tuple(pair for pair in headers if pair[0].lower() in _PUBLIC_HEADERS)

    def _head(self, url: Url, headers: Iterable[tuple[str, str]], versions: bytes) -> bytes:
        line = f"GET {url.target} HTTP/1.1\r\nHost: {url.origin.authority}\r\n".encode("ascii")
        return line + self._common + _lines(tuple(headers)) + versions + b"\r\n"


def failure(reason: str) -> Failure:
    """The failure for one of ``REASONS``."""
    outcome, detail = REASONS[reason]
    return Failure(outcome, reason, detail)


def _response(
    address: str, answer: Answer, conditional: bool, started: datetime, hops: tuple[tuple[int, str], ...]
) -> Response | Failure:
    if answer.status == 304 and not conditional:
        return failure("unasked_304")
    if answer.status == 206:
        return failure("partial")
    headers = _mapping(answer.headers)
    body = decode(answer.body, headers.get("content-encoding", "")) if answer.body else b""
    return Response(address, answer.status, headers, body, started, hops)


def _mapping(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name not in _VALIDATORS:
            value = value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _location(answer: Answer) -> str | None:
    """Where the answer sends us, empty where it does not say; None where it is no redirect."""
    if answer.status not in _REDIRECTS:
        return None
    found = [value for name, value in answer.headers if name.lower() == b"location"]
    return found[0].decode("latin-1").strip() if len(found) == 1 else ""


def _conditions(validators: Validators | None, address: str) -> bytes:
    if validators is None or validators.url != address:
        return b""
    named = (("If-None-Match", validators.etag), ("If-Modified-Since", validators.last_modified))
    return b"".join(_header(name, value) for name, value in named if value is not None)


@lru_cache(maxsize=256)  # a platform sends the same ones with every look
def _lines(headers: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(_header(name, value.encode("latin-1")) for name, value in headers)


def _header(name: str, value: bytes) -> bytes:
    if not _TOKEN.fullmatch(name) or _BREAK.search(value):
        raise BadUrl("a header that cannot be written")
    return name.encode("ascii") + b": " + value + b"\r\n"
