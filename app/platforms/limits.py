"""What the headers of an answer say about waiting, budgets, caches and clocks.

Assumes lower-case header names with repeated headers joined by ``, ``, and ``at``: our clock (aware, UTC) when the
request was sent. Promises: never raises, whatever a header holds; a value nobody can read counts as absent; every
duration lies within the bounds below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

#: The longest wait a source can ask of us.
LONGEST_WAIT = timedelta(days=7)
#: The oldest a cached answer, and the most wrong a clock, is taken to be.
LONGEST_AGE = timedelta(days=365)
_PREFIXES = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
_EPOCH_FLOOR = 1_000_000_000  # a reset of 31 years from now is no duration: it is an epoch (2001 or later)
_EPOCH_MS_FLOOR = 100_000_000_000
_SLACK = timedelta(seconds=1)  # Date has whole seconds
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests a host grants us until when (by our clock)."""

    limit: int | None
    remaining: int
    reset_at: datetime


def retry_after(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """How long the source asks us to wait from ``at``: seconds or an HTTP-date (RFC 9110, 10.2.3), 0 to 7 days.

    None where it says nothing readable. Zero (a negative number, a date gone by) is no wish to be asked at once:
    the caller's own back-off still holds.
    """
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds, LONGEST_WAIT)
    date = http_date(text)
    if date is None:
        return None
    return min(max(date - at, timedelta(0)), LONGEST_WAIT)


def budget(headers: Mapping[str, str], at: datetime) -> Budget | None:
    """The rate budget of the host, None where the headers name none or not both what remains and when it renews.

    Resets come as ISO 8601 with microseconds (Mastodon, GoToSocial), epoch seconds (Bluesky, X) or seconds from now
    (Reddit, the IETF draft). A moment on the source's clock is moved to ours by the ``Date`` of the same answer.
    """
    for prefix in _PREFIXES:
        if prefix + "remaining" not in headers:
            continue
        remaining = _number(headers[prefix + "remaining"])
        reset = _reset_at(headers.get(prefix + "reset", "").strip(), headers, at)
        if remaining is not None and reset is not None:
            limit = _number(headers.get(prefix + "limit", ""))
            return Budget(None if limit is None else _whole(limit), _whole(remaining), reset)
    return None


def staleness(headers: Mapping[str, str], at: datetime) -> timedelta:
    """The age that the shown state may have at ``at``: caches prove only up to ``t`` minus their age.

    The larger of the ``Age`` header (without one: ``s-maxage``, else ``max-age``, since caches exist that do not say
    how old their answer is) and the time by which ``Date`` lies behind our clock. 0 to 365 days.
    """
    cached = _age(headers)
    if cached is None:
        cached = _freshness(headers.get("cache-control", ""))
    date = http_date(headers.get("date", ""))
    apparent = _NONE if date is None else at - date
    return min(max(cached, apparent, _NONE), LONGEST_AGE)


def skew(headers: Mapping[str, str], at: datetime) -> timedelta:
    """By how much the source's clock is ahead of ours (negative: behind); zero where ``Date`` is absent.

    ``Age`` is taken into account: an old answer out of a cache is not a slow clock. Within 365 days either way.
    """
    date = http_date(headers.get("date", ""))
    if date is None:
        return _NONE
    difference = date - at + (_age(headers) or _NONE)
    return min(max(difference, -LONGEST_AGE), LONGEST_AGE)


@lru_cache(maxsize=256)  # hosts that answer in the same second write the same Date, and it is asked for twice
def http_date(text: str) -> datetime | None:
    """A date as headers write it, in UTC; None where it cannot be read. No zone means UTC (RFC 9110, 5.6.7)."""
    if not 16 <= len(text) <= 64:  # a date never is; the library needs long for long garbage
        return None
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _age(headers: Mapping[str, str]) -> timedelta | None:
    told = headers.get("age")
    if told is None:
        return None
    ages = [_number(part) for part in told.split(",")[:8]]
    readable = [age for age in ages if age is not None and age >= 0]
    return _bounded(max(readable), LONGEST_AGE) if readable else None


def _freshness(cache_control: str) -> timedelta:
    if not cache_control:
        return _NONE
    found: dict[str, float] = {}
    for directive in cache_control.lower().split(",")[:32]:
        name, _, value = directive.partition("=")
        seconds = _number(value.strip().strip('"'))
        if seconds is not None:
            found.setdefault(name.strip(), seconds)
    return _bounded(found.get("s-maxage", found.get("max-age", 0)), LONGEST_AGE)


def _reset_at(text: str, headers: Mapping[str, str], at: datetime) -> datetime | None:
    number = _number(text)
    if number is not None and number < _EPOCH_FLOOR:
        return at + _bounded(number, LONGEST_WAIT)
    moment = _iso(text) if number is None else _epoch(number)
    if moment is None:
        return None
    wait = moment - at - skew(headers, at) + _SLACK
    return at + min(max(wait, timedelta(0)), LONGEST_WAIT)


def _epoch(number: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(number / 1000 if number >= _EPOCH_MS_FLOOR else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(text: str) -> datetime | None:
    if not 19 <= len(text) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    """A plain decimal number; anything else (``nan``, ``1e9``, ``+3``, other scripts' digits) is None."""
    text = text.strip()
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and text[-1].isdigit()):
        return None
    return float(text) if len(digits) <= 18 else (-1e18 if text.startswith("-") else 1e18)


def _bounded(seconds: float, most: timedelta) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0), most.total_seconds()))


def _whole(number: float) -> int:
    return int(min(max(number, 0), 1_000_000_000))
