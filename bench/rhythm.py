"""How good and how cheap the rhythms are: the judge of silence predictors on real histories, and their cost.

    python -m bench.rhythm --data DIR-or-FILE [--tz ZONE] [--goals dev|unseen] [--light] [--diagram FILE.svg] [--json]

The judge (found by QUIETWATCH_CORPUS) is used as it is; it calls the ``Predictor`` below, which calls the product's own
domain and lets every rhythm go through its stored form first. FILE is a parquet with account and posted_at, or what the
judge's preparation wrote.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.rhythm.chances import deadline, planned
from app.domain.rhythm.fitting import fit_seconds
from app.domain.rhythm.state import Rhythm
from bench import harness, rhythm_cost, rhythm_data, rhythm_diagram

MOST_ECE, MOST_ECE_STRATUM = 0.02, 0.05
STRETCH_PLANNED = {"dev": 0.09, "unseen": 0.165}
STRETCH_P90 = 300.0
REALISED = (0.4, 1.2)
MOST_OVER_FOUR = 0.01
ROW = re.compile(r"^(\S+)\s+skill \S+")
STRATUM = re.compile(r"^   (\S+)\s+(\{.*\})$")

Seen = tuple[bytes, datetime | None, datetime]


class Predictor:
    """The judge's plug-in. Its state is what the service would have stored, and the last post."""

    def __init__(self) -> None:
        self._read: tuple[bytes, Rhythm] | None = None

    def fit(
        self, posts: NDArray[np.float64], observed_from: float, now: float, tz: str, gaps: Sequence[tuple[float, float]]
    ) -> Seen:
        """Epoch seconds in, the stored value out."""
        found = fit_seconds(posts, rhythm_data.observed(observed_from, now, gaps), tz, now)
        return found.to_bytes(), _moment(posts[-1]) if len(posts) else None, _moment(now)

    def p_silent(self, state: Seen, start: float, end: float) -> float:
        """The chance of no post in a window that starts now or later."""
        return planned(self._rhythm(state), state[1], state[2], _moment(start), _moment(end))

    def quiet_after_year(self, state: Seen, last_post: float, false_alarms: float) -> float:
        """The deadline for so many false alarms per account-year."""
        return deadline(self._rhythm(state), _moment(last_post), false_alarms).timestamp()

    def _rhythm(self, state: Seen) -> Rhythm:
        if self._read is None or self._read[0] is not state[0]:
            self._read = state[0], Rhythm.from_bytes(state[0])
        return self._read[1]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)


def judged(data: Path, goals: str, light: bool) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """The judge's figures, and each window's calibration error by rate. Both halves run at once."""
    flags = ["--goals", goals, *(["--light"] if light else [])]
    command = [sys.executable, str(rhythm_data.JUDGE.resolve()), str(data.resolve()), "bench.rhythm:Predictor", *flags]
    home = Path(__file__).parent.parent
    halves = [
        subprocess.Popen([*command, half], stdout=subprocess.PIPE, text=True, cwd=home) for half in ("--q1", "--q2")
    ]
    output = [half.communicate()[0] for half in halves]
    if any(half.returncode for half in halves):
        raise SystemExit("the judge failed")
    figures: dict[str, Any] = {}
    for text in output:
        figures |= json.loads(text.splitlines()[-1])
    return figures, _strata(output[0])


def _strata(text: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    window = ""
    for line in text.splitlines():
        if head := ROW.match(line):
            window = head[1]
            found[window] = {}
        elif row := STRATUM.match(line):
            found[window][row[1]] = ast.literal_eval(row[2])["ece"]
    return found


def verdicts(figures: dict[str, Any], strata: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Each line of the goals, and whether it is reached."""
    tails = {name: row for name, row in figures["tails"].items() if row[0] is not None}
    return {
        **{f"skill {window}": ok for window, ok in figures["skill_ok"].items()},
        "ece by window": all(value <= MOST_ECE for value in figures["ece"].values()),
        "ece by window and rate": all(ece <= MOST_ECE_STRATUM for rows in strata.values() for ece in rows.values()),
        "rare when it says so": all(row[0] <= float(name.rpartition("<")[2]) for name, row in tails.items()),
        **{f"delay at {rate} a year": ok for rate, ok in figures["delay_ok"].items()},
        "realised over nominal": all(
            REALISED[0] <= ratio <= REALISED[1] for ratio in figures["realised_over_nominal"].values()
        ),
        "accounts over 4 a year at 1": figures["share_of_accounts_over_4_at_F1"] <= MOST_OVER_FOUR,
    }


def stretch(figures: dict[str, Any], goals: str) -> dict[str, str]:
    """How far the goals beyond the goals were reached."""
    planned_skill, p90 = figures["skill"]["24h+7dlead"], figures["p90_h"].get("4")
    return {
        "planned days": f"{planned_skill} of {STRETCH_PLANNED[goals]}",
        "p90 delay at 4 a year": f"{p90} h of {STRETCH_P90:.0f} h",
    }


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--data", type=Path, default=rhythm_data.CORPUS / "data")
    options.add_argument("--tz", help="by whose clocks the accounts live; without it as the preparation says, else UTC")
    options.add_argument("--goals", choices=("dev", "unseen"), default="dev")
    options.add_argument("--light", action="store_true", help="a third of the accounts and windows")
    options.add_argument("--diagram", type=Path, help="only draw the reliability diagram, into this file")
    asked = options.parse_args()
    with harness.scratch() as work:
        data = rhythm_data.prepared(asked.data, asked.tz, work)
        if asked.diagram:
            points = rhythm_diagram.draw(asked.diagram, rhythm_data.load(data), Predictor())
            harness.report(points > 0, {"windows": points, "drawn": str(asked.diagram)}, asked.json)
        figures, strata = judged(data, asked.goals, asked.light)
        cost = rhythm_cost.measure(rhythm_data.load(data))
    reached = verdicts(figures, strata) | rhythm_cost.verdicts(cost)
    shown = {"missed": [name for name, ok in reached.items() if not ok], "reached": len(reached)}
    shown |= figures | {"ece_by_rate": strata, "stretch": stretch(figures, asked.goals), "cost": cost}
    harness.report(all(reached.values()), shown, asked.json)


if __name__ == "__main__":
    main()
