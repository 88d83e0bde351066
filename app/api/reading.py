"""What a person or a program writes into a query, a path or a body, read strictly.

Promises: every function returns a clean value or raises an error that names the field and says what to write.
Instants are RFC 3339 with an offset, returned in UTC; durations are ISO 8601; zones are IANA names.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

from app.api.problems import BadText, BadTime, BadWindow, BadZone, Invalid, printable
from app.domain import calendar
from app.domain.calendar import EARLIEST, LATEST, parse_date, parse_instant
from app.domain.durations import LONGEST, parse_duration
from app.domain.models import DEFAULT_KINDS, KIND_NAMES, Interval, Kind

_REFUSED = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def text(value: str, field: str, most: int = 200) -> str:
    """A text without control, bidirectional or line-separating characters, at most ``most`` characters long."""
    if len(value) > most:
        raise BadText(f"{field} is longer than {most} characters.", field=field, hint="Shorten it.")
    if found := _REFUSED.search(value):
        detail = f"{field} contains the character U+{ord(found.group()):04X}, which is not allowed."
        raise BadText(detail, field=field, hint="Remove control and text-direction characters.")
    return value


def _body_text(value: str) -> str:
    if found := _REFUSED.search(value):
        raise ValueError(f"contains the character U+{ord(found.group()):04X}, which is not allowed")
    return value


#: A text inside a JSON body: the same characters are refused as by ``text``.
Line = Annotated[str, AfterValidator(_body_text)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_body_text)
]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, strip_whitespace=True, pattern=r"^[^,\s]+$"),
    AfterValidator(_body_text),
]


def instant(value: str, field: str) -> datetime:
    """RFC 3339 with an offset, from 1990 to 2099, in UTC."""
    try:
        return parse_instant(repair(value) or "")
    except ValueError as error:
        hint = "Write it as 2026-11-22T12:00:00Z, or with an offset such as 2026-11-22T13:00:00%2B01:00."
        raise BadTime(f"{field}: {printable(value, 40)!r}: {error}.", field=field, hint=hint) from None


def repair(value: str | None) -> str | None:
    """An instant whose unescaped + arrived as a space."""
    return value and re.sub(r" (\d\d:\d\d)$", r"+\1", value)


def past(value: str | None, now: datetime, field: str = "as_of") -> datetime | None:
    """An earlier moment to answer from; None where none was given. Raises BadTime for the future."""
    if value is None:
        return None
    found = instant(value, field)
    if found > now:
        raise BadTime(f"{field} lies in the future.", field=field, hint="Leave it out to ask about now.")
    return found


def in_range(value: datetime) -> datetime:
    """The instant in UTC, if it lies between 1990 and 2100. For models of bodies: raises ValueError."""
    if not EARLIEST <= value <= LATEST:
        raise ValueError("lies before 1990 or after 2100")
    return value.astimezone(UTC)


def day(value: str, field: str) -> date:
    """A calendar day, ``2026-11-22``."""
    try:
        return parse_date(value)
    except ValueError as error:
        hint = "Write it as 2026-11-22."
        raise BadTime(f"{field}: {printable(value, 40)!r}: {error}.", field=field, hint=hint) from None


def duration(value: str, field: str) -> timedelta:
    """An ISO 8601 duration of weeks, or days, hours, minutes and seconds (``P7D``, ``PT36H``), at most ten years."""
    try:
        return parse_duration(value, most=LONGEST)
    except ValueError as error:
        hint = "Write P7D for seven days, PT36H for 36 hours, P2W for two weeks."
        raise BadTime(f"{field}: {printable(value, 40)!r}: {error}.", field=field, hint=hint) from None


def zone(value: str, field: str = "zone") -> ZoneInfo:
    """An IANA zone. The name is looked up in the list of zones, never in the file system."""
    try:
        return calendar.zone(value)
    except ValueError:
        detail = f"{printable(value, 60)!r} is not an IANA time zone."
        raise BadZone(detail, field=field, hint="Write a name such as Europe/Paris or UTC.") from None


def kinds(value: str | None, field: str = "kinds") -> Kind:
    """``original,reply`` as a set; without a value what counts by default (original, reply, repost, quote)."""
    if value is None:
        return DEFAULT_KINDS
    found = Kind(0)
    for name in value.split(","):
        if name.strip() not in KIND_NAMES:
            detail = f"{printable(name, 40)!r} is not a kind of post."
            raise Invalid(detail, field=field, hint="Choose from " + ", ".join(KIND_NAMES) + ".")
        found |= KIND_NAMES[name.strip()]
    return found


def window(start: datetime, end: datetime, field: str = "end") -> Interval:
    """[start, end), not empty and at most ten years."""
    if end <= start:
        raise BadWindow("The window is empty: end must be after start.", field=field)
    if end - start > LONGEST:
        detail = "The window is longer than ten years (3,653 days)."
        raise BadWindow(detail, field=field, hint="Ask for a shorter window, or several.")
    return Interval(start, end)


def listed(values: list[str] | None, field: str, most: int = 1000) -> list[str]:
    """Repeated or comma-separated parameters as one list without doubles, in the order given."""
    found = [part.strip() for value in values or [] for part in value.split(",") if part.strip()]
    if len(found) > most:
        raise Invalid(f"{field} names more than {most} things.", field=field)
    return [text(part, field, 600) for part in dict.fromkeys(found)]
