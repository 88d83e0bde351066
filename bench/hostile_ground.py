"""What the cases of a hostile upstream are played on: servers on loopback, looked at the whole way through."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import trustme

from app.domain.models import Failure, Look
from app.platforms.base import Platform, Request, Response, Target
from app.platforms.feed.platform import FEED
from app.worker.clients import Clients, verified_tls
from app.worker.conversation import converse
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from app.worker.parse_pool import ParsePool
from bench.hostile_documents import item, rss
from bench.hostile_load import now
from bench.rawserver import LOOPBACK, Script, always, answer, serve

FEED_TYPE = "Content-Type: application/rss+xml"
GOOD = rss(item(1) + item(2))
AUTHORITY = trustme.CA()


@dataclass
class Ground:
    """What the cases are played on."""

    corpus: Path
    deadline_seconds: float
    pool: ParsePool
    slack_seconds: float = 0.5
    """How much later than its limit a thing may end; more on a machine that is known to be busy."""

    def fetcher(self, guard: Guard | None = None, trust: bool = True) -> Fetcher:
        """The service's fetcher; may reach loopback, and trusts the bench's own certificates unless told not to."""
        context = verified_tls()
        if trust:
            AUTHORITY.configure_trust(context)
        clients = Clients(guard or Guard(allow_networks=[LOOPBACK]), tls=context, idle_seconds=1)
        return Fetcher(clients, "Quietwatch/bench (+https://example.org/contact)", self.deadline_seconds)

    async def fetch(
        self, script: Script, *, headers: tuple[tuple[str, str], ...] = (), tls: ssl.SSLContext | None = None
    ) -> Response | Failure:
        """One request to a server that plays the script."""
        async with serve(script, tls) as server:
            return await self.fetcher().send(Request(server.url, headers), now=now)

    async def look(self, script: Script, platform: Platform = FEED, memory: Mapping[str, object] | None = None) -> Look:
        """One look at an account that is known to have posts."""
        async with serve(script) as server:
            host = f"127.0.0.1:{server.port}"
            native = server.url if platform is FEED else f"{host}/1"
            target = Target(1, native, f"@a@{host}", host, memory or {}, has_posts=True)
            send = partial(self.fetcher().send, now=now)
            found: Look = await converse(partial(platform.look, target), send, self.pool)
            return found

    async def fails(self, *scripts: Script, among: Sequence[str] = ()) -> str | None:
        """A look at each is a failure, for one of these reasons where some are given."""
        for script in scripts:
            found = await self.look(script)
            if not isinstance(found, Failure) or (among and found.reason not in among):
                return f"came to {getattr(found, 'reason', type(found).__name__)}"
        return None


def tls(
    name: str = "127.0.0.1", authority: trustme.CA = AUTHORITY, years: tuple[int, int] | None = None
) -> ssl.SSLContext:
    """A server's side of TLS, valid in these years or now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    first, last = (datetime(year, 1, 1, tzinfo=UTC) if year else None for year in years or (0, 0))
    authority.issue_cert(name, not_before=first, not_after=last).configure_cert(context)
    return context


def coded(coding: str, body: bytes) -> Script:
    """An answer in a content coding."""
    return always(answer("200 OK", FEED_TYPE, f"Content-Encoding: {coding}", body=body))


def moved(location: str, status: int = 302) -> Script:
    """A redirect."""
    return always(answer(f"{status} Moved", f"Location: {location}"))


def page(body: bytes, *headers: str, status: str = "200 OK") -> Script:
    """An answer with headers and a body."""
    return always(answer(status, *headers, body=body))
