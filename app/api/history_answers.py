"""What is on record of one account, as the OpenAPI document describes it: posts, streaks, days, coverage, looks.

They are encoded from plain rows (see ``replies``); a test holds them against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.answers import Answer, Evidence, ShortAccount
from app.api.models import KindName, Page
from app.domain.models import OutcomeName
from app.domain.outcomes import Reason


class Post(BaseModel):
    """One posting event."""

    posted_at: datetime = Field(description="The effective time: what the source claims, at most when first seen.")
    kind: KindName
    url: str | None
    id: str
    first_seen_at: datetime
    posted_after: datetime | None = Field(description="For a post without a date: made between this and posted_at.")
    deleted_seen_at: datetime | None
    notes: list[Literal["zone_assumed", "missing", "unreadable", "clamped", "backdated"]]


class Posts(Page):
    """A list of posts, newest first."""

    items: list[Post]


class Stretch(BaseModel):
    """A stretch of coverage or of its lack."""

    start: datetime
    end: datetime
    seen: Literal["live", "read_back", "not"]
    length: str
    length_seconds: float


class CoverageList(Page):
    """Stretches in the order of time."""

    items: list[Stretch]


class Poll(BaseModel):
    """One look, or several in a row that ended alike."""

    first_at: datetime
    last_at: datetime
    outcome: OutcomeName
    reason: str | None
    detail: str | None
    looks: int
    new_posts: int
    largest_gap: str
    largest_gap_seconds: float


class Polls(Page):
    """Looks, newest first."""

    items: list[Poll]


class Hole(BaseModel):
    """Time that no look covers."""

    start: datetime
    end: datetime


class Streak(BaseModel):
    """A silence: from one counted post to the next, or to now."""

    since: datetime
    until: datetime | None
    open: bool
    proven: str
    proven_seconds: float
    possible: str | None
    possible_seconds: float | None
    largest_gap: str
    largest_gap_seconds: float
    read_back: bool = Field(description="Some of it was read back later: posts deleted before that are missing.")
    unobserved: list[Hole]
    after: Evidence | None
    ended_by: Evidence | None


class Streaks(Page):
    """Streaks of one account."""

    account: ShortAccount
    at: datetime
    items: list[Streak]


class Day(BaseModel):
    """One local day."""

    date: str
    start: datetime
    end: datetime
    state: Answer
    posts: int
    by_kind: dict[KindName, int]
    covered_share: float
    reasons: list[Reason]
    note: str


class Calendar(Page):
    """Local days in order."""

    account: ShortAccount
    at: datetime
    zone: str
    items: list[Day]
