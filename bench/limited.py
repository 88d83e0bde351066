"""A host with a budget and thousands of accounts on it (battery A15): is a 429 ever provoked?

A stub of a Mastodon server without batches: 300 requests in five minutes, told by X-RateLimit-* with an ISO reset.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from app.domain.models import Identity
from app.platforms import platforms
from app.storage import accounts, claims, tables
from app.storage.engine import create_engine
from app.worker.clients import Clients
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from app.worker.poll import run_once

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


class LimitedHost:
    """Grants ``limit`` requests a window; ``provoked`` counts those beyond."""

    def __init__(self, clock: VirtualClock, limit: int) -> None:
        self.clock, self.limit = clock, limit
        self.provoked = self.requests = self.together = self.most_together = 0
        self._used: dict[int, int] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on loopback; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.together += 1
                self.most_together = max(self.most_together, self.together)
                await asyncio.sleep(0)
                writer.write(self._answer(head.split(b" ", 2)[1].decode()))
                self.together -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, target: str) -> bytes:
        self.requests += 1
        now = self.clock.now()
        window = int((now - START) / WINDOW)
        self._used[window] = self._used.get(window, 0) + 1
        left = self.limit - self._used[window]
        reset = (START + (window + 1) * WINDOW).isoformat().replace("+00:00", "Z")
        status, body = 404, b"{}"
        if left < 0:
            self.provoked += 1
            status, body = 429, b'{"error":"Too many requests"}'
        elif target.startswith("/api/v1/accounts/"):
            status, body = 200, _statuses(target.split("/")[4], now)
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-RateLimit-Limit: {self.limit}\r\nX-RateLimit-Remaining: {max(left, 0)}\r\n"
            f"X-RateLimit-Reset: {reset}\r\n"
            f"Date: {now:%a, %d %b %Y %H:%M:%S} GMT\r\n\r\n"
        )
        return head.encode() + body


def _statuses(account_id: str, now: datetime) -> bytes:
    stamp = (START - timedelta(hours=5)).isoformat()
    account = {"id": account_id, "username": f"u{account_id}", "acct": f"u{account_id}", "statuses_count": 1}
    post = {"id": "1", "created_at": stamp, "visibility": "public", "account": account, "url": "http://x.example/1"}
    return msgspec.json.encode([post])


async def limited_host(database: str, number: int, spaced: bool = False) -> dict[str, Any]:
    """Look at every account once. Without ``spaced`` only the host's headers hold the worker back."""
    engine = create_engine(database)
    clock = VirtualClock(START)
    host = LimitedHost(clock, 300)
    name = f"127.0.0.1:{await host.start()}"
    clients = Clients(Guard(allow_networks=["127.0.0.0/8"]))
    known = platforms()
    if not spaced:
        known["mastodon"].spacing = timedelta(0)
    options = Options(group_wait=timedelta(milliseconds=5))
    agent = "Quietwatch/0.1 (+https://quietwatch.example/contact)"
    ctx = Context(engine, Fetcher(clients, agent), known, clock, options=options)
    state = tables.account_state
    mine = select(tables.accounts.c.id).where(tables.accounts.c.platform == "mastodon")
    waiting = select(func.count()).where(state.c.polled_at.is_(None), state.c.account_id.in_(mine))
    try:
        async with engine.begin() as conn:
            await conn.execute(state.update().values(next_poll_at=None))  # the other sources rest
            for n in range(1, number + 1):
                url = f"http://{name}/@u{n}"
                identity = Identity("mastodon", f"{name}/{n}", f"@u{n}@{name}", name, url)
                await accounts.add(conn, identity, now=START)
        while True:
            async with engine.connect() as conn:
                left = (await conn.execute(waiting)).scalar_one()
                due = await claims.next_due(conn)
            if not left or due is None or clock.now() - START > timedelta(days=1):
                break
            clock.advance_to(max(due, clock.now() + timedelta(seconds=1)))
            await run_once(ctx, clock.now())
    finally:
        clients.close()
        host.stop()
        await engine.dispose()
    return {
        "A15_accounts": number,
        "A15_looked_at": number - left,
        "A15_429_provoked": host.provoked,
        "A15_requests": host.requests,
        "A15_most_in_flight": host.most_together,
        "A15_minutes": (clock.now() - START) / timedelta(minutes=1),
    }
