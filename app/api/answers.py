"""The answers to questions, as the OpenAPI document describes them: silence, the board, participation.

They are encoded from plain rows (see ``replies``); a test holds them against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.meanings import ByChance, Meaning, NoMeaning, Worth
from app.api.models import KindName, Page
from app.api.weighing import Expected, PastWindow, Window, WindowWorth
from app.domain.models import OutcomeName
from app.domain.outcomes import Reason

Answer = Literal["posted", "silent", "unknown"]
StateName = Literal["active", "quiet", "unknown"]


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
    compared: list[PastWindow] = Field(description="With `weeks`: the latest first.")
    items: list[Taking]
