"""``python -m app.commands.documents [DIR]``: the parts of the documentation that follow from the code.

Writes ``platforms.md`` and, in other pages, what stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
May assume the pages of this repository. Promises: the same code gives the same text on every machine; a test fails
where a page is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from app import metrics
from app.api.routing import SCOPE
from app.commands import output, samples
from app.config import PREFIX, Settings
from app.domain.services import SERVICES
from app.main import create_app
from app.platforms import platforms

HOME = Path(__file__).parent.parent.parent
#: Settings whose default follows from the machine.
_BY_MACHINE = {"data_dir": "`/var/lib/quietwatch` for root, else below the home directory"}
_FACTS = (
    ("sees", "Sees"),
    ("cannot_see", "Cannot see"),
    ("needs", "Needs"),
    ("history", "History read back"),
    ("batch", "Cheap counts"),
    ("limits", "Limits"),
    ("terms", "Terms"),
)
_PLATFORMS = """# Platforms

Generated from the code by `make docs`; `quietwatch platforms` prints the same.

A look proves only up to its time less the settling margin, because posts surface late. The setting
`QUIETWATCH_MARGINS` changes it.

{}
Other platforms are not watched in this version. Platforms whose terms restrict monitoring are not asked at all.
To add one, see [Add a platform](add-a-platform.md).
"""
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages(home: Path = HOME) -> dict[Path, str]:
    """Every page with a generated part, as it should be."""
    found = {home / "docs" / "platforms.md": _PLATFORMS.format("\n".join(_about(p) for p in _all_platforms()))}
    for path in (home / "README.md", *sorted((home / "docs").rglob("*.md"))):
        text = path.read_text("utf-8") if path.exists() else ""
        if "<!-- generated:" in text:
            found[path] = _BLOCK.sub(lambda block: f"{block[1]}\n{PARTS[block[2]]()}\n{block[3]}", text)
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _all_platforms() -> list[dict[str, Any]]:
    found = [asdict(p.about) | {"margin": output.length(p.margin)} for p in platforms().values()]
    return sorted(found, key=lambda about: str(about["title"]))


def _about(about: dict[str, Any]) -> str:
    rows = [(title, about[name]) for name, title in _FACTS]
    rows.append(("Settling margin", about["margin"]))
    return f"## {about['title']}\n\n" + _table((f"`{about['name']}`", ""), rows)


def sight() -> str:
    """What can and cannot be seen, one line a platform."""
    return _table(
        ("platform", "sees", "cannot see", "needs"),
        [(p["title"], p["sees"], p["cannot_see"], p["needs"]) for p in _all_platforms()],
    )


def settings() -> str:
    """Every setting with its default and description."""
    fields = Settings.model_fields.items()
    rows = [(f"`{PREFIX}{name.upper()}`", _default(name, field), field.description or "") for name, field in fields]
    return _table(("setting", "default", "what it does"), rows)


def _default(name: str, field: FieldInfo) -> str:
    if name in _BY_MACHINE:
        return _BY_MACHINE[name]
    return f"`{field.default}`" if field.default not in (None, "", [], {}) else "empty"


def figures() -> str:
    """Every figure of /metrics of our own."""
    rows = []
    for metric in metrics.REGISTRY.collect():
        if metric.name.startswith("quietwatch_"):
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            rows.append((f"`{name}`", metric.type, metric.documentation))
    return _table(("figure", "type", "meaning"), sorted(rows))


def operations() -> str:
    """Every operation of the API with the scope it needs."""
    document = create_app(Settings(), None, secret=bytes(32)).openapi()
    rows = [
        (f"`{method.upper()} {path}`", str(operation.get(SCOPE, "")), str(operation.get("summary", "")))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return _table(("operation", "scope", "what"), sorted(rows, key=lambda row: row[0].strip("`").split()[::-1]))


def records() -> str:
    """The decision records by their titles."""
    heads = [(path.name, path.read_text("utf-8").splitlines()[0]) for path in (HOME / "docs/decisions").glob("0*.md")]
    return "".join(f"- [{head.removeprefix('# ')}]({name})\n" for name, head in sorted(heads))


def services() -> str:
    """The services through which people are told."""
    rows = [
        (each.title, " ".join(f"`{scheme}://`" for scheme in each.schemes), " ".join(map(str, each.ports)) or "none")
        for each in SERVICES
    ]
    return _table(("service", "addresses begin with", "ports beside 80 and 443"), rows)


PARTS = {
    "services": services,
    "sight": sight,
    "settings": settings,
    "figures": figures,
    "operations": operations,
    "records": records,
    "events": samples.events,
}


def main() -> None:
    """Write what is stale and name it."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME
    for path, text in pages(home).items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(path.relative_to(home))


if __name__ == "__main__":
    main()
