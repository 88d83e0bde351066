"""The values every other package speaks in.

Promises: everything here is frozen; every ``datetime`` is aware and in UTC; durations are ``timedelta``.
The words are those of docs/truth.md. What exists by the dozen for each look is a NamedTuple: a frozen dataclass takes
three times as long to make.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple


class Kind(enum.IntFlag):
    """What sort of posting event a post is. A set of kinds is an or of them; one post has exactly one."""

    ORIGINAL = 1
    REPLY = 2
    REPOST = 4
    QUOTE = 8
    STORY = 16


#: What counts unless a question says otherwise.
DEFAULT_KINDS = Kind.ORIGINAL | Kind.REPLY | Kind.REPOST | Kind.QUOTE
KIND_NAMES: dict[str, Kind] = {
    "original": Kind.ORIGINAL,
    "reply": Kind.REPLY,
    "repost": Kind.REPOST,
    "quote": Kind.QUOTE,
    "story": Kind.STORY,
}


class OutcomeName(enum.StrEnum):
    """How one poll ended. The set is closed; only PAGE and UNCHANGED prove anything."""

    PAGE = "page"
    UNCHANGED = "unchanged"
    RATE_LIMITED = "rate_limited"
    AUTH_REQUIRED = "auth_required"
    GONE = "gone"
    SUSPENDED = "suspended"
    PRIVATE = "private"
    MOVED = "moved"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"


class DateNote(enum.IntFlag):
    """What had to be assumed about a post's time."""

    NONE = 0
    ZONE_ASSUMED = 1  # the source named no zone; UTC was assumed
    MISSING = 2  # no date: the post lies between the previous good look and the first sight
    UNREADABLE = 4  # a date that nobody can read, or before 1995; treated as missing
    CLAMPED = 8  # a date after the first sight; clamped to the first sight
    BACKDATED = 16  # more than a day before the first sight, inside live coverage; does not break a streak


class SeenPost(NamedTuple):
    """One posting event as a page shows it, before it is compared with what is known."""

    native_id: str
    """Stable id within the account, at most 512 characters (longer ids are replaced by their hash)."""
    kind: Kind
    posted_at: datetime | None
    """The time the source claims, or None where it gives no usable one."""
    url: str | None = None
    """Permalink, or None where the platform derives it from the id (``Platform.post_url``)."""
    note: DateNote = DateNote.NONE
    alias: str | None = None
    """A second name of the same post (for feeds the link): more than half of a page with unknown ids but known
    aliases is a re-keyed feed, not news."""


class Post(NamedTuple):
    """One posting event as it is known. ``posted_at`` is the effective time: min(claimed, first seen)."""

    native_id: str
    kind: Kind
    posted_at: datetime
    first_seen_at: datetime
    url: str | None = None
    note: DateNote = DateNote.NONE
    posted_after: datetime | None = None
    """For a post without a date: it was made in [posted_after, posted_at]; the event carries that uncertainty."""
    deleted_seen_at: datetime | None = None
    """When the post was found to be deleted. A deleted post still counts as posted."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A half-open stretch of time [start, end). Empty when end <= start."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """Elapsed time, never negative."""
        return max(self.end - self.start, timedelta(0))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of coverage: within [start, end) every post of ``kinds`` still visible at the looks is known.

    It grew out of looks between ``recorded_from`` and ``recorded_to`` (our clock, request start). ``largest_gap`` is
    the longest time between two of those looks; ``lag`` the most that a proof ever fell short of its look (settling
    margin plus cache age). Both bound what was known at an earlier moment, see ``domain.coverage.known_at``.
    """

    start: datetime
    end: datetime
    kinds: Kind
    live: bool
    recorded_from: datetime
    recorded_to: datetime
    largest_gap: timedelta = timedelta(0)
    lag: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Page:
    """A look that showed posts (or proved that there are none)."""

    posts: tuple[SeenPost, ...]
    kinds: Kind
    """Every kind this listing would show."""
    complete: bool = False
    """The listing (all pages of it together) is the account's whole visible history."""
    ordered: bool = False
    """The source guarantees newest first with nothing pinned in between (Bluesky, Mastodon API); False for feeds,
    where up to three items may float."""
    handle: str | None = None
    """The handle the source gives now; a difference from the stored one is a rename."""
    counter: int | None = None
    """The batch counter's value that belongs to this page, where known."""
    account_created_at: datetime | None = None
    least_interval: timedelta | None = None
    """The source asks not to be looked at more often (max-age, ttl, syndication period)."""
    memory: dict[str, object] | None = None
    """What the platform wants to be told next time (replaces ``Target.memory``); None keeps it."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A look that proved that nothing changed since the last proven page, for these kinds only."""

    kinds: Kind
    counter: int | None = None
    least_interval: timedelta | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A look that proves nothing. ``outcome`` is any name but PAGE and UNCHANGED."""

    outcome: OutcomeName
    reason: str
    """Short stable code such as ``login_wall``, ``too_large``, ``dns``, ``http_503``, ``not_a_feed``."""
    detail: str = ""
    """One line for a person; never a body, never an address of our own network."""
    retry_after: timedelta | None = None
    """The source asked us to wait this long from now (already bounded to 0..7 days)."""
    moved_to: str | None = None
    """For MOVED: the new account as a person would paste it."""
    handle: str | None = None
    stop: bool = False
    """The source said 410 or the like: never ask again unless a person says so."""


#: What one look at one account came to.
Look = Page | Unchanged | Failure


@dataclass(frozen=True, slots=True)
class Identity:
    """What resolving a pasted link or handle found."""

    platform: str
    native_id: str
    """The platform's stable id: a DID, ``<host>/<account id>`` for Mastodon, the canonical URL for a feed."""
    handle: str
    """As a person writes it: ``alice.bsky.social``, ``@user@host``, the feed's address."""
    host: str
    """Where the polls go, ``name`` or ``name:port``; the unit of politeness."""
    profile_url: str
    display_name: str = ""
    created_at: datetime | None = None
    memory: dict[str, object] = field(default_factory=dict)
