"""The answers to questions, as the OpenAPI document describes them: history, silence, participation.

They are encoded from plain rows (see ``replies``); a test holds them against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.meanings import ByChance, Meaning, NoMeaning, Worth
from app.api.models import KindName, Page
from app.api.weighing import Expected, WindowWorth
from app.domain.models import OutcomeName
from app.domain.outcomes import Reason

Answer = Literal["posted", "silent", "unknown"]
StateName = Literal["active", "quiet", "unknown"]


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


class Evidence(BaseModel):
    """A post as proof."""

    posted_at: datetime
    kind: KindName
    url: str | None
    posted_after: datetime | None
    deleted_seen_at: datetime | None = Field(description="A deleted post still counts as posted.")


class ShortAccount(BaseModel):
    """An account inside an answer."""

    id: str
    platform: str
    handle: str
    subject: str | None


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


class LastPost(BaseModel):
    """The last post on record."""

    posted_at: datetime
    kind: KindName
    url: str | None
    posted_after: datetime | None = None
    deleted_seen_at: datetime | None = None


class OpenStreak(BaseModel):
    """The silence that runs now. Proven: up to the end of contiguous coverage; possible: up to now."""

    since: datetime | None
    proven: str
    proven_seconds: float
    possible: str | None
    possible_seconds: float | None
    observed_until: datetime | None
    read_back: bool


class RecordedStreak(OpenStreak):
    """The silence that runs now, beside the longest on record."""

    largest_gap: str = Field(description="The longest time between two looks in it.")
    largest_gap_seconds: float
    longest_on_record: str | None
    longest_on_record_seconds: float | None
    rank: int | None = Field(description="1 where this is the longest on record, else null.")


class LastLook(BaseModel):
    """The last look and since when looks end like it."""

    at: datetime
    outcome: OutcomeName
    reason: str | None
    since: datetime | None


class BoardRow(BaseModel):
    """One line of the board."""

    account: ShortAccount
    state: StateName
    reasons: list[Reason]
    last_post: LastPost | None
    streak: OpenStreak
    last_look: LastLook | None
    note: str
    meaning: Worth | None
    no_meaning: NoMeaning | None


class Board(Page):
    """The board. ``totals`` and ``by_chance`` are of the whole set; null for other kinds or an earlier moment."""

    at: datetime
    min: str
    totals: dict[StateName, int] | None
    by_chance: ByChance | None
    items: list[BoardRow]


class Judged(BaseModel):
    """What a rule makes of an account."""

    id: str
    name: str
    kind: Literal["fixed", "adaptive"]
    state: StateName
    since: datetime
    quiet_since: datetime | None
    deadline: datetime | None
    held_since: datetime | None = Field(description="A transition waits for fresh evidence of a degraded source.")


class Silence(BaseModel):
    """Silence of one account."""

    account: ShortAccount
    at: datetime
    min: str
    state: StateName
    reasons: list[Reason]
    last_post: LastPost | None
    streak: RecordedStreak
    last_look: LastLook | None
    note: str
    meaning: Meaning | None = Field(description="What the silence is worth by the account's own rhythm.")
    no_meaning: NoMeaning | None = Field(description="Why meaning is null.")
    rule: Judged | None = Field(description="Of the rules that judge it the one with the earliest deadline.")
    rules: list[Judged] = Field(description="All of them; none for an earlier moment.")


class LongestStreak(BaseModel):
    """The longest streak by what is possible."""

    since: datetime
    until: datetime | None
    open: bool
    proven: str
    proven_seconds: float
    possible: str
    possible_seconds: float


class LongestProven(BaseModel):
    """The longest proven part of any streak."""

    since: datetime
    length: str
    seconds: float


class LongestRow(BaseModel):
    """The longest streak of one account."""

    account: ShortAccount
    longest: LongestStreak | None
    longest_proven: LongestProven | None


class LongestList(Page):
    """The longest streaks of a set of accounts."""

    at: datetime
    within: str
    items: list[LongestRow]


class Window(BaseModel):
    """[start, end)."""

    start: datetime
    end: datetime


class Taking(BaseModel):
    """The answer about one account and its window."""

    account: ShortAccount
    answer: Answer
    window: Window | None
    posts_at_least: int
    evidence: list[Evidence]
    covered_share: float
    largest_gap: str | None
    largest_gap_seconds: float | None
    read_back: bool
    reasons: list[Reason | Literal["no_such_day"]]
    note: str
    meaning: WindowWorth | None
    no_meaning: NoMeaning | None


class Participation(Page):
    """Who took part. ``window`` is null where each subject has its own day (``date``)."""

    at: datetime
    window: Window | None
    date: str | None
    totals: dict[Literal["accounts", "posted", "silent", "unknown"], int]
    expected: Expected | None = Field(description="Null for other kinds or an earlier moment.")
    items: list[Taking]
