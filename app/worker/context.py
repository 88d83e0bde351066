"""What every job is given: the database, the network, the platforms, a clock and the options.

May assume nothing. Promises: jobs read no settings and no environment; whatever they need stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ParamSpec, Protocol, TypeVar

from app.domain.messages import Message
from app.domain.models import Failure
from app.platforms.base import Platform, Request, Response
from app.sealing import Sealer
from app.storage.engine import AsyncEngine
from app.worker.clock import Clock
from app.worker.fetch import Validators
from app.worker.post import Poster

P = ParamSpec("P")
T = TypeVar("T")


class Sender(Protocol):
    """The network: ``fetch.Fetcher``, or a stand-in of a test."""

    async def send(
        self, request: Request, *, validators: Validators | None = None, now: Callable[[], datetime]
    ) -> Response | Failure:
        """One request, one whole answer or a failure."""
        ...


class Parser(Protocol):
    """Where large bodies are parsed: ``parse_pool.ParsePool``."""

    async def parse_bounded(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(*args)`` within limits. Raises ParseKilled."""
        ...


class Courier(Protocol):
    """Who brings messages to people: ``messenger.Messenger``."""

    async def send(self, address: str, message: Message) -> str | None:
        """None where it was taken, else a stable reason."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How the work is done. The settings of the same names are documented in ``config``."""

    claim: int = 500
    """Accounts leased at once."""
    per_host: int = 250
    """Of them, of one host."""
    in_flight: int = 2_000
    """Accounts leased by this process at any time."""
    concurrency: int = 50
    """Hosts asked at the same time; each gets one request at a time."""
    lease: timedelta = timedelta(seconds=45)
    heartbeat: timedelta = timedelta(seconds=15)
    visit: timedelta = timedelta(seconds=60)
    """How long one visit of a host may last before the rest of its accounts is given back."""
    group: int = 200
    group_wait: timedelta = timedelta(milliseconds=500)
    history_pages: int = 20
    history_items: int = 2_000
    poll_least: timedelta = timedelta(seconds=60)
    poll_default: timedelta = timedelta(seconds=900)
    poll_longest: timedelta = timedelta(seconds=21_600)
    feed_least: timedelta = timedelta(seconds=900)
    live_gap: timedelta = timedelta(hours=25)
    batch_ahead: timedelta = timedelta(minutes=5)
    """A batch counter takes along who is due so soon."""
    margins: Mapping[str, timedelta] = field(default_factory=dict)
    """Settling margins in place of the documented ones."""
    unobservable_after: timedelta = timedelta(hours=6)
    """So long after a deadline that no look could decide, an account is called unobservable."""
    own_pause: timedelta = timedelta(minutes=2)
    """No beat of any worker for so long: we were not there."""
    keep_polls: timedelta = timedelta(days=400)
    lanes: int = 2_000
    """Lanes of endpoints that this process sends in at the same time; each has one connection open."""
    keep_events: timedelta = timedelta(days=400)
    keep_attempts: timedelta = timedelta(days=30)
    public_url: str | None = None
    """Where the pages are, for links in messages."""
    heartbeat_url: str | None = None
    """Asked every minute while the work goes on."""
    canaries: Mapping[str, str] = field(default_factory=dict)
    """By platform the natural key of an account that is known to be alive."""


@dataclass(frozen=True, slots=True)
class Context:
    """Given to every job."""

    engine: AsyncEngine
    fetcher: Sender
    platforms: Mapping[str, Platform]
    clock: Clock
    parser: Parser | None = None
    """None: every body is parsed in place (tests, trusted sources)."""
    options: Options = field(default_factory=Options)
    sealer: Sealer | None = None
    """Opens what others trusted us with. None: nothing is sent to anybody (tests of polling)."""
    poster: Poster | None = None
    """Sends to webhooks. None: nothing is delivered here."""
    messenger: Courier | None = None
    """Sends to people. None: nobody is told from here."""

    def margin(self, platform: Platform) -> timedelta:
        """The settling margin in force."""
        return self.options.margins.get(platform.name, platform.margin)
