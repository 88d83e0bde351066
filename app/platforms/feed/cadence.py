"""How often a feed asks to be looked at.

Assumes lower-case headers. Promises: the longest of what the source says, between 5 minutes and 24 hours; zeros,
dates gone by and nonsense are no wish at all. ``skipHours`` and ``skipDays`` are not read: they would save few
requests and delay what is posted against the habit they describe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from app.platforms.feed.document import Document
from app.platforms.limits import http_date

LEAST = timedelta(minutes=5)
MOST = timedelta(hours=24)
_MAX_AGE = re.compile(r"(?<![\w-])max-age\s*=\s*\"?([0-9]{1,9})(?![0-9])", re.IGNORECASE)
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_NONE = timedelta(0)


def least_interval(headers: Mapping[str, str], at: datetime, own: timedelta = _NONE) -> timedelta | None:
    """The least time between two looks that the source asks for, None where it asks for nothing.

    Sources: Cache-Control ``max-age``, else Expires minus Date (RFC 9111, 5.3); ``own``: what the feed itself said.
    """
    longest = max(_by_cache(headers, at), own)
    return None if longest <= _NONE else min(max(longest, LEAST), MOST)


def own_wish(document: Document) -> timedelta:
    """What the feed itself asks for, zero for nothing: RSS ``ttl`` (minutes); the syndication module's period divided
    by its frequency. At most 24 hours."""
    return min(max(_by_ttl(document.ttl), _by_period(document.update_period, document.update_frequency)), MOST)


def remembered_wish(memory: Mapping[str, object]) -> timedelta:
    """What the last page asked for: an answer without a body cannot say it again."""
    seconds = memory.get("least_seconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int) and 0 <= seconds <= 86_400 else _NONE


def _by_cache(headers: Mapping[str, str], at: datetime) -> timedelta:
    if found := _MAX_AGE.search(headers.get("cache-control", "")[:1_000]):
        return timedelta(seconds=int(found[1]))
    expires = http_date(headers.get("expires", ""))
    if expires is None:
        return _NONE
    return expires - (http_date(headers.get("date", "")) or at)


def _by_ttl(text: str) -> timedelta:
    return timedelta(minutes=_number(text))


def _by_period(period: str, frequency: str) -> timedelta:
    """The module's defaults: daily, once a period."""
    if not period and not frequency:
        return _NONE
    length = _PERIODS.get(period.strip().lower() or "daily", _NONE)
    return length / max(_number(frequency), 1)


def _number(text: str) -> int:
    return int(text) if len(text) <= 9 and text.isascii() and text.isdigit() else 0
