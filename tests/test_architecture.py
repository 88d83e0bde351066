"""The rules of the house that no other tool checks. Import directions are import-linter's (pyproject.toml)."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "app").rglob("*.py"))
EVERYTHING = [*MODULES, *sorted((ROOT / "bench").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
LONGEST = 400
PURE = ("domain", "platforms", "webhooks")
#: Readers of XML that another platform's fall-back needs: Mastodon's RSS. They know no feed platform.
SHARED = {"app.platforms.feed.document", "app.platforms.feed.xmlfeed"}
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv", "environ.get"}
#: What the standard library thinks of an address depends on its version and misses special ranges (battery, C11).
ADDRESS_OPINIONS = {
    "is_private",
    "is_global",
    "is_reserved",
    "is_loopback",
    "is_link_local",
    "is_multicast",
    "is_unspecified",
    "is_site_local",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every ``a.b`` in the source, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            left = node.value
            owner = left.id if isinstance(left, ast.Name) else left.attr if isinstance(left, ast.Attribute) else ""
            yield f"{owner}.{node.attr}", node.lineno


def uses(path: Path, names: set[str]) -> list[str]:
    tree = ast.parse(path.read_text())
    return [f"{name(path)}:{line} {word}" for word, line in dotted(tree) if word in names]


@pytest.mark.parametrize("path", EVERYTHING, ids=name)
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_only_the_settings_read_the_environment() -> None:
    readers = [use for path in MODULES if path.name != "config.py" for use in uses(path, ENVIRONMENT)]
    assert readers == []


def test_pure_packages_have_no_clock() -> None:
    pure = [path for path in MODULES if path.relative_to(ROOT / "app").parts[0] in PURE]
    assert pure
    assert [use for path in pure for use in uses(path, CLOCKS)] == []


def test_nobody_asks_the_standard_library_what_an_address_is() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ADDRESS_OPINIONS
    ]
    assert found == []


def test_platforms_do_not_know_each_other() -> None:
    """What several platforms need has a module of its own; a platform's own modules begin with its name."""
    folder = ROOT / "app" / "platforms"
    names = {"bluesky", "feed", "mastodon"}
    strangers = []
    for path in folder.rglob("*.py"):
        own = path.relative_to(folder).parts[0].removesuffix(".py").split("_")[0]
        if own not in names:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            parts = (module or "").split(".")
            if parts[:2] == ["app", "platforms"] and len(parts) > 2:
                other = parts[2].split("_")[0]
                if other in names - {own} and module not in SHARED:
                    strangers.append(f"{name(path)}:{node.lineno} {module}")
    assert strangers == []


def test_only_the_scheduler_imports_apscheduler() -> None:
    importers = {
        name(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any("apscheduler" in word for word in [getattr(node, "module", "") or "", *(a.name for a in node.names)])
    }
    assert importers <= {"app/worker/scheduler.py"}


def imported(path: Path) -> set[str]:
    """Top names of everything a module imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {word.split(".")[0] for word in plain | {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}}


def test_what_the_service_imports_is_a_declared_dependency() -> None:
    """A package that is there only because another one needs it may be gone tomorrow. Starlette is FastAPI's face."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-") for line in project["dependencies"]}
    owners = packages_distributions()
    foreign = {word for path in MODULES for word in imported(path)} - set(sys.stdlib_module_names) - {"app", ""}
    undeclared = {
        word
        for word in foreign - {"starlette"}
        if not declared & {owner.lower().replace("_", "-") for owner in owners.get(word, [])}
    }
    assert undeclared == set()
