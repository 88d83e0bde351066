"""What is kept, as the OpenAPI document describes it: accounts, subjects, tags, keys, health.

Answers are encoded from plain rows (see ``replies``); a test holds them against the models here and in ``answers``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Role = Literal["personal", "official", "brand"]
Scope = Literal["read", "write", "admin"]
Status = Literal["watched", "paused", "stopped"]
KindName = Literal["original", "reply", "repost", "quote", "story"]


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


class SourceName(BaseModel):
    """How far a failure reaches; ``name`` is null for our own network."""

    scope: Literal["host", "platform", "network"]
    name: str | None = Field(examples=["mastodon.example"])


class SourceHealth(BaseModel):
    """A host, a platform or our own network that failed for many accounts at once, now or earlier."""

    source: SourceName
    degraded: bool
    since: datetime | None = Field(description="Since when it has been degraded.")
    recovered_at: datetime | None
    reason: str | None
    failing: int = Field(description="Accounts that failed together when it was noticed.")
    accounts: int
    held: int = Field(description="Quiet transitions that wait for it, to be decided on fresh evidence.")


class Sources(Page):
    """Sources, the degraded ones first."""

    items: list[SourceHealth]


class Change(BaseModel):
    """One change that somebody made."""

    at: datetime
    actor: str
    action: str
    object: str


class Audit(Page):
    """The audit log, newest first."""

    items: list[Change]
