"""What every operation of the web process shares. Made once by ``app.main.create_app``; nothing here is a global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import Request

from app.domain.messages import Message
from app.domain.models import Identity
from app.platforms.base import Platform
from app.sealing import Sealer

if TYPE_CHECKING:
    from app.api.gate import KeyRing
    from app.api.live import Live

#: From what a person pasted to an account; raises ResolveError. Needs the network, so the composition root brings it.
Resolver = Callable[[str], Awaitable[Identity]]


class Courier(Protocol):
    """Who brings messages to people. Needs the network, so the composition root brings it."""

    async def check(self, address: str) -> str | None:
        """Why an address cannot be used, None where it can."""
        ...

    async def send(self, address: str, message: Message) -> str | None:
        """None where it was taken, else a stable reason."""
        ...


@dataclass(slots=True, kw_only=True)
class Context:
    """``clock`` gives our wall clock in UTC; ``secret`` signs cursors and sign-in links and stays in the process."""

    engine: Any  # an AsyncEngine; only app.storage knows SQLAlchemy
    clock: Callable[[], datetime]
    secret: bytes
    keys: KeyRing
    live: Live
    platforms: Mapping[str, Platform]
    margins: Mapping[str, int]
    """Settling margins in seconds that the operator set in place of the documented ones."""
    sealer: Sealer
    """Encrypts what others trusted us with: webhook secrets, notifiers' addresses."""
    vet_endpoint: Callable[[str], None]
    """Refuses addresses that cannot be an endpoint (BadInput). The composition root brings it: it knows the guard."""
    newest_schema: str
    """The revision of the schema that this version needs."""
    hosts: frozenset[str] = frozenset()
    """Names, beside loopback and addresses, that requests may carry as their Host."""
    keep_events: timedelta = timedelta(days=400)
    """How long events are kept."""
    open_metrics: bool = False
    public_url: str = ""
    """What stands before our paths in links that leave the service; empty where the operator did not say."""
    resolver: Resolver | None = None
    messenger: Courier | None = None


def of(request: Request) -> Context:
    """The context of the application that serves this request."""
    context: Context = request.app.state.context
    return context
