"""The real application over a real database, asked in process; the clock and the network are the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.domain.models import Identity
from app.main import create_app
from app.platforms.base import ResolveError
from app.storage import keys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def resolve(text: str) -> Identity:
    """A small network: names on ``.example`` exist."""
    bare = text.removeprefix("bluesky:").removeprefix("https://bsky.app/profile/")
    if text.startswith("https://feeds.example/"):
        return Identity("feed", text, text, "feeds.example", text, display_name="A feed")
    if bare.startswith("@") and bare.endswith("@social.example"):
        user = bare.split("@")[1]
        link = f"https://social.example/@{user}"
        return Identity("mastodon", f"social.example/{len(user)}{user}", bare, "social.example", link)
    if bare.endswith(".bsky.example"):
        link = f"https://bsky.app/profile/{bare}"
        return Identity("bluesky", f"did:plc:{bare.partition('.')[0]}", bare, "bsky.example", link)
    raise ResolveError(f"Nothing was found for {text}.", ["looked for a feed", "asked the PLC directory"])


@dataclass(slots=True)
class Api:
    """The application and keys of every scope."""

    app: FastAPI
    engine: AsyncEngine
    clock: Clock
    read: str
    write: str
    admin: str

    def client(self, key: str | None = None) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=True)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


@pytest.fixture
async def api(engine: AsyncEngine, tmp_path: Path) -> Api:
    """A fresh application on a fresh database."""
    return await build(engine, tmp_path)


async def build(
    engine: AsyncEngine, path: Path, resolver: Callable[[str], Awaitable[Identity]] | None = resolve, **settings: object
) -> Api:
    clock = Clock()
    made = {}
    async with engine.begin() as conn:
        for scope in ("read", "write", "admin"):
            _, made[scope] = await keys.create(conn, scope, [scope], NOW)
    given = Settings(data_dir=path, rate_limit=settings.pop("rate_limit", 1_000_000), **settings)  # type: ignore[arg-type]
    app = create_app(given, engine, resolver=resolver, clock=clock, secret=b"s" * 32)
    return Api(app, engine, clock, made["read"], made["write"], made["admin"])


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks with a key that may write (and so read)."""
    async with api.client(api.write) as client:
        yield client


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks with an administrator's key."""
    async with api.client(api.admin) as client:
        yield client
