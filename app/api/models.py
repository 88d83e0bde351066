"""The shapes of requests, and of the answers as the OpenAPI document describes them.

Bodies that come in are validated by these models. Answers are encoded from plain rows (see ``replies``); a test holds
them against the models here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.api.reading import Line, Name, Tag, in_range
from app.domain.models import OutcomeName
from app.domain.outcomes import Reason

Role = Literal["personal", "official", "brand"]
Scope = Literal["read", "write", "admin"]
Pasted = Annotated[Line, Field(min_length=1, max_length=2048)]
#: An instant with an offset, between 1990 and 2100, in UTC.
Moment = Annotated[AwareDatetime, AfterValidator(in_range)]
Tags = Annotated[list[Tag], Field(max_length=50)]


class Body(BaseModel):
    """A request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:quietwatch:problem:bad-zone"])
    title: str
    status: int
    detail: str
    field: str | None = None
    hint: str | None = None
    tried: list[str] | None = None
    errors: list[dict[str, str]] | None = None


class NewKey(Body):
    """What a new key shall be."""

    name: Name = Field(examples=["newsroom dashboard"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3)] = ["read"]


class Key(BaseModel):
    """A key without its secret."""

    prefix: str = Field(examples=["3f9a1c0b77de"])
    name: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeKey(Key):
    """A key at the only moment its secret is shown."""

    key: str


class Page(BaseModel):
    """What every list has beside its items."""

    next: str | None = Field(description="The cursor of the next page, null at the end.")
    method: str = Field(description="How the rows came about and what they cover.")


class Keys(Page):
    """A list of keys."""

    items: list[Key]


class Check(BaseModel):
    """One part of readiness."""

    ok: bool
    detail: str


class Readiness(BaseModel):
    """Whether this service can do its work now."""

    status: Literal["ready", "unready"]
    checks: dict[str, Check]


class Liveness(BaseModel):
    """The process runs."""

    status: Literal["alive"]


class PlatformAbout(BaseModel):
    """What a platform needs and can see."""

    name: str
    title: str
    sees: str
    cannot_see: str
    needs: str
    history: str
    batch: str
    limits: str
    terms: str
    margin: str
    margin_seconds: int


class Platforms(Page):
    """A list of platforms."""

    items: list[PlatformAbout]


Anything = dict[str, Any]

Status = Literal["watched", "paused", "stopped"]


class NewAccount(Body):
    """What to watch: ``url`` or ``handle`` (either takes anything a person would paste), and how to file it."""

    url: Pasted | None = Field(None, examples=["https://bsky.app/profile/alice.bsky.social"])
    handle: Pasted | None = Field(None, examples=["@user@mastodon.example"])
    subject: Name | None = Field(None, description="Id or name; a new name makes a subject.")
    zone: Line | None = Field(None, max_length=64, description="The IANA zone of a new subject.")
    tags: Tags = []
    role: Role = "official"
    valid_from: Moment | None = None
    valid_to: Moment | None = None

    @model_validator(mode="after")
    def one_name(self) -> Self:
        """Exactly one of url and handle."""
        if (self.url is None) == (self.handle is None):
            raise ValueError("give exactly one of url and handle")
        return self

    @property
    def pasted(self) -> str:
        """What the person pasted."""
        return (self.url or self.handle or "").strip()


class AccountChange(Body):
    """What a person decides about an account. Left out: stays; null: taken away."""

    tags: Tags = []
    role: Role = "official"
    status: Literal["watched", "paused"] = "watched"
    subject: Name | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class Account(BaseModel):
    """A watched account."""

    id: str = Field(examples=["acc_1f0c55d2a9b34e6f7a80"])
    key: str = Field(examples=["bluesky:alice.bsky.social"])
    platform: str
    native_id: str
    handle: str
    display_name: str
    profile_url: str
    subject: str | None
    subject_id: str | None
    zone: str
    role: Role
    status: Status
    tags: list[str]
    valid_from: datetime | None
    valid_to: datetime | None
    created_at: datetime | None
    added_at: datetime


class Accounts(Page):
    """A list of accounts."""

    items: list[Account]


class NewSubject(Body):
    """A person or organisation."""

    name: Name
    zone: Annotated[Line, Field(max_length=64)] = Field("UTC", examples=["Europe/Paris"])


class SubjectChange(Body):
    """What is left out stays."""

    name: Name = ""
    zone: Annotated[Line, Field(max_length=64)] = "UTC"


class Subject(BaseModel):
    """A person or organisation; ``accounts`` is how many accounts it has."""

    id: str = Field(examples=["sub_77e01b5ad6c8f09122d4"])
    name: str
    zone: str
    accounts: int
    added_at: datetime


class Subjects(Page):
    """A list of subjects."""

    items: list[Subject]


class TagUse(BaseModel):
    """A tag and how many accounts have it."""

    tag: str
    accounts: int


class TagList(Page):
    """A list of tags."""

    items: list[TagUse]


class ImportedRow(BaseModel):
    """What became of one row."""

    row: int
    input: str
    result: Literal["added", "known", "would_add", "failed"]
    account: Account | None
    problem: ProblemDocument | None


class Imported(Page):
    """One result per row."""

    dry_run: bool
    totals: dict[str, int]
    items: list[ImportedRow]


class Change(BaseModel):
    """One change that somebody made."""

    at: datetime
    actor: str
    action: str
    object: str


class Audit(Page):
    """The audit log, newest first."""

    items: list[Change]


KindName = Literal["original", "reply", "repost", "quote", "story"]


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


Answer = Literal["posted", "silent", "unknown"]


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


StateName = Literal["active", "quiet", "unknown"]


class BoardRow(BaseModel):
    """One line of the board."""

    account: ShortAccount
    state: StateName
    reasons: list[Reason]
    last_post: LastPost | None
    streak: OpenStreak
    last_look: LastLook | None
    note: str


class Board(Page):
    """The board. ``totals`` counts the whole set by state; null for other kinds or an earlier moment."""

    at: datetime
    min: str
    totals: dict[StateName, int] | None
    items: list[BoardRow]


class Silence(BaseModel):
    """Silence of one account. ``meaning`` and ``rule`` are null in this version."""

    account: ShortAccount
    at: datetime
    min: str
    state: StateName
    reasons: list[Reason]
    last_post: LastPost | None
    streak: RecordedStreak
    last_look: LastLook | None
    note: str
    meaning: None
    rule: None


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


class ParticipationQuestion(Body):
    """Start and end, start and length, a length up to now, or a date; and a set of accounts."""

    start: Annotated[Line, Field(max_length=40)] | None = Field(None, examples=["2026-11-20T00:00:00Z"])
    end: Annotated[Line, Field(max_length=40)] | None = None
    length: Annotated[Line, Field(max_length=40)] | None = None
    date: Annotated[Line, Field(max_length=10)] | None = None
    zone: Annotated[Line, Field(max_length=64)] | None = None
    tag: Tag | None = None
    platform: Annotated[Line, Field(max_length=32)] | None = None
    subject: Name | None = None
    accounts: Annotated[list[Pasted], Field(max_length=1000)] | None = None
    kinds: Annotated[list[KindName], Field(min_length=1, max_length=5)] | None = None
    as_of: Annotated[Line, Field(max_length=40)] | None = None


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


class Participation(Page):
    """Who took part. ``window`` is null where each subject has its own day (``date``)."""

    at: datetime
    window: Window | None
    date: str | None
    totals: dict[Literal["accounts", "posted", "silent", "unknown"], int]
    items: list[Taking]
