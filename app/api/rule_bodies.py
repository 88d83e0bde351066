"""What a person writes about a rule: the bodies, and from them what ``domain.rules`` takes.

Promises: lengths are ISO 8601, zones IANA names, and whatever cannot be read is refused with the name of its field;
what contradicts itself is refused by ``domain.rules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.api import reading
from app.api.bodies import Body, Moment, Pasted
from app.api.models import KindName
from app.api.reading import Line, Tag
from app.domain.models import KIND_NAMES, Interval, Kind
from app.domain.quiet_hours import QuietHours

Duration = Annotated[Line, Field(min_length=1, max_length=40, examples=["P2D"])]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[Line, Field(min_length=5, max_length=5, pattern=r"^\d\d:\d\d$", examples=["22:00"])]
LENGTHS = ("length", "least", "greatest", "late", "repeat_every")


class Hours(Body):
    """Local hours in which no message is sent; they may pass midnight."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] | None = Field(
        None, description="The days on which they begin; without it every day."
    )
    from_: Clock = Field(alias="from")
    to: Clock
    zone: Annotated[Line, Field(max_length=64)] = Field("UTC", examples=["Europe/Paris"])


class Pause(Body):
    """Time in which no message is sent, planned beforehand."""

    from_: Moment = Field(alias="from")
    to: Moment


class Decided(Body):
    """What may be decided about a rule at any time."""

    name: Annotated[Line, Field(max_length=200)] = ""
    kind: Literal["fixed", "adaptive"] = "fixed"
    length: Duration | None = Field(None, description="Of a fixed rule: a silence this long is quiet.")
    false_alarms: float | None = Field(None, description="Of an adaptive rule: so many an account and year are borne.")
    least: Duration | None = Field(None, description="Of an adaptive rule: nothing shorter is quiet.")
    greatest: Duration | None = Field(None, description="Of an adaptive rule: anything as long is quiet.")
    kinds: Annotated[list[KindName], Field(min_length=1, max_length=5)] = Field(
        ["original", "reply", "repost", "quote"], description="Which kinds of post break the silence."
    )
    late: Duration | None = Field(None, description="A stage before quiet, told by account.late.")
    repeat_every: Duration | None = Field(None, description="Reminders while it is quiet; needs repeat_most.")
    repeat_most: Annotated[int, Field(ge=0, le=1000)] = 0
    quiet_hours: Annotated[list[Hours], Field(max_length=50)] = Field([], description="Messages wait; events do not.")
    pauses: Annotated[list[Pause], Field(max_length=50)] = Field([], description="Messages wait; events do not.")
    status: Literal["active", "paused"] = Field("active", description="A paused rule judges nobody.")


class NewRule(Decided):
    """A rule on one account, one subject, one tag or, without any of them, on everything."""

    account: Pasted | None = Field(None, description="Id, natural key or profile address.")
    subject: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(None, description="Id or name.")
    tag: Tag | None = None


class RuleChange(Decided):
    """What is left out stays; null takes away. The scope stays: another one is another rule."""


def read(body: Decided) -> dict[str, Any]:
    """What was given, as ``domain.rules`` takes it. Raises BadTime, BadZone, BadInput, each with its field."""
    given = body.model_dump(exclude_unset=True, exclude={"account", "subject", "tag", "quiet_hours", "pauses"})
    for name in LENGTHS:
        if given.get(name) is not None:
            given[name] = reading.duration(given[name], name)
    if "kinds" in given:
        given["kinds"] = _kinds(given["kinds"])
    if "quiet_hours" in body.model_fields_set:
        given["quiet_hours"] = tuple(_hours(each) for each in body.quiet_hours)
    if "pauses" in body.model_fields_set:
        given["pauses"] = tuple(_pause(each) for each in body.pauses)
    return given


def _kinds(names: list[KindName]) -> Kind:
    found = Kind(0)
    for name in names:
        found |= KIND_NAMES[name]
    return found


def _hours(hours: Hours) -> QuietHours:
    row: Mapping[str, Any] = {"days": hours.days, "from": hours.from_, "to": hours.to}
    return QuietHours.read({**row, "zone": reading.zone(hours.zone, "quiet_hours.zone").key})


def _pause(pause: Pause) -> Interval:
    return reading.window(pause.from_, pause.to, "pauses")
