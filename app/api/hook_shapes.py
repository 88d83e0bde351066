"""Webhooks and deliveries as the OpenAPI document describes them, and the bodies that make and change them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.api.bodies import Body, Moment, Tags
from app.api.models import Page
from app.api.reading import Line
from app.domain.events import EventType

Address = Annotated[Line, Field(min_length=1, max_length=4096, examples=["https://example.org/hooks/quietwatch"])]
Types = Annotated[list[EventType], Field(min_length=1, max_length=50, description="Null: every type.")]
Secret = Annotated[Line, Field(max_length=200, description="`whsec_` and base64 of 24 to 64 random bytes.")]
PerSecond = Annotated[int, Field(ge=1, le=1000, description="Most deliveries a second. Null: no limit.")]
EventId = Annotated[Line, Field(min_length=1, max_length=64, examples=["evt_5f1d0c3a9be84c6d7e20af11"])]
DeliveryStatus = Literal["pending", "delivered", "failed", "held"]


class NewWebhook(Body):
    """An endpoint to be. Without a secret we make one."""

    url: Address
    description: Annotated[Line, Field(max_length=200)] = ""
    types: Types | None = None
    tags: Annotated[Tags, Field(min_length=1)] | None = Field(None, description="Only accounts with one of these.")
    per_second: PerSecond | None = None
    secret: Secret | None = None


class WebhookChange(Body):
    """What is left out stays; null takes a limit away."""

    url: Address = ""
    description: Annotated[Line, Field(max_length=200)] = ""
    types: Types | None = None
    tags: Annotated[Tags, Field(min_length=1)] | None = None
    per_second: PerSecond | None = None


class Rotation(Body):
    """A new secret; without one we make it."""

    secret: Secret | None = None


class Replay(Body):
    """What to send again: one ``event``, or what was recorded from the event ``after`` on or ``since`` a moment."""

    event: EventId | None = None
    after: EventId | None = None
    since: Moment | None = None
    until: Moment | None = Field(None, description="With `since`; now where left out.")
    delivered: bool = Field(False, description="Of a range, send what did arrive too.")

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """Exactly one of event, after and since; until only with since."""
        if sum(given is not None for given in (self.event, self.after, self.since)) != 1:
            raise ValueError("give exactly one of event, after and since")
        if self.until is not None and self.since is None:
            raise ValueError("until goes with since")
        return self


class Undelivered(BaseModel):
    """Deliveries by state."""

    pending: int
    held: int
    failed: int


class Webhook(BaseModel):
    """An endpoint. ``url`` is null for keys that may only read: addresses may hold passwords."""

    id: str = Field(examples=["whk_0a1b2c3d4e5f60718293"])
    url: str | None
    host: str
    description: str
    types: list[EventType] | None
    tags: list[str] | None
    per_second: int | None
    status: Literal["enabled", "disabled"]
    reason: Literal["requested", "gone", "failing"] | None
    disabled_at: datetime | None
    failing_since: datetime | None
    resting_until: datetime | None = Field(description="It asked us to wait.")
    secrets: int = Field(description="Secrets that sign now: more than one during a rotation.")
    undelivered: Undelivered
    created_at: datetime


class MadeWebhook(Webhook):
    """An endpoint at the only moment a secret is shown; null in a repeated answer."""

    secret: str | None


class EnabledWebhook(Webhook):
    """An endpoint that was enabled, and how many deliveries had been held for it."""

    released: int


class Webhooks(Page):
    """A list of endpoints."""

    items: list[Webhook]


class TestSent(BaseModel):
    """A test that is on its way; what came of it stands with the deliveries."""

    event: str
    delivery: str = Field(description="Where to look.")


class Replayed(BaseModel):
    """How many deliveries are due again; those that were due anyway do not count."""

    replayed: int


class Delivery(BaseModel):
    """One event to one endpoint."""

    event: str
    type: EventType
    account: str | None
    occurred_at: datetime
    recorded_at: datetime
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    done_at: datetime | None


class Deliveries(Page):
    """A list of deliveries, the newest first."""

    items: list[Delivery]


class Attempt(BaseModel):
    """One attempt. ``answer`` is the beginning of the endpoint's answer, for administrators; null for all others."""

    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    detail: str | None
    next_attempt_at: datetime | None
    answer: str | None


class DeliveryAttempts(Delivery):
    """One delivery with its last attempts."""

    tried: list[Attempt]
