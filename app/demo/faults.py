"""What can go wrong at an origin, as data. The origin applies it, the schedule decides when.

Promises: pure and deterministic: the same seed, moment, host and account give the same fault.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.models import Interval


class Fault(enum.StrEnum):
    """One way to answer wrongly, or not at all."""

    ERROR = "error"  # 503
    CLOSED = "closed"  # the connection is closed without an answer
    RATE_LIMIT = "rate_limit"  # 429 without a date
    RATE_LIMIT_SECONDS = "rate_limit_seconds"  # 429, Retry-After in seconds
    RATE_LIMIT_DATE = "rate_limit_date"  # 429, Retry-After as a date
    LOGIN_PAGE = "login_page"  # 200 with a page that asks for a login
    LOGIN_REQUIRED = "login_required"  # 401
    EMPTY = "empty"  # 200 with no body
    HTML = "html"  # 200 with an HTML page that is not the thing
    CUT = "cut"  # half of the body, then the connection is closed
    SHUFFLED = "shuffled"  # the right items in another order, some of them twice
    EMPTY_LIST = "empty_list"  # 200, well formed, no items


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """A fault that holds for a stretch of time; ``account`` None means every account of the host."""

    during: Interval
    fault: Fault
    account: str | None = None
    path: str = ""
    """Only requests whose path contains this."""


class Schedule:
    """Fault windows, asked by moment and account."""

    def __init__(self, windows: Sequence[FaultWindow] = ()) -> None:
        self._everywhere: list[FaultWindow] = sorted((w for w in windows if w.account is None), key=lambda w: w.during)
        self._single: dict[str, list[FaultWindow]] = {}
        for window in windows:
            if window.account is not None:
                self._single.setdefault(window.account, []).append(window)

    def at(self, moment: datetime, account: str | None, path: str = "") -> Fault | None:
        """The fault in force, the host's before the account's; None when all is well."""
        windows = (*self._everywhere, *self._single.get(account or "", ()))
        return next((w.fault for w in windows if w.during.start <= moment < w.during.end and w.path in path), None)
