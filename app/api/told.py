"""What is told, as the OpenAPI document describes it: events and rules.

They are encoded from plain rows (see ``replies``); a test holds them against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.api.models import Page
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
