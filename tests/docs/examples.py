"""Commands shown in the documentation: found, taken apart, and compared with what really comes out.

A ``console`` block holds one command after ``$ `` and its output. ``UPDATE_DOCS=1`` writes the real output into the
page in place of comparing it, for a person to read before it is committed.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: What differs from run to run, and how the documentation writes it.
_MASKS = (
    (re.compile(r"\b(acc|sub|rul|whk|ntf)_[0-9a-f]{20}"), r"\1_…"),
    (re.compile(r"\bevt_[0-9a-f]{24}"), "evt_…"),
    (re.compile(r"(key|signature)=[\w-]+"), r"\1=…"),
    (re.compile(r"whsec_[A-Za-z0-9+/=]{32,}"), "whsec_…"),
    (re.compile(r"qw_[0-9a-f]{12}_[\w-]{20,}"), "qw_…"),
    (re.compile(r'("next": )"[^"]+"'), r'\1"…"'),
    (re.compile(r"cursor=[\w%.=-]+"), "cursor=…"),
    (re.compile(r'"[0-9a-f]{24}"'), '"…"'),
    (re.compile(r'"[0-9a-f]{12}"'), '"…"'),
    (re.compile(r"urn:quietwatch:feed:[0-9a-f]{24}"), "urn:quietwatch:feed:…"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a page with the output that the page shows."""

    page: Path
    line: int
    command: str
    output: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line} {self.command.splitlines()[0][:70]}"


@dataclass(slots=True)
class Curl:
    """What a curl command asks for."""

    url: str = ""
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    query: list[tuple[str, str]] = field(default_factory=list)
    show_headers: bool = False
    pick: str | None = None


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """The fenced blocks of a language, with the line they begin at."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        if found[1] == language:
            yield text.count("\n", 0, found.start()) + 2, found[2]


def examples(page: Path) -> list[Example]:
    """The commands of a page in the order of reading."""
    found = []
    for line, body in blocks(page, "console"):
        assert body.startswith("$ "), f"{page.name}:{line} begins with no command"
        command, output = _split(body[2:])
        found.append(Example(page, line, command, output))
    return found


def _split(body: str) -> tuple[str, str]:
    """The command, which ends with the first line that closes every quote, and the rest."""
    lines = body.splitlines(keepends=True)
    for number in range(1, len(lines) + 1):
        text = "".join(lines[:number])
        if text.endswith("\\\n"):
            continue
        try:
            shlex.split(text)
        except ValueError:
            continue
        return text.rstrip("\n"), "".join(lines[number:])
    raise AssertionError(f"a command without an end: {body[:60]}")


def parse_curl(command: str, variables: dict[str, str]) -> Curl:
    """The request of a curl command. Only the options that the documentation uses are known."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    words = iter(shlex.split(command.replace("\\\n", " ")))
    assert next(words) == "curl"
    found = Curl()
    for word in words:
        match word:
            case "-s":
                pass
            case "-i":
                found.show_headers = True
            case "-G":
                found.method = "GET"
            case "-X":
                found.method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                found.headers[name] = value
            case "-d":
                found.data.append(next(words))
            case "--data-urlencode":
                name, _, value = next(words).partition("=")
                found.query.append((name, value))
            case "|":
                assert next(words) == "jq"
                found.pick = next(words)
            case _:
                assert word.startswith("http"), f"an option nobody knows: {word}"
                found.url = word
    found.method = found.method or ("POST" if found.data else "GET")
    return found


def pick(value: Any, path: str) -> Any:
    """What ``jq PATH`` gives, for paths such as ``.items[0].account``."""
    for name, number in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(number)]
    return value


def masked(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def as_jq(value: Any) -> str:
    """JSON as jq prints it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def rewrite(example: Example, output: str) -> None:
    """Put the real output into the page."""
    text = example.page.read_text("utf-8")
    old = f"$ {example.command}\n{example.output}```"
    assert text.count(old) == 1, f"{example} stands twice in the page"
    example.page.write_text(text.replace(old, f"$ {example.command}\n{output}```"), "utf-8")
