"""Local days with and without posts: how often an account skips one, and on which weekdays.

Assumes a history and its clock. Promises: only whole days inside coverage count.
"""

from __future__ import annotations

import numpy as np

from app.domain.rhythm import constants as c
from app.domain.rhythm.clock import DAY, Clock
from app.domain.rhythm.history import Floats, History


def weekday_habits(known: History, clock: Clock, local: Floats) -> tuple[float, Floats]:
    """The log-odds of a silent day lately, and for Monday to Sunday by how much theirs differ from those of all days.

    ``local``: the posts in seconds of the local clock since a Monday.
    """
    today = int(clock.local(known.at) // DAY)
    days = _whole_days(known, clock, today)
    silent = ~np.isin(days, np.floor(local / DAY).astype(np.int64))
    weights = np.exp2(-(today - 1 - days) / c.HALF_LIFE_DAYS)
    lately = _log_odds(float(weights @ silent) + 1, float(weights.sum()) + 2)
    share = (silent.sum() + 0.5) / (len(days) + 1)
    skipped = np.bincount(days[silent] % 7, minlength=7) + c.PRIOR_WEEKDAY * share
    each = np.bincount(days % 7, minlength=7) + c.PRIOR_WEEKDAY
    return lately, np.log(skipped / (each - skipped)) - _log_odds(silent.sum() + 0.5, len(days) + 1)


def _whole_days(known: History, clock: Clock, today: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The local days, counted from a Monday, that lie in one stretch of coverage and ended before today."""
    found = []
    for start, end in zip(known.starts.tolist(), known.ends.tolist(), strict=True):
        first, last = int(-(-clock.local(start) // DAY)), int(clock.local(end) // DAY)
        found.append(np.arange(first, min(last, today), dtype=np.int64))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _log_odds(part: float, whole: float) -> float:
    return float(np.log(part / (whole - part)))
