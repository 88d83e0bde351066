"""``silence``, ``show``, ``participation`` and ``export`` as people and as programs read them."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.commands.conftest import Program


def name_of(account: dict[str, str]) -> str:
    """The last part of an address, the first of a handle."""
    last = account["handle"].rsplit("/", 1)[-1]
    return "@" + last.split("@")[1] if last.startswith("@") else last


def test_the_board_for_people_and_for_programs(watching: Program) -> None:
    board = watching("silence", "--tag", "board", "--json").json
    states = {name_of(item["account"]): item["state"] for item in board["items"]}
    assert states == {
        "@daily": "active",
        "weekly.rss": "quiet",
        "pages.atom": "active",
        "notes.json": "active",
        "@mute": "quiet",
        "@lost": "unknown",
    }
    table = watching("silence", "--tag", "board")
    assert table.code == 0
    [line] = [line for line in table.out.splitlines() if "weekly.rss" in line]
    assert "quiet" in line
    assert "9 d 0 h" in line
    [line] = [line for line in table.out.splitlines() if "@lost" in line]
    assert "unknown, because the source could not be" in line
    assert watching("silence", "--tag", "none", "--json").json["items"] == []
    quiet = watching("silence", "--state", "quiet", "--min", "P1D", "--limit", "1", "--json").json
    assert [item["state"] for item in quiet["items"]] == ["quiet"]
    assert quiet["next"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("silence", "--min", "soon"), 2, "min"),
        (("silence", "--state", "asleep"), 2, "state"),
        (("silence", "--kinds", "sneeze"), 2, "kind"),
        (("silence", "--as-of", "yesterday"), 2, "as_of"),
        (("silence", "--subject", "Nobody"), 4, "subject"),
        (("show", "nobody"), 4, "No watched account"),
        (("participation",), 2, "date"),
        (("participation", "--date", "2026-11-20", "--zone", "Mars/Olympus"), 2, "Mars/Olympus"),
        (("participation", "--start", "1996-01-01T00:00:00Z", "--end", "2096-01-01T00:00:00Z"), 2, "window"),
        (("export", "everything"), 2, "accounts"),
        (("export", "posts"), 2, "accounts"),
        (("export", "posts", "--account", "nobody"), 4, "No watched account"),
        (("export", "accounts", "--format", "xls"), 2, "ndjson"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(
    watching: Program, words: tuple[str, ...], code: int, said: str
) -> None:
    done = watching(*words)
    assert done.code == code
    [line] = done.err.splitlines()
    assert line.startswith("quietwatch: ")
    assert said.lower() in line.lower()
    assert re.search("/v1/|/docs|%2B", line) is None  # advice for clients of HTTP
    assert done.out == ""


def test_one_account(watching: Program) -> None:
    key = next(
        a["key"] for a in json.loads(watching("export", "accounts", "--format", "json").out) if "weekly" in a["key"]
    )
    found = watching("show", key, "--json").json
    assert found["silence"]["state"] == "quiet"
    assert found["streaks"][0]["open"]
    assert {stretch["seen"] for stretch in found["coverage"]} >= {"read_back"}
    assert [poll["outcome"] for poll in found["polls"]] == ["page"]
    text = watching("show", key).out
    assert "quiet" in text
    assert "Latest looks" in text


def test_who_took_part_in_a_window(watching: Program) -> None:
    end = datetime.now(UTC) - timedelta(hours=1)
    window = ("--start", (end - timedelta(days=1.5)).isoformat(), "--end", end.isoformat())
    found = watching("participation", *window, "--json").json
    assert found["totals"]["posted"] == 2  # one day ago
    assert found["totals"]["silent"] == 3  # two days ago, nine days ago, never
    assert found["totals"]["unknown"] == 1  # its posts cannot be seen
    table = watching("participation", *window).out
    assert "posted: 2" in table
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert watching("participation", "--date", day, "--zone", "America/Los_Angeles", "--json").code == 0


def test_lists_are_exported_whole_in_every_format(watching: Program, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(watching("export", "silence").out)))
    assert len(rows) == 6
    lines = [json.loads(line) for line in watching("export", "accounts", "--format", "ndjson").out.splitlines()]
    assert len(lines) == 6
    path = tmp_path / "posts.csv"
    done = watching("export", "posts", "--account", lines[0]["key"], "--to", str(path))
    assert (done.code, done.out) == (0, "")
    with path.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
