"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API gives it.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where the embedded database lives.")]
Tag = Annotated[str | None, typer.Option(help="Only accounts with this tag.")]
Platform = Annotated[str | None, typer.Option(help="Only accounts on this platform.")]
Subject = Annotated[str | None, typer.Option(help="Only accounts of this subject (id or name).")]
Kinds = Annotated[str | None, typer.Option(help="original,reply,repost,quote,story; default all but story.")]
EventTypes = Annotated[
    list[str] | None, typer.Option("--type", help="Only account.quiet, account.resumed ...; repeat it.")
]
OfAccount = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
OfRule = Annotated[str | None, typer.Option("--rule", help="Only of this rule (its id).")]
AsOf = Annotated[str | None, typer.Option(help="Answer with what was known at this instant (RFC 3339).")]
