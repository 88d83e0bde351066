"""What a rhythm says about windows and silences. No posts needed, a few microseconds each.

Assumes aware datetimes. ``last_post`` is the last post on record, None where there is none. ``holes`` are stretches
after it that no look covers; only those that matter may be given, or all. Promises: a chance is in [0, 1], never rises
as the window grows, and a hole never makes a silence rarer: it is taken out of the window, and where it hides whether
the account posted since, the likelier of both is said; a deadline never comes earlier for fewer false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from app.domain.calendar import EARLIEST, LATEST
from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.clock import DAY
from app.domain.rhythm.state import Rhythm

LOWEST = EARLIEST.timestamp()
HIGHEST = LATEST.timestamp()
_LONGEST = c.SHORT * 2 ** (c.BINS / 4)
#: Chances are kept this far from 0 and 1 before their odds are taken.
TINY = 1e-6


def longer(rhythm: Rhythm, hours: float) -> float:
    """The chance that a gap is at least so many rhythm hours long (before tempo); 1 for none."""
    if hours <= 0:
        return 1.0
    if hours < c.SHORT:
        return float(1 - (1 - rhythm.long_share) * (hours / c.SHORT) ** c.BURST_POWER)
    place = 4 * math.log2(hours / c.SHORT)
    edge = min(int(place), c.BINS - 1)
    low, high = rhythm.survival[edge], rhythm.survival[edge + 1]
    return rhythm.long_share * math.exp(low + (place - edge) * (high - low))


def chance(
    rhythm: Rhythm, last_post: datetime | None, start: datetime, end: datetime, holes: Sequence[Interval] = ()
) -> float:
    """The chance of no post in [start, end), given none from ``last_post`` to ``start``: for a window that starts now,
    or one that is over, as it looked at its start. It is 1 for an empty window."""
    first = _since(rhythm, last_post)
    begun, ended = _seconds(start), _seconds(end)
    hours = _covered(rhythm, begun, ended, holes)
    likely = _conditional(rhythm, rhythm.clock.elapsed(min(first, begun), begun), hours)
    hidden = max((_seconds(hole.end) for hole in holes if first < _seconds(hole.end) <= begun), default=None)
    if hidden is not None:
        likely = max(likely, _conditional(rhythm, rhythm.clock.elapsed(hidden, begun), hours))
    return likely


def planned(rhythm: Rhythm, last_post: datetime | None, now: datetime, start: datetime, end: datetime) -> float:
    """The chance, as seen from ``now``, of no post in [start, end), a window that may start later ("its Wednesdays").

    It starts from the chance if the window began now, and moves it towards the account's habit of silent days and of
    silent weekdays as the lead grows; at no lead it is ``chance``.
    """
    begun, ended = _seconds(start), max(_seconds(start), _seconds(end))
    age = rhythm.clock.elapsed(min(_since(rhythm, last_post), _seconds(now)), _seconds(now))
    hours = rhythm.clock.elapsed(begun, ended)
    if hours <= 0:
        return 1.0
    likely = _conditional(rhythm, age, hours)
    lead = min(max((begun - _seconds(now)) / DAY, 0.0), c.LEAD_HALF_DAYS)
    if lead == 0:
        return likely
    day = _log_odds(_conditional(rhythm, age, rhythm.clock.elapsed(begun, begun + DAY)))
    weekday = rhythm.weekdays[int(rhythm.clock.local(begun) // DAY) % 7]
    habit = c.LEAD_SILENT_DAYS * rhythm.silent_days + c.LEAD_WEEKDAY * weekday
    shift = (c.LEAD_CONSTANT + c.LEAD_FORECAST * day + habit) * lead / (lead + c.LEAD_HALF_DAYS)
    return 1 / (1 + math.exp(-(_log_odds(likely) + shift)))


def times_a_year(rhythm: Rhythm, last_post: datetime | None, now: datetime, holes: Sequence[Interval] = ()) -> float:
    """How often a year a silence this long comes, by the account's own rhythm.

    With holes it is the longest observed part of the silence that is compared.
    """
    first, at, longest = _since(rhythm, last_post), _seconds(now), 0.0
    for start, end in _pieces(first, at, holes):
        longest = max(longest, rhythm.clock.elapsed(start, end))
    return c.DAYS_A_YEAR * _long_a_day(rhythm) * longer(rhythm, rhythm.tempo * longest) / rhythm.long_share


def deadline(rhythm: Rhythm, last_post: datetime | None, false_alarms_per_year: float) -> datetime:
    """From when on a silence is told, so that silences which end by themselves are told ``false_alarms_per_year`` (> 0)
    times a year. At least an hour after the post, at most some years. It depends on nothing that comes after the post.
    Without enough history gaps are taken to begin at least as often as the prior says: a late deadline.
    """
    first = _since(rhythm, last_post)
    wanted = math.log(false_alarms_per_year / c.DAYS_A_YEAR / _long_a_day(rhythm))
    hours = _gap_with(rhythm, wanted) / rhythm.tempo
    at = max(rhythm.clock.after(first, hours), first + c.LEAST_DEADLINE)
    return datetime.fromtimestamp(min(at, HIGHEST), UTC)


def unlikely_from(rhythm: Rhythm, last_post: datetime | None, likely: float) -> datetime:
    """From when on the chance of a silence after the last post is at most ``likely`` (0 to 1): chance inverted."""
    if likely < rhythm.long_share:
        hours = _gap_with(rhythm, math.log(likely / rhythm.long_share))
    else:
        hours = c.SHORT * ((1 - likely) / (1 - rhythm.long_share)) ** (1 / c.BURST_POWER)
    at = rhythm.clock.after(_since(rhythm, last_post), hours / (rhythm.tempo * c.WINDOW_PACE))
    return datetime.fromtimestamp(min(at, HIGHEST), UTC)


def expected_posts(rhythm: Rhythm, start: datetime, end: datetime, holes: Sequence[Interval] = ()) -> float:
    """How many posts the covered part of [start, end) would hold if the account went on as lately."""
    pieces = _pieces(_seconds(start), _seconds(end), holes)
    return rhythm.posts_a_day / 24 * sum(rhythm.posting.elapsed(a, b) for a, b in pieces)


def _gap_with(rhythm: Rhythm, wanted: float) -> float:
    """The gap in rhythm hours whose ln P(gap >= it | gap >= SHORT) is ``wanted``; SHORT where even that is rarer."""
    survival = rhythm.survival
    if wanted >= 0:
        return c.SHORT
    edge = next((i for i in range(1, len(survival)) if survival[i] <= wanted), None)
    if edge is None:
        return _LONGEST
    low, high = survival[edge - 1], survival[edge]
    return float(c.SHORT * 2 ** ((edge - 1 + (low - wanted) / (low - high)) / 4))


def _long_a_day(rhythm: Rhythm) -> float:
    return rhythm.long_a_day if rhythm.enough else max(rhythm.long_a_day, c.PRIOR_LONG / c.PRIOR_LONG_DAYS)


def _conditional(rhythm: Rhythm, age: float, hours: float) -> float:
    """The chance of no post in the next rhythm hours, after ``age`` of them without one."""
    pace = rhythm.tempo * c.WINDOW_PACE
    return min(longer(rhythm, pace * (age + hours)) / longer(rhythm, pace * age), 1.0) if hours > 0 else 1.0


def _since(rhythm: Rhythm, last_post: datetime | None) -> float:
    return rhythm.since if last_post is None else _seconds(last_post)


def _seconds(at: datetime) -> float:
    return min(max(at.timestamp(), LOWEST), HIGHEST)


def _covered(rhythm: Rhythm, start: float, end: float, holes: Sequence[Interval]) -> float:
    if not holes:
        return rhythm.clock.elapsed(start, end) if start < end else 0.0
    return sum(rhythm.clock.elapsed(a, b) for a, b in _pieces(start, end, holes))


def _pieces(start: float, end: float, holes: Sequence[Interval]) -> list[tuple[float, float]]:
    """What the holes leave of a window."""
    pieces = []
    for hole in sorted(holes):
        low, high = _seconds(hole.start), _seconds(hole.end)
        if low < high and start < high and low < end:
            if start < low:
                pieces.append((start, low))
            start = high
    if start < end:
        pieces.append((start, end))
    return pieces


def _log_odds(chance: float) -> float:
    kept = min(max(chance, TINY), 1 - TINY)
    return math.log(kept / (1 - kept))
