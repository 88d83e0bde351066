"""Reading JSON answers, and the values inside them that a stranger wrote.

Assumes whole bodies. Promises: no body breaks anything; what is not JSON, or not of the wanted shape, becomes an
``unreadable`` (or ``refused``) failure.
"""

from __future__ import annotations

import hashlib
import re
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from app.domain.models import DateNote, Failure, OutcomeName
from app.platforms.answers import not_wanted
from app.platforms.base import Response
from app.platforms.dates import Dated, read_date

T = TypeVar("T")
_LONGEST_ID = 512
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?")


def read_json(decoder: msgspec.json.Decoder[T], response: Response) -> T | Failure:
    """The body as the decoder's type; reasons ``not_json``, ``wrong_shape``, ``html``, ``empty``, ``challenge`` ..."""
    try:
        return decoder.decode(response.body.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError as error:
        return Failure(OutcomeName.UNREADABLE, "wrong_shape", f"JSON of another shape: {str(error)[:200]}")
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return not_wanted(response, "json")


def read_ok(decoder: msgspec.json.Decoder[T], response: Response) -> T | None:
    """The body of a 200 as the decoder's type; None for any other answer."""
    if response.status != 200:
        return None
    found = read_json(decoder, response)
    return None if isinstance(found, Failure) else found


def moment(value: object) -> Dated:
    """A time of an API in UTC and what had to be assumed; None where it is missing, unreadable or before 1995."""
    if value is None or value == "":
        return None, DateNote.MISSING
    return read_date(value) if isinstance(value, str) else (None, DateNote.UNREADABLE)


def bounded_id(text: str) -> str:
    """The id itself, or ``#`` and its SHA-256 where it is longer than 512 characters (no platform's ids hold a #)."""
    if len(text) <= _LONGEST_ID:
        return text
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def storable(text: str) -> bool:
    """Whether a database can hold it: no NUL, no half of a surrogate pair, not empty."""
    return bool(text) and "\x00" not in text and text.isprintable()


def base_url(host: str) -> str:
    """Where a host's API lives: https, except on loopback, where tests and the demonstration speak http."""
    return f"http://{host}" if _LOOPBACK.fullmatch(host) else f"https://{host}"


def host_of(url: str) -> str | None:
    """``name`` or ``name:port`` of an http or https URL in lower case, the scheme's own port left out; else None."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not name or parts.username or parts.password:
        return None
    name = f"[{name}]" if ":" in name else name
    default = 443 if parts.scheme == "https" else 80
    return name if port in (None, default) else f"{name}:{port}"
