"""How commands print: a table for people, JSON for programs, and progress on standard error.

Promises: ``--json`` prints one JSON value and nothing else on standard output; what a source wrote is never
interpreted as markup and never carries control characters to a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

#: Columns of a table that goes into a file or a pipe.
_WIDE = 180
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
aside = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDE)


def print_json(value: Any) -> None:
    """One JSON value, indented, with a line end."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.flush()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None, *, headed: bool = True
) -> None:
    """A plain table; cells are text, never markup. ``headed``: the columns are named above them."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", show_header=headed)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console.print(table)


def plain(cell: Any) -> Text:
    """A cell as text without control characters."""
    if cell is None:
        return Text("-")
    text = str(cell) if not isinstance(cell, datetime) else instant(cell)
    return Text("".join(c for c in text if c.isprintable()))


def instant(at: datetime | None) -> str:
    """A moment as people read it, UTC to the minute."""
    return "-" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def length(span: timedelta | None) -> str:
    """A duration in the two largest units: ``9 d 4 h``."""
    if span is None:
        return "-"
    seconds = max(0, int(span.total_seconds()))
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def progress(quiet: bool) -> Progress:
    """A progress bar on standard error; invisible with ``--json`` or without a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=aside, disable=quiet or not aside.is_terminal, transient=True)


def nothing() -> AbstractContextManager[None]:
    """In place of a sign of life, where none is wanted."""
    return nullcontext()
