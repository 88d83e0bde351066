"""What a platform is: values in, values out, no I/O.

A conversation with a platform is a generator that yields a ``Request`` and is sent the ``Response``; it returns its
finding. The worker owns the network, the clock, conditional headers, limits and redirects. A generator never sees a
request that could not be made: the worker ends the conversation with an ``unreachable`` (or ``refused``) failure.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.models import Failure, Identity, Kind, Look, Page, Unchanged


@dataclass(frozen=True, slots=True)
class Request:
    """One GET. Headers beyond User-Agent, Accept-Encoding and validators belong to the platform."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    conditional: bool = False
    """May carry If-None-Match / If-Modified-Since of the last answer for exactly this URL (the worker adds them)."""
    cost: str = "look"
    """Which budget of the host it draws on: ``look`` or, where a host counts them apart, ``paging``."""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer after redirects. An incomplete, oversized or late answer never becomes a Response."""

    url: str
    """The URL that answered, after redirects."""
    status: int
    headers: Mapping[str, str]
    """Lower-case names; repeated headers joined with ``, ``."""
    body: bytes
    requested_at: datetime
    """Our clock when the request was sent: the ``t`` of every proof."""
    redirects: tuple[tuple[int, str], ...] = ()
    """(status, absolute target) of every hop that was followed."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a platform is told about an account it shall look at."""

    account_id: int
    native_id: str
    handle: str
    host: str
    memory: Mapping[str, object] = field(default_factory=dict)
    counter: int | None = None
    has_posts: bool = False
    """At least one post is known: an empty page is then unreadable, not news (truth.md)."""


@dataclass(frozen=True, slots=True)
class CounterMoved:
    """The batch counter says that something changed: look at the page now."""

    counter: int


@dataclass(frozen=True, slots=True)
class CounterMissing:
    """The batch left this account out: look at it alone to learn why."""


CounterLook = Unchanged | CounterMoved | CounterMissing | Failure
Conversation = Generator[Request, Response, Look]
"""Ends with the look. While a ``Page`` leaves a hole the worker asks ``older`` for the next request."""


class ResolveError(Exception):
    """Nothing was found for what a person pasted. ``tried`` says what was tried, in order, one line each."""

    def __init__(self, message: str, tried: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.tried = tuple(tried)


@dataclass(frozen=True, slots=True)
class About:
    """Metadata beside the code; the documentation's platform table is generated from it."""

    name: str
    title: str
    sees: str
    cannot_see: str
    needs: str
    history: str
    batch: str
    limits: str
    terms: str


class Platform(Protocol):
    """One platform. Implementations are stateless; every method is pure."""

    name: str
    about: About
    margin: timedelta
    """Settling margin: a look at ``t`` proves only up to ``t - margin``."""
    counted_kinds: Kind
    """The kinds the batch counter counts; 0 where there is none."""
    batch_size: int
    """Accounts per batch counter request; 0 where there is none."""
    spacing: timedelta
    """Least time between two requests to one host of this platform (0 for none)."""

    def recognises(self, text: str) -> bool:
        """Whether this pasted text can belong to this platform; decides who may resolve it, in table order."""
        ...

    def resolve(self, text: str) -> Generator[Request, Response, Identity]:
        """From what a person pasted to an account. Raises ResolveError with what was tried."""
        ...

    def look(self, target: Target) -> Conversation:
        """One full look at the newest posts. Classifies every refusal."""
        ...

    def older(self, target: Target, page: Page, response: Response) -> Request | None:
        """The request for the page after this one, None at the end or where the platform has no paging."""
        ...

    def read(self, target: Target, response: Response) -> Look:
        """Read the answer to a request that ``older`` gave."""
        ...

    def count(self, targets: Sequence[Target]) -> Request:
        """One batch counter request for at most ``batch_size`` targets of one host."""
        ...

    def read_count(self, targets: Sequence[Target], response: Response) -> Mapping[int, CounterLook]:
        """What the counters say, by account id, for every target."""
        ...

    def least_new(self, before: int, after: int) -> int:
        """How many posts a page shows at least that were not there when the counter said ``before``."""
        ...

    def post_url(self, native_id: str, handle: str, account_native_id: str) -> str | None:
        """The permalink that follows from the id, None where it does not."""
        ...
