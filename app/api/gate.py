"""Who asks, and how often: API keys, their scopes, and a token bucket for each.

Promises: a key is compared by its digest; a revoked key stops working at once in this process and within
``MEMORY`` in others; every refusal looks the same whether a key is unknown, malformed or revoked. ``admin`` includes
``write``, ``write`` includes ``read``. Addresses that keep sending bad keys are slowed down.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request

from app.api.context import Context
from app.errors import Forbidden, TooMany, Unauthorized
from app.storage import keys

SCOPES = ("read", "write", "admin")
#: How long a verified key is believed without asking the database again.
MEMORY = timedelta(seconds=5)
MOST_REMEMBERED = 10_000
HINT = "Send Authorization: Bearer qw_...; an administrator makes keys at POST /v1/keys."


@dataclass(frozen=True, slots=True)
class Caller:
    """The key behind a request. ``prefix`` is its public part, fit for logs and the audit trail."""

    id: int
    prefix: str
    scopes: frozenset[str]


@dataclass(slots=True)
class Bucket:
    """Tokens of one caller: ``rate`` a second, at most ``burst`` saved up. A rate of 0 is no limit."""

    tokens: float
    at: datetime

    def take(self, now: datetime, rate: float, burst: float) -> timedelta | None:
        """Take one token, or say how long to wait for it."""
        self.tokens = min(burst, self.tokens + max((now - self.at).total_seconds(), 0.0) * rate)
        self.at = now
        if self.tokens < 1:
            return timedelta(seconds=(1 - self.tokens) / rate)
        self.tokens -= 1
        return None


class Buckets:
    """Buckets by name, the least recently used forgotten first (a forgotten one is full again)."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, max(burst, 1.0)
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: datetime) -> None:
        """Take one token of ``name``. Raises TooMany."""
        if self.rate <= 0:
            return
        bucket = self._buckets.setdefault(name, Bucket(self.burst, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > MOST_REMEMBERED:
            self._buckets.popitem(last=False)
        if (wait := bucket.take(now, self.rate, self.burst)) is not None:
            hint = f"This key may make {self.rate:g} requests a second, {self.burst:g} at once."
            raise TooMany("Too many requests.", retry_after=wait, hint=hint)


class KeyRing:
    """Verified keys of the last few seconds, by digest (never the keys themselves)."""

    def __init__(self, engine: Any, rate: float, burst: float) -> None:
        self._engine = engine
        self._known: OrderedDict[bytes, tuple[Caller, datetime]] = OrderedDict()
        self.requests = Buckets(rate, burst)
        self.failures = Buckets(1.0, 30.0)

    async def verify(self, token: str, now: datetime) -> Caller | None:
        """The caller behind a key, None where there is none."""
        if not (token.isascii() and token.startswith("qw_") and 20 <= len(token) <= 200):
            return None
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known and timedelta(0) <= now - known[1] < MEMORY:
            return known[0]
        caller = await self._look_up(token, now)
        self._known.pop(digest, None)
        if caller is not None:
            self._known[digest] = (caller, now)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return caller

    async def _look_up(self, token: str, now: datetime) -> Caller | None:
        async with self._engine.connect() as conn:
            key = await keys.verify(conn, token)
            if key is None:
                return None
            if keys.use_is_due(key, now):
                await keys.record_use(conn, key.id, now)
                await conn.commit()
        return Caller(key.id, key.prefix, frozenset(key.scopes))

    def forget(self) -> None:
        """Ask the database again for every key: one was revoked or made."""
        self._known.clear()


async def admit(context: Context, request: Request, scope: str) -> Caller:
    """The caller, if its key is good for ``scope`` and not too fast. Raises Unauthorized, Forbidden, TooMany."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if not token:
        raise Unauthorized("No API key was sent.", field="Authorization", hint=HINT)
    now = context.clock()
    caller = await context.keys.verify(token.strip(), now) if kind.lower() == "bearer" else None
    if caller is None:
        context.keys.failures.take(request.client.host if request.client else "-", now)
        raise Unauthorized("The API key is not valid or was revoked.", field="Authorization", hint=HINT)
    context.keys.requests.take(caller.prefix, now)
    if not allows(caller.scopes, scope):
        raise Forbidden(f"This key lacks the scope {scope}.", field="Authorization", hint="Use a key that has it.")
    return caller


def allows(scopes: frozenset[str], needed: str) -> bool:
    """Whether one of the scopes includes the needed one."""
    return any(scope in scopes for scope in SCOPES[SCOPES.index(needed) :])
