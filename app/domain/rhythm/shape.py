"""The shape of an account's week: in which hours of the local week it usually posts.

Assumes moments in seconds of the local clock since a Monday. Promises: with no evidence every hour is alike; an hour
with posts in it counts once, however many there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.domain.rhythm import constants as c
from app.domain.rhythm.clock import DAY, HOUR, HOURS

Floats = NDArray[np.float64]


def activity(local: Floats, ages: Floats) -> Floats:
    """For each hour of the week how often it held a post, faded by age. ``local`` ascends in time; ``ages``: seconds
    before now."""
    if not len(local):
        return np.zeros(HOURS)
    hours = np.floor(local / HOUR).astype(np.int64)
    first = np.concatenate(([True], hours[1:] != hours[:-1]))
    weights = np.exp2(-ages[first] / (c.HALF_LIFE_SHAPE * DAY))
    return np.bincount(hours[first] % HOURS, weights, minlength=HOURS).astype(np.float64)


def speeds(active: Floats, weeks: float) -> Floats:
    """How fast the clock of rhythm time runs in each hour of the week; the mean is 1.

    ``active``: from ``activity``; ``weeks``: how many weeks were observed, faded the same way. The product of an hour
    and a weekday profile is the prior of each cell, a gamma prior for the rate of a Poisson count.
    """
    seen = float(active.sum())
    if seen <= 0.0 or weeks <= 0.0:
        return np.ones(HOURS)
    cells = active.reshape(7, 24)
    hours = (_smooth(cells.sum(axis=0)) + c.PRIOR_HOURS / 24) / (seen + c.PRIOR_HOURS) * 24
    days = (cells.sum(axis=1) + c.PRIOR_DAYS / 7) / (seen + c.PRIOR_DAYS) * 7
    rate = np.outer(days, hours).ravel() * seen / HOURS / weeks
    share = rate * (_smooth(active) + c.PRIOR_CELL) / (weeks * rate + c.PRIOR_CELL)
    speed = -np.log1p(-np.minimum(share, c.MOST_ACTIVE))
    speed = np.maximum(speed / speed.mean(), c.SLOWEST)
    return np.asarray(speed / speed.mean())


def _smooth(ring: Floats) -> Floats:
    return np.asarray(0.5 * ring + 0.25 * (np.roll(ring, 1) + np.roll(ring, -1)))


def profiles(local: Floats, ages: Floats) -> tuple[Floats, Floats]:
    """The share of the posts in each hour of the day, and on Monday to Sunday; faded, and shrunk towards even shares.

    Unlike ``activity`` every post counts.
    """
    weights = np.exp2(-ages / (c.HALF_LIFE_SHAPE * DAY))
    hours = np.floor(local / HOUR).astype(np.int64)
    by_hour = np.bincount(hours % 24, weights, minlength=24).astype(np.float64)
    by_day = np.bincount(hours // 24 % 7, weights, minlength=7).astype(np.float64)
    seen = float(weights.sum())
    hour_shares = (_smooth(by_hour) + c.PRIOR_HOURS / 24) / (seen + c.PRIOR_HOURS)
    return hour_shares, np.asarray((by_day + c.PRIOR_DAYS / 7) / (seen + c.PRIOR_DAYS))
