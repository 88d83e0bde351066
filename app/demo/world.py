"""What really happened: personas, their posting events, and what an origin would show of them at a moment.

Promises: pure; every time is aware UTC. ``events`` is the truth that answers are checked against.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.models import Kind

#: Mastodon ids: milliseconds since the epoch in the high bits, 16 bits of sequence below.
_SEQUENCE_BITS = 16


@dataclass(frozen=True, slots=True)
class Event:
    """One posting event of a persona."""

    native_id: str
    """What a feed shows as its id: a number in decimal, unique in the world, growing with ``appears_at``."""
    claimed_at: datetime
    """The time the post carries."""
    appears_at: datetime
    """When the origin begins to show it; later than ``claimed_at`` for a back-dated post."""
    kind: Kind = Kind.ORIGINAL
    deleted_at: datetime | None = None

    def shown(self, at: datetime) -> bool:
        """Whether the origin shows it at this moment."""
        return self.appears_at <= at and (self.deleted_at is None or at < self.deleted_at)


def snowflake(at: datetime, sequence: int) -> str:
    """An id in the form Mastodon gives to a local status made at ``at``."""
    return str((int(at.timestamp() * 1000) << _SEQUENCE_BITS) | (sequence & 0xFFFF))


@dataclass(slots=True)
class Persona:
    """One account of the world. ``format`` is ``rss``, ``atom``, ``json`` (feeds) or ``mastodon``."""

    name: str
    format: str
    events: list[Event]
    page_size: int = 20
    pages: bool = False
    """A feed that can be paged back; Mastodon always can."""
    pinned: frozenset[str] = frozenset()
    renames: list[tuple[datetime, str]] = field(default_factory=list)
    gone_from: datetime | None = None
    gone_status: int = 404
    max_age: timedelta | None = None
    _by_claim: list[Event] = field(default_factory=list, repr=False)
    _claims: list[datetime] = field(default_factory=list, repr=False)
    _by_id: dict[str, Event] = field(default_factory=dict, repr=False)
    _appearances: list[datetime] = field(default_factory=list, repr=False)
    _deletions: list[datetime] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Sort again after ``events`` was changed."""
        self._by_claim = sorted(self.events, key=lambda e: (e.claimed_at, e.native_id))
        self._claims = [e.claimed_at for e in self._by_claim]
        self._by_id = {e.native_id: e for e in self._by_claim}
        self._appearances = sorted(e.appears_at for e in self.events)
        self._deletions = sorted(e.deleted_at for e in self.events if e.deleted_at is not None)

    def handle(self, at: datetime) -> str:
        """The name the account goes by at this moment."""
        return next((new for since, new in reversed(self.renames) if since <= at), self.name)

    def recent(self, at: datetime, count: int, before: Event | None = None) -> list[Event]:
        """The ``count`` newest shown events, or the newest after ``before`` in the list (paging)."""
        end = bisect.bisect_right(self._claims, at)
        if before is not None:
            end = bisect.bisect_left(self._claims, before.claimed_at)
            while end < len(self._by_claim) and self._by_claim[end] is not before:
                end += 1
        found: list[Event] = []
        for index in range(end - 1, -1, -1):
            event = self._by_claim[index]
            if event.shown(at):
                found.append(event)
                if len(found) == count:
                    break
        return found

    def count(self, at: datetime) -> int:
        """How many events the origin would count: those shown."""
        return bisect.bisect_right(self._appearances, at) - bisect.bisect_right(self._deletions, at)

    def find(self, native_id: str) -> Event | None:
        """The event with this id."""
        return self._by_id.get(native_id)


@dataclass(slots=True)
class World:
    """All personas by name."""

    personas: dict[str, Persona]

    @classmethod
    def of(cls, personas: Iterable[Persona]) -> World:
        """A world of these personas; names must differ."""
        return cls({p.name: p for p in personas})

    def named(self, handle: str, at: datetime) -> Persona | None:
        """The persona that goes by this name now (an old name no longer finds a renamed account)."""
        direct = self.personas.get(handle)
        if direct is not None and direct.handle(at) == handle:
            return direct
        return next((p for p in self.personas.values() if p.handle(at) == handle), None)
