"""Recorded responses of real platforms: each is read to the right posts or refused with the right outcome.

python -m bench.fixtures --path ../shared/fixtures [--json]
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from bench.harness import report

PARTS = ("fixtures_feeds", "fixtures_json")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--path", type=Path, default=Path("../shared/fixtures"))
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    figures = {part: importlib.import_module(f"bench.{part}").check(asked.path) for part in PARTS}
    files = sum(figure["files"] for figure in figures.values())
    differing = sum(len(figure["differing"]) for figure in figures.values())
    ok = files > 0 and differing == 0 and all(figure["parsed"] for figure in figures.values())
    report(ok, {"files": files, "differing": differing, **figures}, asked.json)


if __name__ == "__main__":
    main()
