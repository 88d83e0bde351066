"""Real histories in the form the judge of rhythms reads: of a directory it prepares itself, or of any file.

A prepared history is a dict: ds, account, tz, posts (epoch seconds), gaps (not observed), eval_from, eval_to.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq

CORPUS = Path(os.environ.get("QUIETWATCH_CORPUS", Path(__file__).parent.parent.parent / "shared"))
JUDGE = CORPUS / "rhythm" / "judge.py"
PREPARE = CORPUS / "rhythm" / "prepare.py"
#: The judge knows these; accounts of other files are judged like the first where they are few, else like the second.
FEW, MANY, MOST_FEW = "celebs", "congress", 200
LEAST_SPAN = 3 * 86400.0


def prepared(data: Path, zone: str | None, work: Path) -> Path:
    """A file for the judge from a prepared file, a directory or a parquet file (``account``, ``posted_at`` in epoch
    seconds). ``zone``: by whose clocks the accounts live; without one as the preparation says, else UTC."""
    found = work / "prepared.pkl"
    if data.suffix == ".pkl":
        histories = pickle.loads(data.read_bytes())  # noqa: S301 - the bench's own format, from its caller
    else:
        histories = _by_the_judge(data, work, found) or _of_files(data)
    if zone:
        histories = [{**history, "tz": zone} for history in histories]
    found.write_bytes(pickle.dumps(histories))
    return found


def load(path: Path) -> list[dict[str, Any]]:
    """The histories of a prepared file."""
    histories: list[dict[str, Any]] = pickle.loads(path.read_bytes())  # noqa: S301 - written above
    return histories


def judge() -> ModuleType:
    """The judge as a module, for its sampling."""
    spec = importlib.util.spec_from_file_location("rhythm_judge", JUDGE)
    if spec is None or spec.loader is None:
        raise SystemExit(f"no judge at {JUDGE}: set QUIETWATCH_CORPUS")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def coverage(history: dict[str, Any], until: float, gaps: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """What was observed from the first post on."""
    return observed(float(history["posts"][0]), until, gaps)


def observed(since: float, until: float, gaps: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """``since`` to ``until`` without the gaps."""
    pieces, start = [], since
    for low, high in sorted(gaps):
        if low > start:
            pieces.append((start, min(low, until)))
        start = max(start, high)
    return [(low, high) for low, high in [*pieces, (start, until)] if low < high]


def _by_the_judge(data: Path, work: Path, out: Path) -> list[dict[str, Any]]:
    """The preparation that belongs to the judge; it knows its files by their names, and nothing of others."""
    source = data
    if data.is_file():
        source = work / "data"
        source.mkdir()
        for name in (data, *data.parent.glob("*.csv")):
            (source / name.name).symlink_to(name.resolve())
    command = [sys.executable, str(PREPARE), str(source), str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return load(out)


def _of_files(data: Path) -> list[dict[str, Any]]:
    files = [data] if data.is_file() else sorted(data.glob("*.parquet"))
    histories = [history for file in files for history in _of_file(file)]
    kind = FEW if len(histories) <= MOST_FEW else MANY
    return [{**history, "ds": kind} for history in histories]


def _of_file(path: Path) -> list[dict[str, Any]]:
    table = pq.read_table(path, columns=["account", "posted_at"])
    accounts, stamps = np.array(table["account"].to_pylist()), table["posted_at"].to_numpy().astype(np.float64)
    found = []
    for account in sorted(set(accounts.tolist())):
        posts = np.unique(stamps[accounts == account])
        if len(posts) > 1 and posts[-1] - posts[0] >= LEAST_SPAN:
            span = {"eval_from": float(posts[0]), "eval_to": float(posts[-1])}
            found.append({"account": account, "tz": "UTC", "posts": posts, "gaps": [], **span})
    return found
