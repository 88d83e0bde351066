"""Dates as feeds and APIs write them, read into UTC.

Assumes nothing about the text. Promises: total (never raises), linear in a bounded length, no clock. What cannot be
read with certainty is not guessed: the answer is then None with ``DateNote.UNREADABLE``. A date without a zone, or
with one that cannot be read, is taken as UTC and marked ``ZONE_ASSUMED``. Dates before 1995 count as unreadable
(there was no feed then: they are defaults of broken software). Dates in the future are passed on; whoever knows the
time of the look clamps them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.domain.models import DateNote

Dated = tuple[datetime | None, DateNote]

_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
_LONGEST = 100  # characters; no date needs more, and it bounds every pattern below
_WIDEST = timedelta(hours=15)  # real offsets lie within -12 h and +14 h
_UNREADABLE: Dated = (None, DateNote.UNREADABLE)
_MISSING: Dated = (None, DateNote.MISSING)
_MS_FLOOR = 100_000_000_000  # as seconds this is the year 5138: it must be milliseconds

_ENGLISH = "january february march april may june july august september october november december"
#: Greek and Hungarian months as two widespread blog systems wrote them; English whole or cut to three letters.
_FOREIGN = (
    "ιαν január|φεβ februári február|μάώ μαώ μαρ μάρ március|απρ április|μάι μαϊ μαι május|ιούν ιον június|"
    "ιούλ ιολ július|αύγ αυγ augusztus|σεπ sept szeptember|οκτ október|νοέ νοε|δεκ"
)
_MONTHS = {
    spelling: number
    for number, (name, others) in enumerate(zip(_ENGLISH.split(), _FOREIGN.split("|"), strict=True), 1)
    for spelling in (name, name[:3], *others.split())
}
_MONTH_DIGITS = {name[:3].title(): f"{number:02}" for number, name in enumerate(_ENGLISH.split(), 1)}
#: Hours of the zone names that RFC 822 defines, and of others that mean one thing only. CST is RFC 822's (US Central).
#: IST, BST and the like mean several zones and are left out on purpose.
_ZONE_HOURS: dict[str, float] = {
    **dict.fromkeys(("UT", "UTC", "GMT", "Z", "WET"), 0),
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"AST": -4, "ADT": -3, "NST": -3.5, "NDT": -2.5, "AKST": -9, "AKDT": -8, "HST": -10},
    **{"WEST": 1, "CET": 1, "MET": 1, "MEZ": 1, "CEST": 2, "MEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3},
    **{"JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AWST": 8, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13},
}

_WORD = r"[^\W\d_]+"
_DAY_NAME = rf"(?:{_WORD}\.?\s*+,?\s*+)?"
_CLOCK = r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:[.,][0-9]{1,9})?)?"
_TAIL = r"(?:(?=[\s+\-(])|(?<=[0-9])(?=[A-Za-z])|$)(.*)"
_ORDINAL = r"(?:st|nd|rd|th)?"
_DAY_FIRST = re.compile(
    rf"{_DAY_NAME}([0-9]{{1,2}}){_ORDINAL}[\s\-/.,]*+({_WORD})[\s\-/.,]*+([0-9]{{2,4}})(?![0-9:])"
    rf"(?:[\s,T]*+{_CLOCK})?{_TAIL}"
)
_MONTH_FIRST = re.compile(
    rf"(?:{_WORD}\.?,?\s+)?({_WORD})\.?\s+([0-9]{{1,2}}){_ORDINAL},?\s+([0-9]{{4}})(?![0-9:])(?:[\s,]*+{_CLOCK})?{_TAIL}"
)
_ASCTIME = re.compile(rf"(?:{_WORD}\s+)?({_WORD})\s+([0-9]{{1,2}})\s+{_CLOCK}\s+(?:([A-Za-z]{{1,5}})\s+)?([0-9]{{4}})")
_ISO = re.compile(
    rf"(?:{_WORD},?\s+)?([0-9]{{4}})(?:([-/.])([0-9]{{1,2}}|{_WORD})(?:\2([0-9]{{1,2}}))?)?(?![0-9])"
    rf"(?:[Tt\s,]++{_CLOCK})?{_TAIL}"
)
_ISO_BASIC = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt\s]([0-9]{2}):?([0-9]{2}):?([0-9]{2})(?:[.,][0-9]+)?(.*)"
)
_KOREAN = re.compile(
    r"([0-9]{4})(?:-|년\s*)([0-9]{2})(?:-|월\s*)([0-9]{2})일?\s+(오전|오후)?\s*([0-9]{1,2}):([0-9]{2}):([0-9]{2})"
)
_OFFSET = re.compile(r"(?:GMT|UTC?|Z)?\s*([+\-−])\s*([0-9]{1,2}):?([0-9]{2})?(?::?00)?(?:\s*\(.*)?")
_HALF_DAY = re.compile(r"\s*([AP])\.?M\.?(?![A-Z])", re.IGNORECASE)


def read_date(text: str) -> Dated:
    """The moment a text names, in UTC, and what had to be assumed.

    Reads RFC 822 with its usual faults (two-digit years, zone names, wrong or missing day name, no seconds, no zone),
    RFC 3339, W3CDTF and ISO 8601 (partial dates mean their first instant), asctime, and the dated forms of a few blog
    systems. 24:00 is the next day's midnight, a second 60 the next minute. RFC 5322's reading of one-letter zones
    holds: only Z is known. ``(None, MISSING)`` for an empty text.
    """
    text = text.strip()
    if not text:
        return _MISSING
    if len(text) > _LONGEST:
        return _UNREADABLE
    try:
        if text[:4].isdecimal():
            return _read_iso(text)
        return _read_rfc822(text) or _read_words(text)
    except (ValueError, OverflowError):
        return _UNREADABLE


def read_epoch(number: float) -> Dated:
    """A moment given as seconds or milliseconds since 1970 (told apart by size)."""
    try:
        moment = datetime.fromtimestamp(number / 1000 if abs(number) >= _MS_FLOOR else number, UTC)
    except (ValueError, OverflowError, OSError):
        return _UNREADABLE
    return _checked(moment, DateNote.NONE)


def _read_iso(text: str) -> Dated:
    """RFC 3339 by the standard library where it is one, else the wider forms."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _read_wide_iso(text)
    if moment.tzinfo is UTC:
        return _checked(moment, DateNote.NONE)
    if moment.tzinfo is None:
        return _checked(moment.replace(tzinfo=UTC), DateNote.ZONE_ASSUMED)
    offset = moment.utcoffset()
    if offset is None or abs(offset) > _WIDEST:
        return _checked(moment.replace(tzinfo=UTC), DateNote.ZONE_ASSUMED)
    return _checked(moment.astimezone(UTC), DateNote.NONE)


