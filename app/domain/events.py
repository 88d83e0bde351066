"""What is told: the types of events and one event before it is recorded.

Promises: frozen values. An event says what became true and when (``occurred_at``), not when it was noticed; it holds
the same objects as the API's answers and never a post's content.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class EventType(enum.StrEnum):
    """The closed set of types."""

    QUIET = "account.quiet"
    RESUMED = "account.resumed"
    LATE = "account.late"
    """A stage before quiet, for rules that ask for it."""
    REMINDER = "account.reminder"
    """Still quiet, for rules that ask for it."""
    UNOBSERVABLE = "account.unobservable"
    OBSERVABLE = "account.observable"
    MOVED = "account.moved"
    RENAMED = "account.renamed"
    REVISED = "verdict.revised"
    DEGRADED = "source.degraded"
    RECOVERED = "source.recovered"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_TEST = "endpoint.test"


#: Told to people who did not choose: everything but housekeeping.
USUAL = frozenset(EventType) - {EventType.RENAMED, EventType.ENDPOINT_TEST}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to record. Times are aware UTC."""

    type: EventType
    occurred_at: datetime
    """When it became true: for quiet the deadline, for resumed the post."""
    data: Mapping[str, object]
    account_id: int | None = None
    rule_id: int | None = None
    tell_at: datetime | None = None
    """Messages about it wait until then (quiet hours, planned pauses); the log does not."""
    only_webhook: int | None = None
    """Sent to this endpoint alone (a test)."""
    not_webhook: int | None = None
    """Not sent to this endpoint (it is the one that was disabled)."""
