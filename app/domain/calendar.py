"""Local days and windows of time, from what people write to UTC.

Assumes the time zone data of this machine (or of the tzdata package). Promises: a local day is [first instant of date
d, first instant of date d + 1) in an IANA zone; it may last from 22 to 26 hours or not exist at all; every refusal is a
ValueError with a sentence for a person.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from app.domain.durations import LONGEST, parse_duration
from app.domain.models import Interval

_DAY = timedelta(days=1)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: Instants outside are refused: nobody posted before, and arithmetic stays away from the ends of the calendar.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def zone(name: str) -> ZoneInfo:
    """The IANA zone of this name. Raises ValueError for any other text; it is never used as a path."""
    if name not in _names():
        raise ValueError("not an IANA time zone such as Europe/Paris")
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def first_instant(day: date, name: str) -> datetime:
    """The first instant (UTC) whose local date is ``day`` or, where that date does not exist, later."""
    tz = zone(name)
    midnight = datetime.combine(day, time.min, tz).astimezone(UTC)
    if midnight.astimezone(tz).replace(tzinfo=None) == datetime.combine(day, time.min):
        return midnight
    # Midnight was skipped: find the jump itself. Before it the local date is earlier, after it is not.
    low, high = midnight - 2 * _DAY, midnight + 2 * _DAY
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).date() < day:
            low = middle
        else:
            high = middle
    return high


def local_day(day: date, name: str) -> Interval | None:
    """The local day in UTC; None where the zone skipped that date: it is absent, not silent."""
    start = first_instant(day, name)
    return Interval(start, first_instant(day + _DAY, name)) if start.astimezone(zone(name)).date() == day else None


def local_days(window: Interval, name: str) -> list[tuple[date, Interval]]:
    """Every local day with a part in the window, in order, whole."""
    day = window.start.astimezone(zone(name)).date() - _DAY
    last = window.end.astimezone(zone(name)).date() + _DAY
    found: list[tuple[date, Interval]] = []
    while day <= last:
        span = local_day(day, name)
        if span is not None and span.start < window.end and window.start < span.end:
            found.append((day, span))
        day += _DAY
    return found


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant with its offset, as UTC. Raises ValueError: no instant, no offset, not in 1990 to 2099."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("not an instant such as 2026-11-20T08:00:00Z")
    if found[3] is None:
        raise ValueError("an instant needs its offset: end it with Z or, for example, +01:00")
    try:
        moment = datetime.fromisoformat(text.upper().replace(",", "."))
    except ValueError as problem:
        raise ValueError("no such instant") from problem
    if not EARLIEST <= moment < LATEST:
        raise ValueError("instants lie between 1990 and 2099")
    return moment.astimezone(UTC)


def parse_date(text: str) -> date:
    """A calendar date such as 2026-11-20. Raises ValueError: no date, before 1990 or after 2099."""
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError("not a date such as 2026-11-20")
    if not EARLIEST.year < day.year < LATEST.year - 1:
        raise ValueError("dates lie between 1991 and 2098")
    return day


def parse_edge(text: str, name: str | None) -> datetime:
    """One edge of a window: an instant, or the first instant of a date in a zone. Raises ValueError."""
    if len(text) > 10:
        return parse_instant(text)
    if name is None:
        raise ValueError("a date needs a time zone")
    return first_instant(parse_date(text), name)


def parse_window(
    start: str | None,
    end: str | None,
    *,
    now: datetime,
    zone_name: str | None = None,
    length: str | None = None,
    longest: timedelta = LONGEST,
) -> Interval:
    """The half-open window that someone asks about.

    Two of start, end and length; an end alone missing means now, so a length alone is the time up to now. Dates need a
    zone and mean their first instant: ``2026-11-20`` to ``2026-11-21`` is one local day. Raises ValueError.
    """
    span = None if length is None else parse_duration(length, least=timedelta(seconds=1), most=longest)
    if span is not None and start is not None and end is not None:
        raise ValueError("give two of start, end and length")
    first = None if start is None else parse_edge(start, zone_name)
    last = None if end is None else parse_edge(end, zone_name)
    if last is None:
        last = now if first is None or span is None else first + span
    if first is None:
        if span is None:
            raise ValueError("give a start or a length")
        first = last - span
    if first >= last:
        raise ValueError("the window must end after it starts")
    if last - first > longest:
        raise ValueError(f"a window lasts at most {longest.days} days")
    return Interval(first, last)
