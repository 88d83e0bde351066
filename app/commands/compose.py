"""The worker's side of a process, put together from the settings: network, guard, platforms, clock.

May assume a running loop. Promises: every request of the process goes through one guard; what is opened is closed.
"""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.context import Resolver
from app.config import Settings
from app.domain.models import Identity
from app.main import guard, own_hosts, version
from app.platforms import platforms
from app.platforms.base import Platform
from app.sealing import sealer
from app.worker import watch
from app.worker.clients import Clients
from app.worker.clock import SystemClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.messenger import Messenger
from app.worker.parse_pool import ParsePool
from app.worker.post import Poster

#: Lanes of webhooks at most; open files that are enough for them, and for everything beside them.
_MOST_LANES, _FILES, _OTHER_FILES = 2_000, 8_192, 1_000


def user_agent(settings: Settings) -> str:
    """Product, version and whom to ask: sites can then reach a person."""
    about = settings.contact or "no contact configured"
    return f"Quietwatch/{version()} (+{about})"


def platform_table(settings: Settings) -> dict[str, Platform]:
    """The platforms with the addresses of the settings."""
    return platforms(settings.bluesky_appview_url, settings.bluesky_plc_url)


def messenger(settings: Settings, reach_seconds: float | None = None) -> Messenger:
    """What sends to people, under the same policy; with ``reach_seconds`` where whoever names an address hears."""
    return Messenger(settings.allow_networks, settings.allow_ports, own_hosts(settings), reach_seconds=reach_seconds)


def options(settings: Settings) -> Options:
    """How the work is done, in the worker's terms."""
    return Options(
        concurrency=settings.concurrency,
        lease=timedelta(seconds=settings.lease),
        history_pages=settings.history_pages,
        history_items=settings.history_items,
        poll_least=timedelta(seconds=settings.poll_least),
        poll_default=timedelta(seconds=settings.poll_default),
        poll_longest=timedelta(seconds=settings.poll_longest),
        feed_least=timedelta(seconds=settings.feed_least),
        live_gap=settings.live_gap_time,
        margins={name: timedelta(seconds=seconds) for name, seconds in settings.margins.items()},
        keep_polls=timedelta(days=settings.keep_polls_days),
        lanes=_lanes(),
        unobservable_after=timedelta(seconds=settings.unobservable_after),
        keep_events=timedelta(days=settings.keep_events_days),
        keep_attempts=timedelta(days=settings.keep_attempts_days),
        public_url=settings.public_url,
        heartbeat_url=settings.heartbeat_address,
        canaries=settings.canaries,
    )


def _lanes() -> int:
    """As many lanes as there can be connections: the limit of open files is raised as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if limit > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(50, min(_MOST_LANES, max(soft, limit) - _OTHER_FILES))


@asynccontextmanager
async def worker_context(settings: Settings, engine: AsyncEngine) -> AsyncIterator[Context]:
    """What every job is given."""
    clients, pool = Clients(guard(settings)), ParsePool()
    poster = Poster(guard(settings), user_agent(settings))
    try:
        yield Context(
            engine=engine,
            fetcher=Fetcher(clients, user_agent(settings)),
            platforms=platform_table(settings),
            clock=SystemClock(),
            parser=pool,
            options=options(settings),
            sealer=sealer(settings.sealing_keys, settings.data_dir),
            poster=poster,
            messenger=messenger(settings),
        )
    finally:
        clients.close()
        poster.close()
        pool.close()


def resolver(ctx: Context) -> Resolver:
    """What the API needs of the network: from a pasted text to an account."""

    async def resolve(text: str) -> Identity:
        return await watch.resolve(ctx, text)

    return resolve