def _read_wide_iso(text: str) -> Dated:
    if found := _ISO_BASIC.fullmatch(text):
        year, month, day, hour, minute, second, tail = found.groups()
        return _moment(year, int(month), day, hour, minute, second, tail)
    if found := _KOREAN.match(text):
        return _korean(*found.groups())
    if found := _ISO.fullmatch(text):
        year, _, month_text, day, hour, minute, second, tail = found.groups()
        if day is None and tail:  # "2003-335" is a day of the year or an offset: nobody knows
            return _UNREADABLE
        month = 1 if month_text is None else int(month_text) if month_text.isdecimal() else _month(month_text)
        return _moment(year, month, day or "1", hour, minute, second, tail)
    return _read_words(text)


def _read_rfc822(text: str) -> Dated | None:
    """The usual layout, ``Sun, 06 Jul 2014 12:56:00 +0000``, by position; None for anything else.

    The digits are checked by the standard library's reader: this is nine dates of ten, at a quarter of the price.
    """
    month = _MONTH_DIGITS.get(text[8:11])
    if month is None or text[3:5] != ", " or text[7:12:4] != "  " or text[16:26:9].strip():
        return None
    try:
        moment = datetime.fromisoformat(f"{text[12:16]}-{month}-{text[5:7]}T{text[17:25]}+00:00")
    except ValueError:
        return None
    zone = _zone(text[26:].strip())
    if zone is None:
        return _UNREADABLE
    return _checked(moment - zone[0] if zone[0] else moment, zone[1])


