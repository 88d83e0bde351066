"""Notifiers as they are asked for and answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from app.api.bodies import Body, Tags
from app.api.models import Page
from app.api.reading import Line, Name
from app.domain.durations import format_duration, parse_duration
from app.domain.events import EventType
from app.domain.services import LONGEST

LONGEST_DIGEST = timedelta(days=7)
Language = Literal["en", "fr"]


def _told(value: EventType) -> EventType:
    if value is EventType.ENDPOINT_TEST:
        raise ValueError("is not told to people")
    return value


def _digest(value: str) -> str:
    return format_duration(parse_duration(value, most=LONGEST_DIGEST))


Types = Annotated[list[Annotated[EventType, AfterValidator(_told)]], Field(min_length=1, max_length=20)]
Address = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]
Digest = Annotated[Line, Field(max_length=40), AfterValidator(_digest)]
Zone = Annotated[Line, Field(max_length=64)]


class NewNotifier(Body):
    """Whom to tell, how, and of what."""

    name: Name = Field(examples=["newsroom"])
    address: Address = Field(
        description="In Apprise's notation. It is encrypted and never shown again.",
        examples=["mailtos://user:password@example.org?to=desk@example.org"],
    )
    types: Types | None = Field(None, description="Types of events; left out: all but renamings.")
    tags: Tags | None = Field(None, description="Only accounts with one of these tags; left out: all.")
    language: Language = "en"
    zone: Zone = Field("UTC", description="The IANA zone of the times in messages.")
    digest: Digest = Field("PT1M", description="What happens within it is one message: PT0S to P7D.")


class NotifierChange(Body):
    """What is left out stays; null for types and tags takes the limit away. A new address begins anew."""

    name: Name = ""
    address: Address = SecretStr("")
    types: Types | None = None
    tags: Tags | None = None
    language: Language = "en"
    zone: Zone = "UTC"
    digest: Digest = "PT1M"
    status: Literal["enabled", "disabled"] = "enabled"


class Notifier(BaseModel):
    """A notifier without its address. ``reason`` says why the last message failed."""

    id: str = Field(examples=["ntf_4bd0c1f7e2a95836d0e1"])
    name: str
    service: str
    types: list[str] | None
    tags: list[str] | None
    language: Language
    zone: str
    digest: str
    digest_seconds: int
    status: Literal["enabled", "disabled"]
    reason: str | None
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    sent_at: datetime | None
    created_at: datetime


class Notifiers(Page):
    """A list of notifiers."""

    items: list[Notifier]


class Tested(BaseModel):
    """What came of a test message: whether the service took it, and why not."""

    delivered: bool
    reason: str | None
