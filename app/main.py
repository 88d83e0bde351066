"""The composition root of the web process: the API, its document, and the pages, on one engine.

May assume a migrated database. Promises: nothing is global; the network is reached only through the ``resolver`` that
the caller brings; the secret that signs cursors and sign-in cookies survives a restart where a data directory does.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI

from app.api import (
    accounts,
    audit,
    deliveries,
    edge,
    events,
    health,
    history,
    imports,
    keys,
    notifiers,
    openapi,
    participation,
    problems,
    rhythm,
    rule_alarms,
    rules,
    silence,
    sources,
    streaks,
    subjects,
    webhooks,
)
from app.api import platforms as about
from app.api.context import Context, Courier, Resolver
from app.api.gate import KeyRing
from app.api.live import Live
from app.config import Settings
from app.platforms import platforms
from app.sealing import sealer
from app.storage import migrate
from app.web import account, assets, board, signin
from app.web.signing import sign_in_path
from app.web.site import Site
from app.worker.endpoints import vet_endpoint
from app.worker.guard import Guard


def version() -> str:
    """The version of this installation."""
    try:
        return metadata.version("quietwatch")
    except metadata.PackageNotFoundError:  # run from a checkout that was not installed
        return "0.0.0"


def utc_now() -> datetime:
    """Our wall clock."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    engine: Any,
    *,
    resolver: Resolver | None = None,
    messenger: Courier | None = None,
    clock: Callable[[], datetime] = utc_now,
    secret: bytes | None = None,
    pages_open: bool = False,
) -> FastAPI:
    """The web application. ``engine`` is an AsyncEngine of ``storage.engine``, owned by the caller.

    ``resolver`` turns a pasted text into an Identity or raises ResolveError; without one, accounts cannot be added.
    ``messenger`` checks addresses of people and sends tests to them; without one, tests cannot be sent.
    ``pages_open`` shows the pages without signing in to requests from this machine (the demonstration).
    """
    app = FastAPI(
        title="Quietwatch",
        version=version(),
        summary="Who has gone silent, for how long, and how we know.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    shared = app.state.context = Context(
        engine=engine,
        clock=clock,
        secret=secret or load_secret(settings.data_dir),
        keys=KeyRing(engine, settings.rate_limit / 60, settings.rate_limit / 2),
        live=Live(engine),
        platforms=platforms(settings.bluesky_appview_url, settings.bluesky_plc_url),
        margins=settings.margins,
        newest_schema=migrate.newest(),
        hosts=known_hosts(settings),
        keep_events=timedelta(days=settings.keep_events_days),
        open_metrics=settings.open_metrics,
        public_url=settings.public_url or "",
        resolver=resolver,
        messenger=messenger,
        sealer=sealer(settings.sealing_keys, settings.data_dir),
        vet_endpoint=partial(vet_endpoint, guard=guard(settings)),
    )
    app.state.site = Site(
        engine=engine,
        clock=clock,
        secret=shared.secret,
        verify=_verifier(shared),
        platforms=shared.platforms,
        open=pages_open,
    )
    for noun in (  # routers are tried in this order: what is asked most often comes first
        silence,
        participation,
        health,
        imports,
        accounts,
        history,
        streaks,
        rhythm,
        subjects,
        rules,
        rule_alarms,
        events,
        about,
        sources,
        webhooks,
        deliveries,
        notifiers,
        keys,
        audit,
    ):
        app.include_router(noun.router)
    for page in (board, account, signin, assets):
        app.include_router(page.router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(edge.Edge, hosts=shared.hosts)
    return app


def _verifier(shared: Context) -> Callable[[str, str], Awaitable[str | None]]:
    async def verify(key: str, peer: str) -> str | None:
        now = shared.clock()
        caller = await shared.keys.verify(key, now)
        if caller is None:
            shared.keys.failures.take(peer, now)
        return caller.prefix if caller else None

    return verify


def own_address(settings: Settings) -> str:
    """Where people reach this service, without a slash at the end."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def sign_in_link(settings: Settings, now: datetime) -> str:
    """An address that signs the operator in to the pages, good for an hour. To be printed, never to be logged."""
    return own_address(settings) + sign_in_path(load_secret(settings.data_dir), now)


def guard(settings: Settings) -> Guard:
    """The one guard of the process: it refuses our own public name too."""
    return Guard(settings.allow_networks, settings.allow_ports, own_hosts=own_hosts(settings))


def own_hosts(settings: Settings) -> list[str]:
    """Names of this service: it never asks itself."""
    own = urlsplit(settings.public_url).hostname if settings.public_url else None
    return [own] if own else []


def known_hosts(settings: Settings) -> frozenset[str]:
    """The host names that requests may carry, in lower case and without a port."""
    named = [*settings.trusted_hosts, settings.host]
    if settings.public_url:
        named.append(urlsplit(settings.public_url).hostname or "")
    return frozenset(name.lower() for name in named if name)


def load_secret(data_dir: Path) -> bytes:
    """The secret of this installation, made at the first start; of this process only where nothing can be written."""
    path = data_dir / "web-secret"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        return found if len(found) >= 32 else secrets.token_bytes(32)
    except OSError:
        return secrets.token_bytes(32)
    made = secrets.token_bytes(32)
    with os.fdopen(handle, "wb") as file:
        file.write(made)
    return made
