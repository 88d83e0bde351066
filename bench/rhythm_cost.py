"""What a rhythm costs: a chance, a deadline, a refit, the bytes, and a night's refit of many accounts.

    python -m bench.rhythm_cost --data DIR-or-FILE [--refits N] [--json]

CPU time of this process, so that neighbours on the machine do not count. The night is a real run of N refits over real
histories, each written and read back, projected to 100,000 accounts on two cores; loading and storing are not in it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.rhythm.chances import chance, deadline
from app.domain.rhythm.fitting import fit_seconds
from app.domain.rhythm.state import Rhythm
from bench import harness, rhythm_data

REPEATS = 300
REFITS = 2000
ACCOUNTS, CORES = 100_000, 2
MOST = {"chance_us": 50.0, "deadline_us": 50.0, "refit_ms_p99": 5.0, "night_minutes": 10.0, "state_bytes": 2048.0}


def measure(histories: Sequence[dict[str, Any]], refits: int = REFITS) -> dict[str, float]:
    """The figures; the fewest posts and the most are among the histories as they are in the data."""
    fits, sizes, rhythms = [], [], []
    for history in itertools.islice(itertools.cycle(histories), refits):
        posts, until = history["posts"], float(history["posts"][-1])
        covered = rhythm_data.coverage(history, until, history["gaps"])
        began = time.process_time()
        stored = fit_seconds(posts, covered, history["tz"], until).to_bytes()
        fits.append(time.process_time() - began)
        sizes.append(len(stored))
        rhythms.append((stored, datetime.fromtimestamp(until, UTC)))
    asked = [(Rhythm.from_bytes(stored), last) for stored, last in rhythms[:REPEATS]]
    return {
        "chance_us": _each(lambda found, last: chance(found, last, last, last + timedelta(days=1)), asked),
        "deadline_us": _each(lambda found, last: deadline(found, last, 2.0), asked),
        "read_us": _each(lambda stored, _: Rhythm.from_bytes(stored), rhythms[:REPEATS]),
        "refit_ms_mean": 1000 * sum(fits) / len(fits),
        "refit_ms_p99": 1000 * harness.percentile(fits, 0.99),
        "refits": len(fits),
        "night_minutes": sum(fits) / len(fits) * ACCOUNTS / CORES / 60,
        "state_bytes": max(sizes),
    }


def _each(ask: Callable[..., object], rows: Sequence[tuple[Any, datetime]]) -> float:
    """Microseconds of CPU a call, the best of five rounds over all rows."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for row in rows:
            ask(*row)
        rounds.append(time.process_time() - began)
    return 1e6 * min(rounds) / len(rows)


def verdicts(figures: dict[str, float]) -> dict[str, bool]:
    """Each promise, and whether it is kept."""
    return {f"cost {name}": figures[name] <= most for name, most in MOST.items()}


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--data", type=Path, default=rhythm_data.CORPUS / "data")
    options.add_argument("--refits", type=int, default=REFITS)
    asked = options.parse_args()
    with harness.scratch() as work:
        figures = measure(rhythm_data.load(rhythm_data.prepared(asked.data, None, work)), asked.refits)
    harness.report(all(verdicts(figures).values()), figures, asked.json)


if __name__ == "__main__":
    main()
