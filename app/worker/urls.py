"""A web address, taken apart once, strictly.

Assumes nothing: the text may come from a redirect. Promises: what is returned can be written into a request line and
a Host header as it stands, and names one host without a second reading (no credentials, no backslashes, no control
characters, no percent signs or zones in the host). Whether that host may be reached is the guard's question, asked of
the addresses it resolves to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urljoin

import idna

#: Longer addresses are refused; servers commonly take 8 KiB at most.
LONGEST = 8_192
_SHAPE = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = "%/:=&?~+!$,;'@()*[]"


class BadUrl(ValueError):
    """Not an http or https address in the strict sense. The message holds nothing of the address."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection goes: the unit of keep-alive and of trust."""

    secure: bool
    host: str
    """Lower case, ASCII; an IPv6 literal without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Url:
    """An origin and the request target on it."""

    origin: Origin
    target: str
    """Path and query, ASCII, percent-encoded where the text was not."""


@lru_cache(maxsize=8_192)
def split_url(text: str) -> Url:
    """Take an address apart; a fragment is dropped. Raises BadUrl."""
    if len(text) > LONGEST or _CONTROL.search(text):
        raise BadUrl("too long, or with control characters")
    shape = _SHAPE.fullmatch(text.partition("#")[0])
    if shape is None:
        raise BadUrl("not an http or https address")
    scheme, authority, rest = shape[1].lower(), shape[2], shape[3]
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or "@" in authority:
        raise BadUrl("no plain host and port")
    return Url(Origin(scheme == "https", _host(parts[1]), _port(parts[2], scheme)), _target(rest))


def join_url(base: str, location: str) -> str:
    """The absolute address that a ``Location`` header (bytes as Latin-1) means. Raises BadUrl."""
    try:
        text = location.encode("latin-1").decode()  # browsers read the bytes as UTF-8, so servers send that
    except UnicodeError as error:
        raise BadUrl("not UTF-8") from error
    if not text or len(text) > LONGEST or _CONTROL.search(text):
        raise BadUrl("empty, too long, or with control characters")
    try:
        joined = urljoin(base, text)
    except ValueError as error:
        raise BadUrl("cannot be joined") from error
    split_url(joined)
    return joined


def _host(text: str) -> str:
    if text.startswith("["):
        return text[1:-1].lower()
    name = text.lower() if text.isascii() else _ascii_name(text)
    name = name.removesuffix(".")
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise BadUrl("not a host name")
    return name


def _ascii_name(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode()
    except idna.IDNAError as error:
        raise BadUrl("not a host name") from error


def _port(text: str | None, scheme: str) -> int:
    port = int(text) if text else _DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65_535:
        raise BadUrl("not a port")
    return port


def _target(rest: str) -> str:
    target = rest if rest.startswith("/") else "/" + rest
    try:
        return quote(target, safe=_SAFE)
    except UnicodeError as error:  # a lone surrogate
        raise BadUrl("not Unicode") from error
