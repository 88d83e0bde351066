"""Random histories: whatever is on record, a rhythm is found, is sane, and its laws hold.

    python -m bench.rhythm_histories [--histories N] [--seed N] [--json]

Bursts, repeats, equal stamps, no posts, all posts in one second, more holes than coverage, zones that changed their
rules, edges of years. Of each: no crash, numbers that are numbers, the stored form reads back the same in at most 2 KB,
chances fall with the window, deadlines grow as fewer false alarms are wanted, a hole never makes a silence rarer, and
no sharp word without enough history.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

from app.domain.models import Interval
from app.domain.rhythm.chances import chance, deadline, planned, times_a_year
from app.domain.rhythm.fitting import fit_seconds
from app.domain.rhythm.readings import Reading, silence_meaning
from app.domain.rhythm.state import Rhythm
from bench import harness

HISTORIES = 100_000
DAY = 86400.0
CLOSE = 1e-9
#: Starts of histories; the clocks of some zones were changed, or a year began, soon after.
FROM = [
    datetime(year, month, 20, tzinfo=UTC).timestamp()
    for year in (1999, 2011, 2014, 2024, 2026)
    for month in (3, 10, 12)
]


def history(rng: random.Random) -> tuple[list[float], list[tuple[float, float]], float]:
    """Posts, coverage and now."""
    start, span = rng.choice(FROM), rng.choice((0.0, 1.0, 30.0, 500.0)) * DAY
    posts: list[float] = []
    for _ in range(rng.choice((0, 1, 2, 5, 20, 60))):
        first, step = start + rng.random() * span, rng.choice((0.0, 0.0, 1.0, 600.0, 3600.0, DAY))
        posts += [first + step * i for i in range(rng.choice((1, 1, 2, 10, 50)))]
    if rng.random() < 0.3:
        posts = [float(int(post)) for post in posts]
    if rng.random() < 0.5:
        return posts, [(start, start + span)], start + span
    ends = [start + rng.random() * span for _ in range(2 * rng.choice((0, 1, 3, 40)))]
    return posts, list(zip(ends[::2], ends[1::2], strict=True)), start + rng.random() * span


def broken(found: Rhythm, now: float, rng: random.Random) -> list[str]:
    """The laws that do not hold."""
    last = datetime.fromtimestamp(found.last_post, UTC)
    at = max(datetime.fromtimestamp(now, UTC), last)
    length, more = (timedelta(hours=rng.choice((0, 0.3, 6, 24, 168, 5000)) * rng.random()) for _ in range(2))
    hole = Interval(last + length * rng.random(), last + length)
    stored = found.to_bytes()
    meaning = silence_meaning(found, last, at)
    numbers = (meaning.chance, meaning.times_a_year, meaning.expected_posts, *found.survival, *found.clock.speeds)
    laws = {
        "numbers": all(map(math.isfinite, numbers)) and 0 <= meaning.chance <= 1,
        "stored": len(stored) <= 2048 and Rhythm.from_bytes(stored) == found,
        "window": chance(found, last, at, at + length + more) <= chance(found, last, at, at + length) + CLOSE,
        "planned": planned(found, last, last, at, at + length + more)
        <= planned(found, last, last, at, at + length) + CLOSE,
        "deadline": last + timedelta(hours=1) <= deadline(found, last, 4) <= deadline(found, last, 1),
        "hole": times_a_year(found, last, last + length, [hole]) >= times_a_year(found, last, last + length) - CLOSE
        and chance(found, last, last, last + length, [hole]) >= chance(found, last, last, last + length) - CLOSE,
        "word": found.enough or meaning.reading is Reading.NOT_ENOUGH,
    }
    return [law for law, holds in laws.items() if not holds]


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--histories", type=int, default=HISTORIES)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    rng = random.Random(asked.seed)
    zones = sorted(available_timezones())
    rng.shuffle(zones)
    kinds: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with harness.Stopwatch() as watch:
        for k in range(asked.histories):
            posts, coverage, now = history(rng)
            try:
                found = fit_seconds(posts, coverage, zones[k % 100], now)
                wrong.update(broken(found, now, rng))
                kinds["enough" if found.enough else "not enough"] += 1
            except Exception as error:
                wrong[f"crash {type(error).__name__}"] += 1
    figures = {"histories": asked.histories, "broken": dict(wrong), "cpu_s": watch.cpu, **kinds}
    harness.report(not wrong, figures, asked.json)


if __name__ == "__main__":
    main()
