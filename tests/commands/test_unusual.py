"""How unusual a silence is, as ``silence`` and ``show`` tell it; the figures are those of the API."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.commands import local, output
from app.main import create_app
from app.storage.engine import create_engine
from tests.api.conftest import NOW
from tests.api.fitting import fit_all
from tests.api.seeding import watch
from tests.conftest import in_thread


@pytest.fixture(scope="module")
def planted(new_database: Callable[[], str]) -> str:
    """A silence that is rare, one that is not, a short history, and nothing at all."""
    url = new_database()

    async def fill() -> None:
        engine = create_engine(url)
        often = [240 + 6 * number + number % 3 for number in range(300)]
        await watch(engine, "stopped", posts=often, covered=((2200, 0.1),), subject="Quinn", zone="Asia/Tokyo")
        steady = [9 + 6 * number + number % 3 for number in range(300)]
        await watch(engine, "steady", posts=steady, covered=((2200, 0.1),))
        await watch(engine, "rarely", posts=(400, 1000, 1900), covered=((2200, 0.1),))
        await watch(engine, "never", outcome=None)
        await fit_all(engine, NOW)
        await engine.dispose()

    in_thread(fill)
    return url


@pytest.fixture
def run(planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A command on that database, at the moment of its history."""
    monkeypatch.setenv("QUIETWATCH_DATABASE_URL", planted)
    monkeypatch.setenv("QUIETWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(local, "create_app", functools.partial(create_app, clock=lambda: NOW))
    monkeypatch.setattr(output.console, "width", 180)

    def invoke(*words: str, code: int = 0) -> str:
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code == code, answer.output
        return answer.stdout

    return invoke


def lines_of(table: str) -> dict[str, str]:
    return {found[1]: line for line in table.splitlines() if (found := re.match(r"(?:bluesky:)?(\w+)", line))}


def test_the_board_says_how_unusual_each_silence_is(run: Callable[..., str]) -> None:
    table = run("silence")
    lines = lines_of(table)
    assert re.search("rare: less than once a year|unusual: about [0-9]+ times a year", lines["Quinn"])
    assert re.search("ordinary: (more than 50|about [0-9]+) times", lines["steady"])
    assert "not enough history" in lines["rarely"]
    assert "no post on record" in lines["never"]
    assert "By chance alone about 0.1 of the 2 accounts with history enough turn unusual a day" in table


def test_the_board_is_sorted_as_the_api_sorts_it(run: Callable[..., str]) -> None:
    for sort in ("longest", "unusual"):
        items = json.loads(run("silence", "--sort", sort, "--json"))["items"]
        names = [item["account"]["subject"] or item["account"]["handle"] for item in items]
        assert names == [name for name in lines_of(run("silence", "--sort", sort)) if name in names]
    assert names[0] == "Quinn"
    assert "sort" in CliRunner().invoke(app, ["silence", "--sort", "best"]).stderr


def test_where_nothing_can_be_said_of_it_there_is_no_column(run: Callable[..., str]) -> None:
    for words in (("--kinds", "original"), ("--as-of", "2026-11-20T00:00:00Z")):
        table = run("silence", *words)
        assert "how unusual" not in table
        assert "By chance" not in table


def test_one_account_with_its_sentence_its_figures_and_its_rhythm(run: Callable[..., str]) -> None:
    whole: dict[str, Any] = json.loads(run("show", "stopped", "--json"))
    meaning, rhythm = whole["silence"]["meaning"], whole["rhythm"]["rhythm"]
    english, french = run("show", "stopped"), run("show", "stopped", "--language", "fr")
    assert meaning["sentence"]["en"] in english.replace("\n", " ").replace("  ", " ")
    assert "D’après son propre rythme" in french
    told = {
        line.split("  ")[0]: line.split("  ")[-1].strip()
        for line in map(str.strip, english.splitlines())
        if "  " in line
    }
    assert (
        told["based on"]
        == f"{meaning['based_on']['posts']} posts on {meaning['based_on']['days_observed']:g} observed days"
    )
    assert told["rank"].startswith("1 among")
    assert told["posts expected meanwhile"] == f"{meaning['expected_posts']:.2g}"
    assert told["known since"].startswith(rhythm["since"][:10])
    assert "(Asia/Tokyo)" in told["busiest hour"]
    assert told["at 2 false alarms a year"].startswith("told from 2026-11-")


def test_who_took_part_says_how_likely_no_post_was(run: Callable[..., str]) -> None:
    window = ("--start", "2026-11-20T00:00:00Z", "--end", "2026-11-21T00:00:00Z")
    found = json.loads(run("participation", *window, "--json"))
    meanings = {item["account"]["handle"]: item["meaning"] for item in found["items"]}
    table = run("participation", *window)
    lines = lines_of(table)
    assert meanings["stopped"]["reading"] in lines["Quinn"]
    assert re.search(r"14 min +[0-9.]+%", lines["steady"])
    assert "ordinary" not in lines["steady"]  # it posted: nothing is to be said of a silence
    assert "not enough history" in lines["rarely"]
    assert found["expected"]["sentence"]["en"] in table
    of_others = run("participation", *window, "--kinds", "original")
    assert "not enough" not in of_others


def test_without_history_nothing_sharp_is_said(run: Callable[..., str]) -> None:
    rarely = run("show", "rarely")
    assert "chance of one this long" not in rarely
    assert "busiest" not in rarely
    assert "false alarms" not in rarely
    assert re.search(r"habits +not enough history", rarely)
    never = run("show", "never")
    assert "What it is worth" not in never
    assert re.search(r"not known +no post on record", never)
    run("show", "never", "--language", "de", code=2)
