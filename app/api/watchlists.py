"""Lists of accounts as people keep them: CSV, OPML, JSON, YAML, or one link a line.

May assume at most 1 MiB. Promises: pure; no entity is expanded, no alias followed, no type made but text, so the work
is bounded by the size; a row that cannot be used does not spoil the others. Raises Malformed where the whole cannot
be read and TooLarge above ``MOST_ROWS`` rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

import msgspec
import yaml

from app.errors import Malformed, TooLarge

MOST_ROWS = 1000
DEEPEST = 32
FIELDS = ("url", "handle", "subject", "zone", "tags", "role", "valid_from", "valid_to")
#: Column names people use for the account itself.
_SYNONYMS = {
    "account": "url",
    "link": "url",
    "profile": "url",
    "profile_url": "url",
    "xmlurl": "url",
    "feed": "url",
    "name": "subject",
    "tag": "tags",
    "timezone": "zone",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. ``number`` counts from 1; ``values`` are the members of a new account, not yet validated."""

    number: int
    values: dict[str, Any]


def read_csv(text: str) -> Iterator[dict[str, Any]]:
    """A header line with known column names, or no header and one account a line in the first column."""
    lines = text.splitlines()
    try:
        dialect: Any = csv.Sniffer().sniff(lines[0], delimiters=",;\t") if lines else "excel"
    except csv.Error:
        dialect = "excel"
    rows: Iterator[list[str]] = csv.reader(io.StringIO(text, newline=""), dialect)
    try:
        head = next(rows, [])
        names = [_name(column) for column in head]
        if not {"url", "handle"} & set(names):
            names, rows = ["url"], iter([head, *rows])
        for cells in rows:
            values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
            if values:
                yield _with_tags(values)
    except csv.Error as error:
        raise Malformed(f"The CSV cannot be read: {error}.", field="body") from None


def read_lines(text: str) -> Iterator[dict[str, Any]]:
    """One account a line; empty lines and lines that begin with # are left out."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield {"url": line.strip()}


def read_opml(text: str) -> Iterator[dict[str, Any]]:
    """Outlines with an ``xmlUrl``; the folders they lie in become tags."""
    found: list[dict[str, Any]] = []
    folders: list[str | None] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if len(folders) > DEEPEST:
            raise Malformed(f"The OPML is nested deeper than {DEEPEST} levels.", field="body")
        given = {key.lower(): value for key, value in attributes.items()}
        title = given.get("title") or given.get("text")
        is_feed = name.lower() == "outline" and bool(given.get("xmlurl"))
        if is_feed:
            tags = [_tag(folder) for folder in folders if folder]
            found.append({"url": given["xmlurl"], "tags": tags} | ({"subject": title} if title else {}))
        folders.append(title if name.lower() == "outline" and not is_feed else None)

    def refuse(*_: object) -> None:
        raise Malformed("A document type with entities is not accepted.", field="body", hint="Remove the DOCTYPE.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: folders.pop()
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise Malformed(f"The OPML cannot be read: line {error.lineno}.", field="body") from None
    yield from found


def read_json(text: str) -> Iterator[dict[str, Any]]:
    """A list of links or of objects, or an object with such a list under ``accounts``."""
    try:
        return _members(msgspec.json.decode(text.encode()))
    except (msgspec.DecodeError, RecursionError):
        raise Malformed("The JSON cannot be read.", field="body") from None


def read_yaml(text: str) -> Iterator[dict[str, Any]]:
    """As JSON. Anchors and aliases are refused; every scalar is text."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                raise Malformed("The YAML has aliases or is nested too deeply.", field="body")
        return _members(yaml.load(text, Loader=loader))  # noqa: S506 - the base loader makes nothing but text
    except (yaml.YAMLError, RecursionError):
        raise Malformed("The YAML cannot be read.", field="body") from None


#: By media type, and by file suffix for the command line.
READERS: dict[str, Callable[[str], Iterator[dict[str, Any]]]] = {
    "text/csv": read_csv,
    "text/x-opml": read_opml,
    "application/xml": read_opml,
    "text/xml": read_opml,
    "application/json": read_json,
    "application/yaml": read_yaml,
    "application/x-yaml": read_yaml,
    "text/yaml": read_yaml,
    "text/plain": read_lines,
}
BY_SUFFIX = {
    ".csv": read_csv,
    ".opml": read_opml,
    ".xml": read_opml,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".txt": read_lines,
}


def read(data: bytes, reader: Callable[[str], Iterator[dict[str, Any]]]) -> list[Entry]:
    """Every row of a watchlist. Raises Malformed, TooLarge."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("The list is not UTF-8.", field="body", hint="Save it as UTF-8.") from None
    entries: list[Entry] = []
    for number, values in enumerate(reader(text), 1):
        if number > MOST_ROWS:
            raise TooLarge(f"The list has more than {MOST_ROWS} rows.", field="body", hint="Send it in parts.")
        entries.append(Entry(number, values))
    return entries


def _members(found: Any) -> Iterator[dict[str, Any]]:
    rows = found.get("accounts") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        hint = 'Send a list of links, a list of objects, or {"accounts": [...]}.'
        raise Malformed("There is no list of accounts.", field="body", hint=hint)
    return iter([_member(row) for row in rows])


def _member(row: Any) -> dict[str, Any]:
    if isinstance(row, str):
        return {"url": row}
    if not isinstance(row, dict):
        return {"url": ""}
    return _with_tags({_name(str(key)): value for key, value in row.items() if value not in (None, "")})


def _name(column: str) -> str:
    bare = column.strip().lower().replace(" ", "_")
    return _SYNONYMS.get(bare, bare)


def _with_tags(values: dict[str, Any]) -> dict[str, Any]:
    tags = values.get("tags")
    if isinstance(tags, str):
        values = {**values, "tags": [part for part in re.split(r"[,;\s]+", tags) if part]}
    return values


def _tag(folder: str) -> str:
    return re.sub(r"[\s,]+", "-", folder.strip().lower())[:64]
