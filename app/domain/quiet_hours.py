"""When people may be woken: quiet hours and planned pauses postpone messages, and nothing else.

Assumes checked zones. Promises: local hours are those of the zone on that day, also where its clock is set; what is
postponed is told at the first moment that no quiet hour and no pause holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.domain.calendar import LATEST, zone
from app.domain.models import Interval
from app.errors import BadInput

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours in which no message is sent. ``end`` at or before ``start`` lies on the next day."""

    start: time
    end: time
    zone: str
    """IANA."""
    days: tuple[str, ...] = DAYS
    """The days on which they begin."""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> QuietHours:
        """From ``{"days": ["mon"], "from": "22:00", "to": "07:00", "zone": "Europe/Paris"}``; without days: every day.

        Raises BadInput.
        """
        days = tuple(day for day in DAYS if day in row["days"]) if row.get("days") is not None else DAYS
        if row.get("days") is not None and (not days or set(row["days"]) - set(DAYS)):
            raise BadInput("Quiet hours begin on days such as mon, tue or sun.", field="quiet_hours")
        return cls(_clock_time(row.get("from")), _clock_time(row.get("to")), str(row.get("zone")), days)

    def written(self) -> dict[str, object]:
        """As ``read`` takes it, every day named."""
        start, end = (each.isoformat("minutes") for each in (self.start, self.end))
        return {"days": list(self.days), "from": start, "to": end, "zone": self.zone}


def _clock_time(value: object) -> time:
    text = str(value)
    if len(text) == 5 and text[2] == ":" and text[:2].isdecimal() and text[3:].isdecimal():
        hour, minute = int(text[:2]), int(text[3:])
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise BadInput("Quiet hours are written as 22:00 and 07:00.", field="quiet_hours")


def check_quiet_hours(hours: QuietHours) -> None:
    """Raises BadInput for a zone that does not exist and for hours without an end."""
    try:
        zone(hours.zone)
    except ValueError as error:
        raise BadInput(f"The zone of the quiet hours is {error}.", field="quiet_hours") from None
    if hours.start == hours.end:
        raise BadInput("Quiet hours that end when they begin would last for ever.", field="quiet_hours")


def tell_at(quiet_hours: Sequence[QuietHours], pauses: Iterable[Interval], now: datetime) -> datetime | None:
    """The first moment from ``now`` on at which a message may go out; None: now.

    Quiet hours that leave no moment of the week free hold a message for a fortnight at most.
    """
    planned = list(pauses)
    moment, latest = now, min(now + 14 * _DAY, LATEST)
    while (later := _end_of_hush(quiet_hours, planned, moment, latest)) is not None:
        moment = later
    return moment if moment > now else None


def _end_of_hush(
    quiet_hours: Sequence[QuietHours], pauses: Sequence[Interval], moment: datetime, latest: datetime
) -> datetime | None:
    """When what holds at ``moment`` ends; None where nothing does."""
    held = [each.end for each in pauses if each.start <= moment < each.end]
    if moment < latest:
        held += [
            each.end for hours in quiet_hours for each in _around(hours, moment) if each.start <= moment < each.end
        ]
    return max(held, default=None)


def _around(hours: QuietHours, moment: datetime) -> Iterator[Interval]:
    """The quiet hours that may hold at ``moment``: those of its local date and of the day before."""
    today = moment.astimezone(zone(hours.zone)).date()
    for day in (today - _DAY, today):
        if DAYS[day.weekday()] in hours.days:
            last = day if hours.start < hours.end else day + _DAY
            yield Interval(_instant(day, hours.start, hours.zone), _instant(last, hours.end, hours.zone))


def _instant(day: date, at: time, name: str) -> datetime:
    """The first moment at which the local clock shows this or, where it skips it, the moment of the jump or later."""
    return datetime.combine(day, at, zone(name)).astimezone(UTC)
