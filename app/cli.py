"""The command line: ``quietwatch COMMAND``. Composition root of every process.

Exit codes: 0 done, 1 failed or not well, 2 bad input, 4 not found, 75 try again later, 77 not allowed, 78 bad settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from app.commands import admin, answers, events, hooks, keys, notifiers, rules, serving, showing, watching
from app.main import version

app = typer.Typer(
    name="quietwatch",
    help="Who has gone silent on public social accounts, for how long, and how we know.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain errors and help: no boxes that break a message in a narrow terminal or a log
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serving.serve,
    "worker": serving.worker,
    "demo": serving.demo,
    "watch": watching.watch,
    "import": watching.import_file,
    "poll": watching.poll,
    "silence": answers.silence,
    "show": showing.show,
    "participation": answers.participation,
    "export": answers.export,
    "platforms": admin.platforms,
    "doctor": admin.doctor,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(events.app, name="events")
app.add_typer(rules.app, name="rule")
app.add_typer(keys.app, name="key")
app.add_typer(hooks.app, name="webhook")
app.add_typer(notifiers.app, name="notifier")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quietwatch {version()}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Who has gone silent on public social accounts, for how long, and how we know."""


def main() -> None:
    """Entry point of the installed command."""
    app()
