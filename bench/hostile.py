"""What hostile upstreams can do to us: every case of the corpus, bombs, slow hosts, cut bodies, XML, JSON, cancelling.

    python -m bench.hostile [--corpus DIR] [--small] [--json]

``--small`` is the size for the test command: seconds instead of minutes, and room for a machine that does other work.
Nothing leaves loopback. As peer stands feedparser, which hangs on one of the documents; it is run where it can be
killed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import uvloop

from app.worker.parse_pool import ParsePool
from bench import hostile_documents as documents
from bench import hostile_load as load
from bench.harness import parser, report
from bench.hostile_cases import play
from bench.hostile_ground import Ground

CORPORA = Path(__file__).parent.parent.parent / "shared" / "corpora"


async def measure(corpora: Path, small: bool) -> dict[str, Any]:
    """All figures by group, in the battery's order."""
    deadline, slack = (2.0, 5.0) if small else (30.0, 0.5)
    pool = ParsePool()
    try:
        figures: dict[str, Any] = {"bombs": await load.bombs(corpora / "http")}
        figures["cases"] = await play(Ground(corpora, deadline, pool, slack))
        figures["slow"] = await load.slow_hosts(500, deadline, 0.2 if small else 9.0, 400 if small else 4_000)
        figures["truncations"] = await load.truncations(16 if small else 1)
        figures["xml"] = await documents.xml(pool)
        figures["killed"] = await documents.killed(pool)
        figures["charsets"] = documents.charsets(corpora / "feeds", 5 if small else 1_000)
        figures["json"] = documents.json_suite(corpora / "json" / "test_parsing")
        figures["cut_json"] = documents.cut_json()
        figures["mutated"] = documents.mutated(2_000 if small else 200_000)
        figures["cancellations"] = await load.cancellations(2.0 if small else 60.0)
    finally:
        pool.close()
    return {**figures, "short": short(figures, deadline, slack)}


def short(figures: dict[str, Any], deadline: float, slack: float) -> list[str]:
    """Which figures are not what they must be. ``slack``: seconds by which a limit may be passed."""
    slow, xml, killed, json_figures = (figures[name] for name in ("slow", "xml", "killed", "json"))
    cut, cut_json, cancelled = (figures[name] for name in ("truncations", "cut_json", "cancellations"))
    must = {
        "bombs": figures["bombs"]["let_through"] == 0 and figures["bombs"]["growth_mib"] <= 32,
        "cases": not figures["cases"]["wrong"] and not figures["cases"]["not_played"],
        "slow hosts end in time": slow["failed"] == slow["hosts"] and slow["longest_s"] <= deadline + slack,
        "slow hosts delay nobody": slow["delay_p99_s"] <= 2 * slack,
        "truncations": cut["errors"] == cut["offsets"] and cut_json["errors"] == cut_json["offsets"],
        "xml is read blind": xml["crashed"] == 0 and xml["opened"] == 0,
        "xml is read in time": xml["slowest_small_s"][1] <= slack and xml["slowest_large_s"][1] <= 2 + slack,
        "a hanging parser is killed": killed["ended"] == "killed" and killed["after_s"] <= 2 + slack,
        "the loop goes on meanwhile": killed["loop_lag_p99_ms"] <= 100 * slack,
        "charsets": figures["charsets"]["unstable"] == 0,
        "json": json_figures["wrong"] == 0 and json_figures["rejected"] > 0,
        "mutated": figures["mutated"]["crashed"] == 0,
        "cancelled looks leak nothing": cancelled["served_of_10"] == 10 and abs(cancelled["descriptors_left"]) <= 5,
    }
    return [name for name, kept in must.items() if not kept]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--corpus", type=Path, default=CORPORA, help="the folder of the corpora")
    options.add_argument("--small", action="store_true", help="seconds instead of minutes")
    given = options.parse_args()
    figures = uvloop.run(measure(given.corpus, given.small))
    report(not figures["short"], figures, given.json)


if __name__ == "__main__":
    main()
