"""The README's output is copied from a run; its shape is held against the pages whose examples are run."""

from __future__ import annotations

import json
import re

from app.demo.cast import CAST
from tests.docs.examples import DOCS, ROOT, Example, examples, pick

PAGE = ROOT / "README.md"


def shape(value: object) -> object:
    """The names of a JSON value, without what it holds."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return None


def heads(example: Example) -> set[tuple[str, ...]]:
    """Lines that name columns: lower-case words with wide gaps."""
    lines = (re.split(r" {2,}", line.strip()) for line in example.output.splitlines())
    return {tuple(words) for words in lines if len(words) > 2 and all(re.fullmatch(r"[a-z ]+", word) for word in words)}


def shown(page_examples: list[Example], command: str) -> Example:
    return next(example for example in page_examples if example.command.startswith(command))


def test_the_tables_have_the_columns_of_today() -> None:
    ours, run = examples(PAGE), examples(DOCS / "cli.md")
    for command in ("quietwatch silence", "quietwatch show"):
        assert heads(shown(ours, command))
        assert heads(shown(ours, command)) <= heads(shown(run, command))


def test_the_json_has_the_members_of_today() -> None:
    ours = json.loads(shown(examples(PAGE), "curl").output)
    board = shown(examples(DOCS / "api.md"), 'curl -s "$QW/v1/silence?tag=pledged&min=P3D&state=unknown"')
    assert ours["meaning"]["reading"] == "rare"
    assert shape(ours) == shape(pick(json.loads(board.output), ".items[0]"))


def test_the_demonstration_has_as_many_accounts_as_it_says() -> None:
    assert "fourteen made-up accounts" in PAGE.read_text("utf-8")
    assert len(CAST) == 14
    names = set(re.findall(r"^([a-z-]+) {2,}(?:quiet|active|unknown) ", PAGE.read_text("utf-8"), re.MULTILINE))
    assert names
    assert names <= {role.name for role in CAST}