def _read_words(text: str) -> Dated:
    """Dates with the month as a word, after those whose day name hides an ISO date."""
    if found := _DAY_FIRST.fullmatch(text):
        day, name, year, hour, minute, second, tail = found.groups()
        return _moment(year, _month(name), day, hour, minute, second, tail)
    if found := _MONTH_FIRST.fullmatch(text):
        name, day, year, hour, minute, second, tail = found.groups()
        return _moment(year, _month(name), day, hour, minute, second, tail)
    if found := _ASCTIME.fullmatch(text):
        name, day, hour, minute, second, zone, year = found.groups()
        return _moment(year, _month(name), day, hour, minute, second, zone or "")
    if (found := _ISO.fullmatch(text)) and found[4]:
        year, _, month, day, hour, minute, second, tail = found.groups()
        return _moment(year, int(month), day, hour, minute, second, tail)
    return _UNREADABLE


def _korean(year: str, month: str, day: str, half: str | None, hour: str, minute: str, second: str) -> Dated:
    """Two Korean blog systems; both write local time (+09:00)."""
    tail = {"오전": " AM", "오후": " PM"}.get(half or "", "")
    return _moment(year, int(month), day, hour, minute, second, f"{tail} +0900")


def _month(name: str) -> int:
    """Whole names only: ``mar`` begins a November in some languages."""
    return _MONTHS.get(name.lower(), 0)


def _moment(
    year: str, month: int, day: str, hour: str | None, minute: str | None, second: str | None, tail: str
) -> Dated:
    """Put together what a pattern found. Raises ValueError or OverflowError where there is no such moment."""
    h, m, s = int(hour or 0), int(minute or 0), int(second or 0)
    if half := _HALF_DAY.match(tail) if tail else None:
        if not 1 <= h <= 12:
            return _UNREADABLE
        h, tail = h % 12 + (12 if half[1] in "Pp" else 0), tail[half.end() :]
    zone = _zone(tail.strip())
    if zone is None:
        return _UNREADABLE
    offset, note = zone
    roll = timedelta(0)
    if h == 24 and m == s == 0:
        h, roll = 0, timedelta(days=1)
    elif s == 60:
        s, roll = 59, timedelta(seconds=1)
    moment = datetime(_year(year), month, int(day), h, m, s, tzinfo=UTC) + roll
    return _checked(moment - offset if offset else moment, note)


def _year(digits: str) -> int:
    """RFC 5322, 4.3: 00-49 are of this century, 50-99 and three digits count from 1900."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


@lru_cache(maxsize=512)
def _zone(tail: str) -> tuple[timedelta, DateNote] | None:
    """What follows the time of day; None where it cannot be a zone, so that the whole date is in doubt."""
    if not tail:
        return timedelta(0), DateNote.ZONE_ASSUMED
    upper = tail.upper()
    name = upper.split("(", 1)[0].strip().removeprefix("ETC/") or upper.strip("() ")
    if name in _ZONE_HOURS:
        return timedelta(hours=_ZONE_HOURS[name]), DateNote.NONE
    if found := _OFFSET.fullmatch(upper):
        size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if size > _WIDEST or int(found[3] or 0) > 59:
            return timedelta(0), DateNote.ZONE_ASSUMED
        return (size if found[1] == "+" else -size), DateNote.NONE
    if upper.isdecimal() and int(upper) == 0:  # "0000": an offset that lost its sign
        return timedelta(0), DateNote.NONE
    if any(sign.isdecimal() for sign in upper):
        return None
    return timedelta(0), DateNote.ZONE_ASSUMED


def _checked(moment: datetime, note: DateNote) -> Dated:
    return _UNREADABLE if moment < _EARLIEST else (moment, note)
