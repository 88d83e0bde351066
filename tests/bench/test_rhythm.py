from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import null_days, rhythm, rhythm_cost, rhythm_data, rhythm_diagram

DAY = 86400.0
START = 1_577_836_800.0


def histories(accounts: int = 40, days: int = 120) -> list[dict[str, object]]:
    rng = np.random.default_rng(1)
    found = []
    for account in range(accounts):
        posts = np.unique(START + rng.integers(0, int(days * DAY), 4 * days).astype(np.float64))
        span = {"eval_from": float(posts[0]), "eval_to": float(posts[-1])}
        found.append({"ds": "celebs", "account": str(account), "tz": "UTC", "posts": posts, "gaps": [], **span})
    return found


def test_a_plain_file_is_prepared_for_the_judge(tmp_path: Path, corpus: Path) -> None:
    posts = [START + hour * 3600 * 7 for hour in range(100)]
    pq.write_table(
        pa.table({"account": ["a"] * 100, "posted_at": [int(post) for post in posts]}), tmp_path / "x.parquet"
    )
    (found,) = rhythm_data.load(rhythm_data.prepared(tmp_path / "x.parquet", "Asia/Tokyo", tmp_path))
    assert found["tz"] == "Asia/Tokyo"
    assert found["posts"].tolist() == posts
    again = rhythm_data.prepared(tmp_path / "prepared.pkl", None, tmp_path)
    assert rhythm_data.load(again)[0]["account"] == "a"
    assert rhythm_data.observed(0, 10, [(2, 3), (2.5, 4), (9, 12)]) == [(0, 2), (4, 9)]


def test_the_judge_can_ask_the_predictor(tmp_path: Path, corpus: Path) -> None:
    rows = histories(6)
    drawn = rhythm_diagram.draw(tmp_path / "d.svg", rows, rhythm.Predictor())
    assert drawn > 50
    assert (tmp_path / "d.svg").read_text().count("<circle") > 20
    (tmp_path / "h.pkl").write_bytes(pickle.dumps(rows))
    figures, strata = rhythm.judged(tmp_path / "h.pkl", "dev", light=False)
    assert set(strata) == set(figures["skill"])
    assert "ece by window" in rhythm.verdicts(figures, strata)


def test_random_days_are_ordinary() -> None:
    rows = histories()
    rng = np.random.default_rng(2)
    (day,) = null_days.drawn(rows, 1, rng)
    chances, silent = null_days.counted(rows, day, rng)
    assert len(chances) > 30
    assert silent == pytest.approx(sum(chances), abs=4)


def test_what_a_rhythm_costs_is_told() -> None:
    figures = rhythm_cost.measure(histories(3), refits=10)
    assert set(rhythm_cost.MOST) <= set(figures)
