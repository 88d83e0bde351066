"""``watch``, ``import`` and ``poll``: what can be kept is kept, what cannot is named with what was tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.commands.conftest import MANY, Done, Program, Town

COMMON = {"tags": ["pledged"], "role": "personal"}


def keys(program: Program) -> set[str]:
    """The keys of all watched accounts."""
    return {account["key"] for account in json.loads(program("export", "accounts", "--format", "json").out)}


def by_input(done: Done) -> dict[str, dict[str, Any]]:
    return {row["input"]: row for row in done.json}


def test_good_ones_are_watched_and_looked_at_and_bad_ones_say_what_was_tried(program: Program, town: Town) -> None:
    base = town.base("daily")
    host = base.removeprefix("http://")
    good = [town.profile("daily"), f"{town.base('pages')}/pages"]  # the latter is a page that names its feed
    bad = {
        f"@nobody@{host}": f"WebFinger at {host}",  # a wrong handle
        "https://no-such-host.invalid/feed": "the name does not resolve",
        f"{base}/daily": f"{base}/daily",  # a page without a feed
        f"{base}/@nobody": "acct=nobody",
        "http://127.0.0.1:1/feed": "no connection",
        "hello world": "",
    }
    done = program("watch", *good, *bad, "--subject", "City Hall", "--zone", "Europe/Paris", "--tag", "a", "--json")
    assert done.code == 2
    rows = by_input(done)
    assert [rows[link]["result"] for link in good] == ["watched", "watched"]
    account = rows[good[0]]["account"]
    assert (account["subject"], account["zone"], account["tags"]) == ("City Hall", "Europe/Paris", ["a"])
    for link, tried in bad.items():
        assert rows[link]["result"] == "failed", link
        assert rows[link]["problem"]["detail"]
        assert tried in " ".join(rows[link]["problem"]["tried"]), link
    assert keys(program) == {rows[link]["account"]["key"] for link in good}
    board = program("silence", "--json").json["items"]
    assert {row["state"] for row in board} == {"active"}  # they were looked at

    again = program("watch", good[0], "nonsense", "--no-look")
    assert again.code == 2
    assert "watched" in again.out
    assert "nonsense" in again.out
    assert len(keys(program)) == 2


def test_without_the_allowance_loopback_is_refused_and_nothing_is_kept(program: Program, town: Town) -> None:
    for link in (town.feed("weekly"), "http://10.0.0.1/feed", "http://[::1]/feed"):
        done = program.but(allow_networks="")("watch", link)
        assert done.code == 2
        assert f"tried {link}: the name leads to an address or port this service does not connect to" in done.err
    assert keys(program) == set()


def test_a_zone_that_does_not_exist_changes_nothing(program: Program, town: Town) -> None:
    done = program("watch", town.feed("weekly"), "--subject", "X", "--zone", "Mars/Olympus", "--json")
    assert done.code == 2
    assert "zone" in done.json[0]["problem"]["detail"].lower()
    assert keys(program) == set()


def test_of_500_rows_the_7_bad_ones_are_named_and_493_are_kept(program: Program, town: Town, tmp_path: Path) -> None:
    host = town.base("many").removeprefix("http://")
    bad = {
        20: f"@nobody@{host},Nobody,UTC,pledged,personal",
        77: "https://no-such-host.invalid/feed,Host,UTC,pledged,official",
        140: f"{town.base('daily')}/daily,Page,UTC,pledged,official",
        255: "http://10.0.0.1/feed,Private,UTC,pledged,official",
        300: f"{town.feed('many1')},Zone,Mars/Olympus,pledged,official",
        301: f"{town.feed('many2')},Role,UTC,pledged,emperor",
        500: "hello world,Text,UTC,pledged,official",
    }
    links = iter(town.feed(f"many{n}") for n in range(MANY))
    rows = [bad.get(n) or f"{next(links)},Subject {n},Europe/Paris,pledged,official" for n in range(1, 501)]
    path = tmp_path / "pledged.csv"
    path.write_text("url,subject,zone,tags,role\n" + "\n".join(rows) + "\n")
    done = program("import", str(path), "--json")
    assert done.code == 2, done.err
    results = done.json
    assert len(results) == 500
    failed = {row["row"]: row["problem"] for row in results if row["result"] == "failed"}
    assert failed.keys() == bad.keys()
    assert all(problem["detail"] for problem in failed.values())
    assert "emperor" not in failed[301]["detail"]
    assert failed[301]["field"].endswith("role")
    assert sum(row["result"] == "added" for row in results) == MANY
    assert len(keys(program)) == MANY


def test_lists_in_every_format(program: Program, town: Town, tmp_path: Path) -> None:
    daily, weekly, pages = town.profile("daily"), town.feed("weekly"), town.feed("pages", "atom")
    lists = {
        "list.opml": f'<opml version="2.0"><body><outline text="Press"><outline text="Weekly" type="rss" '
        f'xmlUrl="{weekly}"/></outline></body></opml>',
        "list.json": json.dumps({"accounts": [{"url": daily, **COMMON}, weekly]}),
        "list.yaml": f"- url: {pages}\n  subject: Pages\n- {daily}\n",
        "list.txt": f"# everybody\n{daily}\n\n{weekly}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    dry = program("import", str(tmp_path / "list.json"), "--dry-run", "--json")
    assert (dry.code, [row["result"] for row in dry.json]) == (0, ["would_add", "would_add"])
    opml = program("import", str(tmp_path / "list.opml"), "--json")
    [row] = opml.json
    assert (row["result"], row["account"]["subject"], row["account"]["tags"]) == ("added", "Weekly", ["press"])
    assert [row["result"] for row in program("import", str(tmp_path / "list.json"), "--json").json] == [
        "added",
        "known",
    ]
    assert [row["result"] for row in program("import", str(tmp_path / "list.yaml"), "--json").json] == [
        "added",
        "known",
    ]
    (tmp_path / "list").write_text(lists["list.txt"])
    plain = program("import", str(tmp_path / "list"), "--format", "txt")
    assert plain.code == 0
    assert plain.out.count("known") == 2
    assert len(keys(program)) == 3


def test_a_file_that_is_no_list_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "list.docx").write_bytes(b"PK")
    (tmp_path / "list.json").write_text("{")
    for name, said in (("list.docx", "--format"), ("list.json", "JSON"), ("missing.csv", "missing.csv")):
        done = program("import", str(tmp_path / name))
        assert done.code == 2
        assert said in done.err
        assert done.out == ""


def test_poll_looks_at_what_is_due_and_at_those_named(program: Program, town: Town) -> None:
    watched = program("watch", town.profile("daily"), town.feed("weekly"), "--no-look", "--json").json
    done = program("poll", "--json")
    assert (done.code, done.json) == (0, {"polls": 2, "new_posts": 24, "outcomes": {"page": 2}})
    assert program("poll").out == "0 looks (nothing was due), 0 new posts\n"
    named = program("poll", watched[1]["account"]["key"], "--json").json
    assert named == {"polls": 1, "new_posts": 0, "outcomes": {"unchanged": 1}}
    assert program("poll", "--all", "--json").json["polls"] == 2
    assert program("poll", "nobody").code == 4
