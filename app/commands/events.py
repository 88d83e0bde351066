"""``events``: what became true, from the log or as it happens; ``events link`` is in ``links``."""

from __future__ import annotations

import sys
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from app.commands import links, output, runtime
from app.commands.local import LocalApi, ask
from app.commands.options import AsJson, DataDir, EventTypes, OfAccount, OfRule, Tag
from app.errors import BadInput

_COLUMNS = ("when", "what", "account", "state", "silent since", "id")


app = typer.Typer(invoke_without_command=True)
app.add_typer(links.app, name="link")


@app.callback()
def events(
    context: typer.Context,
    kind: EventTypes = None,
    account: OfAccount = None,
    rule: OfRule = None,
    tag: Tag = None,
    since: Annotated[str | None, typer.Option(help="Recorded at this instant or later (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="Recorded before this instant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print events as they happen.")] = False,
    after: Annotated[str | None, typer.Option(help="With --follow: first what came after this position.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """What became true, the newest first; with --follow as it happens, until Ctrl-C (--json: one event a line).

    quietwatch events --type account.quiet --tag pledged --follow
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    chosen = {"type": kind, "account": account, "rule": rule, "tag": tag}
    if follow:
        ask(data_dir, lambda api: _follow(api, {**chosen, "after": after}, as_json))
        return
    params = {**chosen, "since": since, "until": until, "limit": limit}
    found = ask(data_dir, lambda api: api.read("/v1/events", params))
    if as_json:
        output.print_json(found)
        return
    output.print_table(_COLUMNS, [_row(item) for item in found["items"]])
    if found["next"]:
        output.aside.print("There are more; raise --limit or narrow the question.")


def _refuse_options(context: typer.Context) -> None:
    """An option before the subcommand would be lost in silence. Ends the command."""
    if any(value for name, value in context.params.items() if name != "limit"):
        runtime.fail(BadInput(f"put options behind `{context.invoked_subcommand}` and its command"))


async def _follow(api: LocalApi, params: dict[str, Any], as_json: bool) -> None:
    async with aclosing(api.follow(params)) as stream:
        async for event in stream:
            if as_json:
                sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
                sys.stdout.flush()
            else:
                output.console.print(*(output.plain(cell) for cell in _row(event)), sep="  ", soft_wrap=True)


def _row(event: dict[str, Any]) -> list[Any]:
    data = event["data"]
    account, source = data.get("account") or {}, data.get("source") or {}
    who = f"{account['platform']}:{account['handle']}" if account else source.get("name")
    since = (data.get("streak") or {}).get("since")
    return [_at(event["timestamp"]), event["type"], who, data.get("state"), _at(since), event["id"]]


def _at(text: str | None) -> str:
    return output.instant(datetime.fromisoformat(text)) if text else "-"
