"""One attempt to deliver: a signed POST, and what came of it.

Assumes a signed message. Promises: every connection is vetted by the guard where it is opened, at every attempt, so
that an address written down long ago is judged by today's rules; redirects are not followed; what may have arrived is
not sent twice; an attempt ends within ``DEADLINE_SECONDS``. Where no connection comes about, the attempt tells neither
why nor takes less time for one reason than for another: who may name an endpoint must not learn what our network holds
(a closed port, a filtered one and a forbidden address look the same).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.worker.clients import Clients
from app.worker.guard import Guard, NetworkError
from app.worker.receipt import Receipt
from app.worker.urls import BadUrl, split_url

#: Seconds for one attempt in all; for name, connection and handshake.
DEADLINE_SECONDS = 15.0
REACH_SECONDS = 5.0
#: A kept connection is used again within this time only: no server ends one so early, so that a request meets a
#: closed connection only by a rare chance.
IDLE_SECONDS = 2.0
#: Bytes of an answer's body that are kept.
KEPT = 1_024
#: Why no connection came about is nobody's business: see above.
_UNREACHABLE = frozenset({"dns", "connect", "forbidden_address"})


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of an attempt: a status, or an error of ``webhooks.attempts`` (a redirect has both)."""

    status: int | None = None
    error: str | None = None
    retry_after: str | None = None
    answer: bytes | None = None


class Poster:
    """Sends messages through connections of its own. ``user_agent`` names product, version and a contact."""

    def __init__(
        self,
        guard: Guard,
        user_agent: str,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        reach_seconds: float = REACH_SECONDS,
        clients: Clients | None = None,
    ) -> None:
        self._clients = clients or Clients(
            guard, idle_seconds=IDLE_SECONDS, connection=Receipt, repeats=False, open_seconds=reach_seconds
        )
        self._agent = user_agent
        self._deadline = deadline_seconds
        self._reach = reach_seconds

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Sent:
        """One attempt. Nothing but cancellation gets out as an exception."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(url, headers, body)
        except TimeoutError:
            return Sent(error="timeout")
        except NetworkError as error:
            if error.reason not in _UNREACHABLE:
                return Sent(error=error.reason)
        except (BadUrl, UnicodeError):
            pass
        await asyncio.sleep(began + self._reach - loop.time())
        return Sent(error="unreachable")

    def close(self) -> None:
        """Drop every idle connection."""
        self._clients.close()

    async def _exchange(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Sent:
        target = split_url(url)
        lines = (
            f"POST {target.target} HTTP/1.1",
            f"Host: {target.origin.authority}",
            f"User-Agent: {self._agent}",
            "Accept-Encoding: identity",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers),
            "",
            "",
        )
        answer = await self._clients.exchange(target.origin, "\r\n".join(lines).encode("latin-1") + body)
        named = {name.lower(): value for name, value in answer.headers}
        return Sent(
            answer.status,
            "redirect" if 300 <= answer.status < 400 else None,
            named.get(b"retry-after", b"").decode("latin-1") or None,
            answer.body[:KEPT],
        )
