"""Whether it is the source that fails, not the people: many accounts of one host, platform or network at once.

Assumes counts over the watched accounts at one moment. Promises: pure; a few accounts that fail by themselves, however
long, never make a source degraded; one degraded source stands for all its accounts. Nothing is concluded from a mere
lack of posts: people who fall silent together are what this service exists to report.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.models import OutcomeName
from app.domain.outcomes import GROUPS, Group

#: Outcomes that can have one cause for many accounts. An account that is gone, suspended, private or moved is its own
#: affair.
SHARED = frozenset(
    outcome for outcome, group in GROUPS.items() if group is Group.PASSING
) | {OutcomeName.AUTH_REQUIRED, OutcomeName.REFUSED}  # fmt: skip
#: Looks this recent say how a source is doing ...
RECENT = timedelta(hours=1)
#: ... and, once it is degraded, whether it answers again.
LATELY = timedelta(minutes=15)
#: A failure that has lasted longer did not begin together with others just now.
TOGETHER = timedelta(hours=6)
#: From this share of the accounts looked at on, and at least so many, they fail together (Sentry Crons: 30 %).
SHARE = 0.3
LEAST = 3
#: A host that cannot be reached at all is given so long to come back before anybody is told.
PATIENCE = timedelta(minutes=3)
#: Half of at least three hosts unreachable at the same time: it is our own network.
NETWORK_SHARE = 0.5
NETWORK_LEAST = 3


class Scope(enum.StrEnum):
    """How far a failure reaches, widest first: the wider stands for the narrower."""

    NETWORK = "network"
    PLATFORM = "platform"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Tally:
    """How the accounts of one source are doing. For the network, ``hosts`` and ``hosts_down`` count."""

    accounts: int
    """All that are watched."""
    looked: int = 0
    """Looked at within RECENT, chronic failures left out."""
    failing: int = 0
    """Of them, those whose last look failed with a SHARED outcome, for at most TOGETHER."""
    answering: int = 0
    """Looked at within LATELY with a proof."""
    refusing: int = 0
    """Looked at within LATELY with a SHARED outcome."""
    hosts: int = 1
    """Hosts looked at within RECENT."""
    hosts_down: int = 0
    """Of them, those that cannot be reached now."""
    hosts_failing: int = 0
    """Hosts with failing accounts."""
    down_since: datetime | None = None
    """A host: since when it cannot be reached; None where it can."""
    waits_until: datetime | None = None
    """A host: it asked us to stay away until then."""
    reason: str | None = None
    """The commonest outcome of those that fail."""
    platform: str | None = None
    """A host: the platform that most of its accounts belong to."""
    canary: str | None = None
    """What the operator's canary account shows: a reason to distrust the platform, or None."""


def failing(scope: Scope, tally: Tally, now: datetime) -> str | None:
    """Why the source is degraded, a stable code; None where it is not."""
    if scope is Scope.NETWORK:
        down = tally.hosts >= NETWORK_LEAST and tally.hosts_down >= NETWORK_SHARE * tally.hosts
        return "unreachable" if down else None
    if tally.canary is not None:
        return tally.canary
    if tally.accounts < LEAST:
        return None
    if tally.down_since is not None and now - tally.down_since >= PATIENCE:
        return "unreachable"
    if tally.waits_until is not None and tally.waits_until - now > LATELY:
        return "rate_limited"
    together = tally.failing >= LEAST and tally.failing >= SHARE * tally.looked
    if together and (scope is Scope.HOST or tally.hosts_failing > 1):
        return tally.reason or "unreachable"
    return None


def recovered(scope: Scope, tally: Tally, now: datetime) -> bool:
    """Whether a degraded source is in order again: it is reached, and most of those asked lately were answered."""
    if scope is Scope.NETWORK:
        return tally.hosts_down < NETWORK_SHARE * tally.hosts and tally.answering > 0
    waits = tally.waits_until is not None and tally.waits_until > now
    if tally.canary is not None or tally.down_since is not None or waits:
        return False
    return tally.answering > 0 and tally.refusing < SHARE * (tally.answering + tally.refusing)
