"""The moments from which on a silence is rarer than fixed steps: what a list of accounts needs of their rhythms.

Assumes the rhythm and the last post of an account. Promises: a mark is the very deadline that a rule of that many
false alarms a year would have; the words follow from the marks alone and are those of ``rhythm.readings`` for a silence
without holes. Between two marks figures are interpolated: right to the step, no closer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import chance, deadline, unlikely_from
from app.domain.rhythm.readings import Reading
from app.domain.rhythm.state import Rhythm

#: Times a year, falling. The words need UNUSUAL_TIMES and RARE_TIMES among them.
STEPS = (52.0, 24.0, c.UNUSUAL_TIMES, 6.0, 4.0, 2.0, c.RARE_TIMES, 0.5, 0.25, 0.1)
_UNUSUAL, _RARE = STEPS.index(c.UNUSUAL_TIMES), STEPS.index(c.RARE_TIMES)


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of the silence after one post, whatever the time now."""

    last_post: datetime
    """The post that the silence follows."""
    moments: tuple[datetime, ...]
    """For each of STEPS: from then on a silence this long comes at most so often a year."""
    chances: tuple[float, ...]
    """The chance of a silence that long, at each of the moments."""
    even_at: datetime
    """From then on a post would have been at least as likely as a silence this long."""
    posts_a_day: float
    """Lately, before the last post."""
    enough: bool
    """Whether there is history enough to say anything sharp."""
    posts: int
    """How many posts and observed days it is based on."""
    days: float

    def times_a_year(self, at: datetime) -> float | None:
        """How often a year a silence to ``at`` comes; None: more often than STEPS[0]. At least STEPS[-1]."""
        return self._between(STEPS, at)

    def chance(self, at: datetime) -> float | None:
        """Of a silence at least this long after a post; None before the first mark. At least that of the last one."""
        return self._between(self.chances, at)

    def _between(self, values: Sequence[float], at: datetime) -> float | None:
        passed = bisect_right(self.moments, at)
        if passed in (0, len(values)):
            return values[-1] if passed else None
        low, high = self.moments[passed - 1], self.moments[passed]
        return float(values[passed - 1] * (values[passed] / values[passed - 1]) ** ((at - low) / (high - low)))

    def reading(self, at: datetime) -> Reading:
        """The word for a silence to ``at``."""
        if not self.enough:
            return Reading.NOT_ENOUGH
        if at < self.even_at:
            return Reading.TOO_QUIET
        if at < self.moments[_UNUSUAL]:
            return Reading.ORDINARY
        rare = at >= self.moments[_RARE] and at - self.last_post > timedelta(hours=c.RARE_HOURS)
        return Reading.RARE if rare else Reading.UNUSUAL


def marks_of(rhythm: Rhythm, last_post: datetime) -> Marks:
    """The marks of the silence after this post."""
    moments = tuple([deadline(rhythm, last_post, step) for step in STEPS])
    return Marks(
        last_post,
        moments,
        tuple([chance(rhythm, last_post, last_post, moment) for moment in moments]),
        unlikely_from(rhythm, last_post, c.USUAL_SILENCE),
        rhythm.posts_a_day,
        rhythm.enough,
        rhythm.posts,
        rhythm.observed_days,
    )
