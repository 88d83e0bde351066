"""Windows of many accounts at once: what ``readings.window_meaning`` says of each, in a tenth of its time.

Assumes stored rhythms of this version. Promises: the figures are those of ``chances``, whose words say why they are so;
a test compares the two. Memory is bounded, however many accounts there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import HIGHEST, LOWEST, TINY
from app.domain.rhythm.clock import DAY, HOUR, HOURS, MONDAY, WEEK
from app.domain.rhythm.readings import WindowMeaning, window_word
from app.domain.rhythm.state import FLOATS, HEAD, PARTS, SCALARS, has_enough
from app.domain.rhythm.zones import offsets_of

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
#: So many at once: what each array takes is then kept for the next one. Twice as many take half as long again, because
#: memory of that size is given back to the system each time.
GROUP = 125
_KINDS = {"B": "u1", "H": "<u2", "d": "<f8", "f": "<f4"}
_NAMES = ("version", "zone", "ranked", "posts", *SCALARS)
_HEAD = np.dtype([(name, _KINDS[kind]) for name, kind in zip(_NAMES, "BBBHddddfffff", strict=True)])


@dataclass(frozen=True, slots=True)
class _Week:
    """Clocks of many accounts, a column each: the speed of each hour of the week, and how much has passed before it."""

    speeds: Floats
    reached: Floats

    @classmethod
    def of(cls, speeds: Floats) -> _Week:
        reached = np.zeros((HOURS + 1, speeds.shape[1]))
        np.cumsum(speeds, axis=0, out=reached[1:])
        return cls(speeds, reached)

    def at(self, rows: Places, local: Floats) -> Floats:
        """As ``Clock._at``."""
        weeks, rest = np.divmod(local + MONDAY, WEEK)
        hour = np.minimum((rest // HOUR).astype(np.int64), HOURS - 1)
        whole = weeks * self.reached[-1, rows] + self.reached[hour, rows]
        return np.asarray(whole + self.speeds[hour, rows] * (rest / HOUR - hour), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Many:
    """Rhythms as columns."""

    heads: npt.NDArray[np.void]
    zones: dict[str, Places]
    """The rows of each zone."""
    clock: _Week
    posting: _Week
    survival: Floats
    weekdays: Floats

    @classmethod
    def read(cls, stored: Sequence[bytes]) -> _Many:
        """From ``Rhythm.to_bytes``."""
        heads = np.frombuffer(b"".join([each[: HEAD.size] for each in stored]), _HEAD)
        starts = [HEAD.size + each[1] for each in stored]
        cut = [each[at : at + 4 * FLOATS] for each, at in zip(stored, starts, strict=True)]
        numbers = np.frombuffer(b"".join(cut), "<f4").reshape(-1, FLOATS).T.astype(np.float64, order="C")
        speeds, survival, weekdays, hours, days, _ = np.split(numbers, np.cumsum(PARTS)[:-1])
        rows: dict[str, list[int]] = {}
        for row, (each, at) in enumerate(zip(stored, starts, strict=True)):
            rows.setdefault(each[HEAD.size : at].decode(), []).append(row)
        return cls(
            heads,
            {zone: np.array(places, dtype=np.int64) for zone, places in rows.items()},
            _Week.of(speeds),
            _Week.of((HOURS * days[:, None, :] * hours[None, :, :]).reshape(HOURS, -1)),
            survival,
            weekdays,
        )

    def elapsed(self, week: _Week, start: Floats, end: Floats) -> Floats:
        """As ``Clock.elapsed``, for starts that do not come after their ends."""
        passed = np.zeros(len(start))
        for zone, rows in self.zones.items():
            table = offsets_of(zone)
            changes, offsets = np.array(table.changes), np.array(table.offsets)
            i, j = (np.searchsorted(changes, at[rows], side="right") for at in (start, end))
            span = week.at(rows, end[rows] + offsets[j]) - week.at(rows, start[rows] + offsets[i])
            for k in range(int(i.min()), int(j.max())):
                over = (i <= k) & (k < j)
                local = np.full(int(over.sum()), changes[k])
                span[over] -= week.at(rows[over], local + offsets[k + 1]) - week.at(rows[over], local + offsets[k])
            passed[rows] = np.maximum(span, 0.0)
        return passed

    def weekday(self, at: Floats) -> Floats:
        """The habit of the local weekday of each moment."""
        found = np.zeros(len(at))
        for zone, rows in self.zones.items():
            table = offsets_of(zone)
            offsets = np.array(table.offsets)[np.searchsorted(np.array(table.changes), at[rows], side="right")]
            day = ((at[rows] + offsets + MONDAY) // DAY).astype(np.int64) % 7
            found[rows] = self.weekdays[day, rows]
        return found

    def longer(self, hours: Floats) -> Floats:
        """As ``chances.longer``."""
        share = self.heads["long_share"].astype(np.float64)
        short = 1 - (1 - share) * (np.clip(hours, 0, c.SHORT) / c.SHORT) ** c.BURST_POWER
        place = 4 * np.log2(np.maximum(hours, c.SHORT) / c.SHORT)
        edge = np.minimum(place.astype(np.int64), c.BINS - 1)
        rows = np.arange(len(hours))
        low, high = self.survival[edge, rows], self.survival[edge + 1, rows]
        return np.where(hours < c.SHORT, short, share * np.exp(low + (place - edge) * (high - low)))

    def conditional(self, age: Floats, hours: Floats) -> Floats:
        """As ``chances._conditional``."""
        pace = self.heads["tempo"].astype(np.float64) * c.WINDOW_PACE
        likely = np.minimum(self.longer(pace * (age + hours)) / self.longer(pace * age), 1.0)
        return np.where(hours > 0, likely, 1.0)


def window_meanings(
    stored: Sequence[bytes], last_posts: Sequence[datetime | None], windows: Sequence[Interval], now: datetime
) -> list[WindowMeaning | None]:
    """``window_meaning`` of each; None where a window begins before the account was known."""
    found: list[WindowMeaning | None] = []
    for at in range(0, len(stored), GROUP):
        part = slice(at, at + GROUP)
        found += _meanings(_Many.read(stored[part]), last_posts[part], windows[part], now)
    return found


def _meanings(
    many: _Many, last_posts: Sequence[datetime | None], windows: Sequence[Interval], now: datetime
) -> list[WindowMeaning | None]:
    since = many.heads["since"]
    begun = _bounded([window.start.timestamp() for window in windows])
    ended = np.maximum(_bounded([window.end.timestamp() for window in windows]), begun)
    first = _bounded([math.nan if at is None else at.timestamp() for at in last_posts])
    first = np.where(np.isnan(first), since, first)
    likely = _chances(many, first, begun, ended, np.minimum(begun, _bounded([now.timestamp()])))
    posts = many.heads["posts_a_day"].astype(np.float64) / 24 * many.elapsed(many.posting, begun, ended)
    figures = zip(
        windows, (begun < since).tolist(), likely.tolist(), posts.tolist(),
        many.heads["posts"].tolist(), many.heads["observed_days"].tolist(), strict=True,
    )  # fmt: skip
    return [
        None
        if early
        else WindowMeaning(window_word(has_enough(days, made), chance, window.length), chance, expected, made, days)
        for window, early, chance, expected, made, days in figures
    ]


def _chances(many: _Many, first: Floats, begun: Floats, ended: Floats, at: Floats) -> Floats:
    """As ``chances.chance`` where ``at`` is when the window begins, as ``chances.planned`` where it is before."""
    age = many.elapsed(many.clock, np.minimum(first, at), at)
    hours = many.elapsed(many.clock, begun, ended)
    likely = many.conditional(age, hours)
    lead = np.minimum((begun - at) / DAY, c.LEAD_HALF_DAYS)
    if not lead.any():
        return likely
    day = _log_odds(many.conditional(age, many.elapsed(many.clock, begun, begun + DAY)))
    habit = c.LEAD_SILENT_DAYS * many.heads["silent_days"].astype(np.float64) + c.LEAD_WEEKDAY * many.weekday(begun)
    shift = (c.LEAD_CONSTANT + c.LEAD_FORECAST * day + habit) * lead / (lead + c.LEAD_HALF_DAYS)
    return np.where((lead > 0) & (hours > 0), 1 / (1 + np.exp(-(_log_odds(likely) + shift))), likely)


def _bounded(moments: Sequence[float]) -> Floats:
    return np.asarray(np.clip(np.array(moments), LOWEST, HIGHEST), dtype=np.float64)


def _log_odds(chance: Floats) -> Floats:
    kept = np.clip(chance, TINY, 1 - TINY)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float64)
