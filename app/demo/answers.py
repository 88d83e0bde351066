"""What an origin of the demonstration answers, and what its faults make of that.

Promises: pure; the same fault at the same moment gives the same answer.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

import msgspec

from app.demo.faults import Fault
from app.demo.world import Event

_LOGIN = b'<!doctype html><html><body><form action="/login"><input type="password" name="p"></form>Log in</body></html>'
#: A page that says nothing.
PAGE = b"<!doctype html><html><head><title>Welcome</title></head><body><p>We moved some things.</p></body></html>"


@dataclass(frozen=True, slots=True)
class Served:
    """One good page (or a 304 for it): what a perfect observer could have learned."""

    account: str
    at: datetime
    oldest: datetime | None
    """Claim of the oldest event on the page, pinned ones left out; None for a page without events."""
    complete: bool
    """The page reached the first event."""
    counter: bool = False
    shown: int = 0
    """Posts on the page, pinned ones included."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer before it is written."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    note: Served | None = None
    tagged: bytes | None = None
    """What the ETag is a digest of, where that is not the body."""


def disturbed(events: list[Event], fault: Fault | None, at: datetime) -> list[Event]:
    """The items of a page as the fault lets them be seen."""
    if fault is Fault.EMPTY_LIST:
        return []
    return mixed(events, at) if fault is Fault.SHUFFLED else events


def mixed(events: list[Event], at: datetime) -> list[Event]:
    """The items in another order, a quarter of them twice; the same at the same moment."""
    order = random.Random(int(at.timestamp()))  # noqa: S311  the disorder must be repeatable, not secret
    mixed = [*events, *events[: len(events) // 4]]
    order.shuffle(mixed)
    return mixed


def json(value: object) -> Answer:
    """A good answer in JSON."""
    return Answer(200, msgspec.json.encode(value), (("content-type", "application/json; charset=utf-8"),))


def refusal(fault: Fault | None, at: datetime) -> Answer | None:
    """What a faulty server says in place of any answer; None where the fault is of another kind."""
    html = (("content-type", "text/html; charset=utf-8"),)
    match fault:
        case Fault.ERROR:
            return Answer(503, b"Service Unavailable", html)
        case Fault.RATE_LIMIT:
            return Answer(429, b'{"error":"Too many requests"}')
        case Fault.RATE_LIMIT_SECONDS:
            return Answer(429, b"", (("retry-after", "1800"),))
        case Fault.RATE_LIMIT_DATE:
            until = format_datetime(at + timedelta(hours=1), usegmt=True)
            return Answer(429, b"", (("retry-after", until),))
        case Fault.LOGIN_PAGE:
            return Answer(200, _LOGIN, html)
        case Fault.LOGIN_REQUIRED:
            return Answer(401, b'{"error":"This API requires an authenticated user"}')
        case Fault.EMPTY:
            return Answer(200, b"", html)
        case Fault.HTML:
            return Answer(200, PAGE, html)
        case _:
            return None


def conditional(answer: Answer, headers: dict[str, str]) -> Answer:
    """The answer with its ETag, or 304 to who has it already."""
    if answer.status != 200 or answer.note is None:
        return answer
    etag = f'W/"{hashlib.sha256(answer.tagged or answer.body).hexdigest()[:20]}"'
    if headers.get("if-none-match") == etag:
        return Answer(304, b"", (("etag", etag),), note=answer.note)
    return Answer(200, answer.body, (*answer.headers, ("etag", etag)), note=answer.note)
