"""ISO 8601 durations of fixed length.

Promises: what ``format_duration`` writes, ``parse_duration`` reads back to the microsecond. Years and months have no
fixed length and are refused.
"""

from __future__ import annotations

import re
from datetime import timedelta

#: Longest length that any duration in a question or rule may have (ten years with their leap days).
LONGEST = timedelta(days=3653)

_SHAPE = re.compile(
    r"P(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,10})(?:[.,](?P<part>\d{1,6}))?S)?)?",
    re.ASCII,
)
_CALENDAR = re.compile(r"P(?:\d+Y|(?:\d+W)?\d+M)", re.ASCII)


def parse_duration(text: str, *, least: timedelta = timedelta(0), most: timedelta = LONGEST) -> timedelta:
    """``P3DT4H`` as elapsed time; weeks, days of 24 hours, hours, minutes and seconds are understood.

    Raises ValueError with a sentence for a person: not a duration, years or months, out of [least, most].
    """
    if _CALENDAR.match(text):
        raise ValueError("years and months differ in length: give days, for example P30D")
    found = _SHAPE.fullmatch(text)
    if found is None or text == "P":
        raise ValueError("not an ISO 8601 duration such as P7D or PT36H")
    fields = {name: int(value) for name, value in found.groupdict().items() if value and name != "part"}
    part = int((found["part"] or "").ljust(6, "0"))
    length = timedelta(microseconds=part, **fields)
    if not least <= length <= most:
        raise ValueError(f"must lie between {format_duration(least)} and {format_duration(most)}")
    return length


def format_duration(length: timedelta) -> str:
    """Elapsed time as ISO 8601 in days, hours, minutes and seconds: ``P3DT4H``; nothing is ``PT0S``.

    Raises ValueError for a negative length.
    """
    if length < timedelta(0):
        raise ValueError("a duration is never negative")
    hours, rest = divmod(length.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    part = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    clock = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes) + f"{seconds}{part}S" * bool(seconds or part)
    day = f"{length.days}D" * bool(length.days)
    return f"P{day}" + (f"T{clock}" if clock else "") if day or clock else "PT0S"
