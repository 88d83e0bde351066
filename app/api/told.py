"""What is told, as the OpenAPI document describes it: events and rules.

They are encoded from plain rows (see ``replies``); a test holds them against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.answers import ShortAccount, StateName
from app.api.models import KindName, Page
from app.domain.events import EventType


class Event(BaseModel):
    """One event. ``timestamp`` is when it became true; the same body goes to webhooks, without id and position."""

    id: str = Field(examples=["evt_9c1d02ab77ef4410c3a5d6e8"], description="The same everywhere; a webhook's id.")
    position: str = Field(description="Its place in the log: for `after` and `Last-Event-ID` of the stream.")
    type: EventType
    timestamp: datetime
    sequence: int = Field(description="Counts the events of its account; 0 without one.")
    recorded_at: datetime
    data: dict[str, Any]


class Events(Page):
    """A page of the log."""

    items: list[Event]


class FeedLink(BaseModel):
    """A link that opens one feed without a key."""

    url: str = Field(description="Without `public_url` in the settings it begins with the path.")
    key: str = Field(description="The prefix of the key it belongs to: revoking the key ends the link.")


class QuietHours(BaseModel):
    """Local hours in which no message is sent."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    from_: str = Field(alias="from", serialization_alias="from")
    to: str
    zone: str


class Pause(BaseModel):
    """Time in which no message is sent."""

    from_: datetime = Field(alias="from", serialization_alias="from")
    to: datetime


class Rule(BaseModel):
    """A rule. It is on an account, a subject, a tag or, where all three are null, on everything."""

    id: str = Field(examples=["rul_5b1c7e90d2f4a6b8c3e1"])
    name: str
    kind: Literal["fixed", "adaptive"]
    status: Literal["active", "paused"]
    account: str | None
    subject: str | None
    tag: str | None
    length: str | None
    length_seconds: float | None
    false_alarms: float | None
    least: str | None
    least_seconds: float | None
    greatest: str | None
    greatest_seconds: float | None
    kinds: list[KindName]
    late: str | None
    late_seconds: float | None
    repeat_every: str | None
    repeat_every_seconds: float | None
    repeat_most: int
    quiet_hours: list[QuietHours]
    pauses: list[Pause]
    version: int = Field(description="Grows with every change that may change a judgement.")
    created_at: datetime
    updated_at: datetime


class Rules(Page):
    """A list of rules."""

    items: list[Rule]


class RuleState(BaseModel):
    """What a rule makes of an account."""

    account: ShortAccount
    state: StateName
    since: datetime = Field(description="When the state became true.")
    last_post_at: datetime | None
    deadline: datetime | None = Field(description="Quiet from then on, without a post.")
    late_at: datetime | None
    held_since: datetime | None = Field(description="A transition waits for fresh evidence of a degraded source.")
    reminders: int
    judged: bool = Field(description="False for the moment between a change and its judgement.")


class RuleStates(Page):
    """What a rule makes of each account."""

    rule: str
    totals: dict[StateName, int]
    items: list[RuleState]
