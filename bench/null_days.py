"""Ordinary days: does the number of silent accounts lie where the rhythms expect it, when nobody agreed to be silent?

    python -m bench.null_days --data DIR-or-FILE [--tz ZONE] [--days N] [--seed N] [--json]

Days are drawn from the whole span of the data, in order of time; the list of a day is up to 200 accounts that are known
long enough, posted later (so they were alive) and were observed throughout. The range of each day comes from the drawn
days before it; the first ones only serve that. Days of a known boycott are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from app.domain.rhythm.chances import chance
from app.domain.rhythm.fitting import fit_seconds
from app.domain.rhythm.lists import silent_accounts, usual_reach
from bench import harness, rhythm_data

COVERS = (0.87, 0.93)
MOST_BIAS = 0.02
LEAST_LIST, MOST_LIST = 30, 200
#: Drawn days that only serve as the past of others, and how many days before one are its past.
FIRST, PAST = 60, 39
DAY = 86400.0
KNOWN_FOR = 14 * DAY
#: The freeze of 16 September 2020 and its eve and morrow.
BOYCOTT = {date(2020, 9, 15), date(2020, 9, 16), date(2020, 9, 17)}

Counted = tuple[list[float], int]


def counted(histories: Sequence[dict[str, Any]], day: date, rng: np.random.Generator) -> Counted:
    """The chances of the accounts of one day's list, as said at their midnight, and how many were silent."""
    alive = [history for history in histories if _covers(history, day)]
    chances, silent = [], 0
    for place in rng.permutation(len(alive))[:MOST_LIST]:
        history, (start, end) = alive[place], _local(alive[place], day)
        if any(low < end.timestamp() and high > start.timestamp() for low, high in history["gaps"]):
            continue
        posts = history["posts"]
        before, after = np.searchsorted(posts, [start.timestamp(), end.timestamp()])
        covered = rhythm_data.coverage(history, start.timestamp(), history["gaps"])
        found = fit_seconds(posts[:before], covered, history["tz"], start.timestamp())
        if found.enough:
            chances.append(chance(found, datetime.fromtimestamp(posts[before - 1], UTC), start, end))
            silent += int(before == after)
    return chances, silent


def _covers(history: dict[str, Any], day: date) -> bool:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    begins = max(float(history["posts"][0]) + KNOWN_FOR, history["eval_from"])
    return bool(begins <= noon - DAY and noon + 2 * DAY <= history["eval_to"])


def _local(history: dict[str, Any], day: date) -> tuple[datetime, datetime]:
    zone = ZoneInfo(history["tz"])
    start, end = (datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def drawn(histories: Sequence[dict[str, Any]], days: int, rng: np.random.Generator) -> list[date]:
    """Days with a list long enough, in order."""
    begins = min(float(history["posts"][0]) for history in histories)
    ends = max(history["eval_to"] for history in histories)
    all_days = [date.fromordinal(719163 + k) for k in range(int(begins // DAY), int(ends // DAY))]
    starts = np.sort([max(history["posts"][0] + KNOWN_FOR, history["eval_from"]) for history in histories])
    stops = np.sort([history["eval_to"] for history in histories])
    at = np.array([(day.toordinal() - 719163) * DAY for day in all_days])
    lists = np.searchsorted(starts, at) - np.searchsorted(stops, at)
    fit_days = [day for day, size in zip(all_days, lists, strict=True) if size >= LEAST_LIST and day not in BOYCOTT]
    chosen = rng.choice(len(fit_days), min(days, len(fit_days)), replace=False)
    return [fit_days[k] for k in sorted(chosen)]


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--data", type=Path, default=rhythm_data.CORPUS / "data")
    options.add_argument("--tz")
    options.add_argument("--days", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    rng = np.random.default_rng(asked.seed)
    with harness.scratch() as work:
        histories = rhythm_data.load(rhythm_data.prepared(asked.data, asked.tz, work))
    rows = [counted(histories, day, rng) for day in drawn(histories, asked.days + FIRST, rng)]
    inside, independent = 0, 0
    judged = range(len(rows) - asked.days, len(rows)) if len(rows) > asked.days else range(0)
    for k in judged:
        chances, silent = rows[k]
        usual = silent_accounts(chances, usual_reach(rows[max(0, k - PAST) : k]))
        alone = silent_accounts(chances, usual_reach([]))
        inside += usual.low <= silent <= usual.high
        independent += alone.low <= silent <= alone.high
    expected = math.fsum(math.fsum(rows[k][0]) for k in judged)
    observed = sum(rows[k][1] for k in judged)
    figures = {
        "days": len(judged),
        "accounts_a_day": sum(len(rows[k][0]) for k in judged) / max(len(judged), 1),
        "expected_a_day": expected / max(len(judged), 1),
        "observed_a_day": observed / max(len(judged), 1),
        "bias": observed / expected - 1 if expected else math.nan,
        "covered": inside / max(len(judged), 1),
        "covered_were_accounts_independent": independent / max(len(judged), 1),
    }
    ok = COVERS[0] <= figures["covered"] <= COVERS[1] and abs(figures["bias"]) <= MOST_BIAS
    harness.report(ok, figures, asked.json)


if __name__ == "__main__":
    main()
