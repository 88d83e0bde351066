"""The command line's page: every command with its options; the examples parse, and those that only ask are run."""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.cli import app
from app.commands import local, output
from app.main import create_app
from app.storage.engine import create_engine
from tests.conftest import in_thread
from tests.docs.conftest import NOW, plant
from tests.docs.examples import DOCS, PAGES, Example, blocks, examples, masked, rewrite

PAGE = DOCS / "cli.md"
#: Commands that ask nothing of the network and do not stay.
ASKED = {"silence", "show", "participation", "export", "events"}
#: What a page writes where a person puts in something of their own.
PLACES = {"FILE": "list.csv", "DIR": "data", "NAME": "name", "ACCOUNT": "alice.example"}


def inside(command: Any) -> dict[str, Any]:
    """The commands of a group, by name; empty for a command. (Typer brings a copy of click's classes of its own.)"""
    return getattr(command, "commands", {})


def commands(group: Any = None, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by its full name."""
    for name, command in inside(group or typer.main.get_command(app)).items():
        if inside(command):
            yield from commands(command, (*before, name))
        if not inside(command) or command.invoke_without_command:
            yield " ".join((*before, name)), command


def section(name: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"cli.md has no section for {name}"
    return found[1]


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_its_options_and_an_example(name: str) -> None:
    text = section(name)
    command = dict(commands())[name]
    options = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    missing = sorted(flag for flag in options if flag.startswith("--") and flag != "--help" and f"`{flag}`" not in text)
    assert missing == []
    assert f"$ quietwatch {name}" in text


def test_no_section_is_about_a_command_that_does_not_exist() -> None:
    assert set(re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)) == {name for name, _ in commands()}


def shown_commands() -> Iterator[tuple[str, str]]:
    """Every quietwatch command of every page: in blocks, and alone between backticks."""
    for page in PAGES:
        lines = [line for kind in ("console", "") for _, body in blocks(page, kind) for line in body.splitlines()]
        text = page.read_text("utf-8")
        spans = re.findall(r"(?<!`)`(quietwatch [^`\n]+)`(?!`)", text)
        for line in [*lines, *spans]:
            bare = line.removeprefix("$ ")
            if bare.startswith("quietwatch ") and not re.search(r"COMMAND|\|", bare):
                yield page.name, bare


@pytest.mark.parametrize(("page", "line"), sorted(set(shown_commands())))
def test_every_command_that_a_page_shows_parses(
    page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [PLACES.get(word, word) for word in shlex.split(line, comments=True)[1:]]
    for word in words:
        if word.endswith((".csv", ".opml")):
            Path(word).touch()
    if words == ["--version"]:
        return
    command = typer.main.get_command(app)
    while inside(command) and not (command.invoke_without_command and words[:1] not in [[n] for n in inside(command)]):
        assert words, f"{page}: {line} names no command"
        name = words.pop(0)
        assert name in inside(command), f"{page}: no command {name}"
        command = inside(command)[name]
    required = any(parameter.required for parameter in command.params)
    if words or not required:  # a bare name in running text is only a name
        command.make_context("quietwatch", words)


@pytest.fixture(scope="module")
def planted(new_database: Callable[[], str]) -> str:
    url = new_database()

    async def fill() -> None:
        engine = create_engine(url)
        try:
            await plant(engine)
        finally:
            await engine.dispose()

    in_thread(fill)
    return url


def runnable() -> list[Example]:
    return [each for each in examples(PAGE) if each.command.split()[1] in ASKED and " link " not in each.command]


def run(command: str) -> str:
    words = shlex.split(command)[1:]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return masked("".join(f"{line.rstrip()}\n" for line in answer.stdout.splitlines()))


@pytest.fixture
def terminal(planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples' database and clock, and a window of a fixed width."""
    monkeypatch.setenv("QUIETWATCH_DATABASE_URL", planted)
    monkeypatch.setenv("QUIETWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(local, "create_app", functools.partial(create_app, clock=lambda: NOW))
    monkeypatch.setattr(output.console, "width", 118)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("example", runnable(), ids=str)
def test_a_question_prints_what_the_page_shows(example: Example) -> None:
    real = run(example.command)
    if os.environ.get("UPDATE_DOCS"):
        rewrite(example, real)
    else:
        assert real == example.output


@pytest.mark.usefixtures("terminal")
def test_keys_are_made_listed_and_revoked() -> None:
    assert run("quietwatch key create desk --scope read") == "qw_…\n"
    listed = CliRunner().invoke(app, ["key", "list"]).stdout
    prefix = next(line.split()[0] for line in listed.splitlines() if " desk " in line)
    assert run(f"quietwatch key revoke {prefix}") == ""


@pytest.mark.usefixtures("terminal")
def test_links_are_made_listed_and_revoked() -> None:
    shown = {example.command.split()[3]: example for example in examples(PAGE) if " link " in example.command}
    assert run(shown["create"].command) == shown["create"].output
    listed = run(shown["list"].command)
    prefix = next(line.split()[0] for line in listed.splitlines() if " newsroom " in line)
    assert run(shown["revoke"].command.replace("3f9a1c0b77de", prefix)) == ""
    assert len(re.findall(r"2026-11-22T12:00:00Z", run(shown["list"].command))) == 2


@pytest.mark.usefixtures("terminal")
def test_rules_are_made_listed_changed_and_deleted() -> None:
    """The examples of the page, with the rule that was made."""
    shown = {example.command.split()[2]: example.command for example in examples(PAGE) if " rule " in example.command}
    made = CliRunner().invoke(app, [*shlex.split(shown["add"])[1:], "--json"]).stdout
    rule = re.findall(r"rul_[0-9a-f]{20}", made)[0]
    for verb in ("list", "show", "change", "pause", "resume", "show"):
        said = run(shown[verb].replace("rul_5b1c7e90d2f4a6b8c3e1", rule))
        assert said.count("tag pledged") == (verb in ("list", "show", "change"))
    run(shown["remove"].replace("rul_5b1c7e90d2f4a6b8c3e1", rule))
    assert "rul_" not in run(shown["list"])


@pytest.mark.usefixtures("terminal")
def test_the_doctor_finds_this_database_well_and_the_platforms_are_told() -> None:
    assert "PostgreSQL" in run("quietwatch doctor --no-network")
    assert "bluesky" in run("quietwatch platforms")
