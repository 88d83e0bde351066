"""The shapes of request bodies, validated by these models. Unknown members are refused."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.api.models import KindName, Role, Scope
from app.api.reading import Line, Name, Tag, in_range

Pasted = Annotated[Line, Field(min_length=1, max_length=2048)]
#: An instant with an offset, between 1990 and 2100, in UTC.
Moment = Annotated[AwareDatetime, AfterValidator(in_range)]
Tags = Annotated[list[Tag], Field(max_length=50)]


class Body(BaseModel):
    """A request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NewKey(Body):
    """What a new key shall be."""

    name: Name = Field(examples=["newsroom dashboard"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3)] = ["read"]


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


class NewSubject(Body):
    """A person or organisation."""

    name: Name
    zone: Annotated[Line, Field(max_length=64)] = Field("UTC", examples=["Europe/Paris"])


class SubjectChange(Body):
    """What is left out stays."""

    name: Name = ""
    zone: Annotated[Line, Field(max_length=64)] = "UTC"


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
    weeks: Annotated[int, Field(ge=0, le=26)] = Field(0, description="Compare with the same window in weeks before.")
