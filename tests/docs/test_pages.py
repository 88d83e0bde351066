"""The pages say what is so: generated parts are fresh, every closed set is explained whole, what is named exists."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

from app import config
from app.api.meanings import NoMeaning
from app.api.participation import NO_SUCH_DAY
from app.commands.documents import pages
from app.config import PREFIX, Settings
from app.domain.models import DateNote, OutcomeName
from app.domain.outcomes import Reason
from app.domain.participation import Took
from app.domain.rhythm.readings import Reading
from app.domain.silence import State
from app.platforms import platforms
from tests.docs.examples import DOCS, PAGES, ROOT

ANSWERS = (DOCS / "answers.md").read_text("utf-8")
OPERATORS = (DOCS / "operators.md").read_text("utf-8")
#: Settings that earn every warning.
RECKLESS = Settings(
    host="0.0.0.0",  # noqa: S104
    allow_networks=["10.0.0.0/8"],
    allow_ports=[25],
    poll_least=10,
    open_metrics=True,
    margins={"feed": 0},
    bluesky_appview_url="http://appview.example",
)
#: Home directories of one machine, and marks of unfinished work.
FORBIDDEN = re.compile(r"/(root|home/\w+)\b|\bTODO\b|\bFIXME\b")


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_what_is_generated_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == pages()[path], "stale: run make docs"


def test_every_platform_is_in_the_generated_page() -> None:
    text = (DOCS / "platforms.md").read_text("utf-8")
    assert all(f"## {platform.about.title}" in text for platform in platforms().values())


def explained(word: str) -> bool:
    """A row of a table of the guide begins with the word and says something about it."""
    return re.search(rf"^\| `?{word}`? \| \S.{{10,}} \|$", ANSWERS, re.MULTILINE) is not None


@pytest.mark.parametrize("word", [*Reason, *OutcomeName, *Took, *State, *Reading, *NoMeaning], ids=str)
def test_the_guide_explains_every_word_of_an_answer(word: Enum) -> None:
    assert explained(str(word.value))


def test_the_guide_explains_every_note_on_a_date() -> None:
    assert [note.name for note in DateNote if note and not explained(str(note.name).lower())] == []


def test_the_guide_tells_what_to_do_about_every_reason() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", ANSWERS, re.MULTILINE)
    assert {reason for reason, advice in rows if advice.strip()} == set(Reason)
    assert f"`{NO_SUCH_DAY['reasons'][0]}`" in ANSWERS


def test_every_warning_has_a_row() -> None:
    given = {warning.code for warning in config.check(RECKLESS)}
    assert given == set(re.findall(r"QW\d{3}", inspect.getsource(config)))
    assert given == set(re.findall(r"^\| (QW\d{3}) \|", OPERATORS, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"QUIETWATCH_CORPUS", "QUIETWATCH_DB_PASSWORD"}
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+", page.read_text("utf-8"))) <= known


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if not re.match(r"https?:|mailto:", target):
                yield page, target


@pytest.mark.parametrize(("page", "target"), sorted(set(links())), ids=lambda part: getattr(part, "name", part))
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    assert path.exists()
    if anchor:
        heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_runs_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(r"python -m ((?:app|bench)[\w.]*)", text)) | set(re.findall(r"`(bench\.\w+)`", text))
    assert [name for name in sorted(named) if importlib.util.find_spec(name) is None] == []


def exists(dotted: str) -> bool:
    """Whether this is a module of the program, or a name in one."""
    module, _, name = f"app.{dotted}".rpartition(".")
    try:
        found = importlib.import_module(module)
        return hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}") is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_piece_of_the_program_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    packages = "|".join(path.parent.name for path in (ROOT / "app").glob("*/__init__.py"))
    dotted = set(re.findall(rf"`((?:{packages})\.[a-z_]+(?:\.[a-z_]+)?)`", text))
    files = set(re.findall(r"`((?:app|tests|bench|docs|migrations)/[\w./-]+)`", text))
    assert [name for name in sorted(dotted) if not exists(name)] == []
    assert [name for name in sorted(files) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = page.read_text("utf-8")
    named = set(re.findall(r"`make (\w+)", text)) | set(re.findall(r"^(?:\S+=\S+ )?make (\w+)", text, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_hold_only_what_belongs_there(page: Path) -> None:
    assert FORBIDDEN.findall(page.read_text("utf-8")) == []


def test_every_page_can_be_reached() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page, target in links()}
    assert [page.name for page in PAGES if page.name != "README.md" and page.resolve() not in linked] == []
