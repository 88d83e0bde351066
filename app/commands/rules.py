"""``rule add|list|show|change|remove|pause|resume``: from when on a silence is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from app.commands import output, runtime
from app.commands.local import LocalApi, ask
from app.commands.options import AsJson, DataDir
from app.commands.terms import Terms, given, with_terms
from app.errors import BadInput

app = typer.Typer(help="Rules: from when on a silence is told.", no_args_is_help=True)
Rule = Annotated[str, typer.Argument(help="The rule's id, see `rule list`.")]


@app.command()
@with_terms
def add(
    terms: Terms,
    length: Annotated[
        str | None, typer.Argument(help="Quiet from then on, such as P2D; none for an adaptive rule.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="On this account.")] = None,
    subject: Annotated[str | None, typer.Option(help="On every account of this subject.")] = None,
    tag: Annotated[str | None, typer.Option(help="On every account with this tag.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="On every account.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a rule; it judges what is known at once.

    quietwatch rule add P2D --tag pledged --late P1D --quiet-hours "22:00-07:00 Europe/Paris"
    """
    if (length is None) == (terms.false_alarms is None):
        runtime.fail(BadInput("give a length such as P2D, or --false-alarms, --least and --greatest"))
    if everything == any((account, subject, tag)):
        runtime.fail(BadInput("say what the rule is on", hint="--account, --subject, --tag or --everything"))
    body = terms.body(length) | given(account=account, subject=subject, tag=tag)
    body["kind"] = "fixed" if terms.false_alarms is None else "adaptive"
    made = ask(data_dir, lambda api: api.post("/v1/rules", msgspec.json.encode(body), "application/json"))
    _print(made, as_json)


@app.command("list")
def list_rules(
    tag: Annotated[str | None, typer.Option(help="Only rules on this tag.")] = None,
    status: Annotated[str | None, typer.Option(help="active or paused.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """All rules.

    quietwatch rule list --status active
    """
    params = {"tag": tag, "status": status}

    async def gather(api: LocalApi) -> list[dict[str, Any]]:
        return [item async for item in api.items("/v1/rules", params)]

    found = ask(data_dir, gather)
    if as_json:
        output.print_json(found)
        return
    columns = ("id", "name", "on", "quiet from", "late from", "status")
    rows = [[r["id"], r["name"] or None, _scope(r), _length(r), r["late"], r["status"]] for r in found]
    output.print_table(columns, rows)


@app.command()
def show(
    rule: Rule,
    held: Annotated[bool, typer.Option("--held", help="Only accounts that wait for fresh evidence.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many accounts.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """One rule, and what it makes of each account.

    quietwatch rule show rul_5b1c7e90d2f4a6b8c3e1
    """
    params = {"held": "true" if held else None, "limit": limit}

    async def gather(api: LocalApi) -> dict[str, Any]:
        path = f"/v1/rules/{rule}"
        return {"rule": await api.read(path), "states": await api.read(f"{path}/states", params)}

    found = ask(data_dir, gather)
    if as_json:
        output.print_json(found)
        return
    _print(found["rule"], False)
    columns = ("account", "state", "since", "quiet from", "waits since")
    rows = [
        [
            f"{s['account']['platform']}:{s['account']['handle']}",
            s["state"],
            *_times(s, "since", "deadline", "held_since"),
        ]
        for s in found["states"]["items"]
    ]
    output.print_table(columns, rows)


@app.command()
@with_terms
def change(
    terms: Terms,
    rule: Rule,
    length: Annotated[str | None, typer.Option(help="Quiet from then on, such as P2D.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change a rule; what is left out stays. It judges anew at once.

    quietwatch rule change rul_5b1c7e90d2f4a6b8c3e1 --length P3D --late none
    """
    body = terms.body(length)
    if not body:
        runtime.fail(BadInput("say what to change", hint="see --help"))
    _print(_patch(rule, body, data_dir), as_json)


@app.command()
def remove(rule: Rule, data_dir: DataDir = None) -> None:
    """Delete a rule; what it told stays in the log."""
    ask(data_dir, lambda api: api.delete(f"/v1/rules/{rule}"))
    output.aside.print(f"{rule} is deleted.")


@app.command("pause")
def pause_rule(rule: Rule, data_dir: DataDir = None) -> None:
    """Let a rule judge nobody until it is resumed."""
    _patch(rule, {"status": "paused"}, data_dir)
    output.aside.print(f"{rule} is paused.")


@app.command("resume")
def resume_rule(rule: Rule, data_dir: DataDir = None) -> None:
    """Let a paused rule judge again; it begins anew with what is known."""
    _patch(rule, {"status": "active"}, data_dir)
    output.aside.print(f"{rule} is active.")


def _patch(rule: str, body: dict[str, Any], data_dir: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(data_dir, lambda api: api.patch(f"/v1/rules/{rule}", msgspec.json.encode(body)))
    return found


def _print(rule: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.print_json(rule)
        return
    late = f", late from {rule['late']}" if rule["late"] else ""
    text = f"{rule['id']}: {_scope(rule)} quiet from {_length(rule)}{late}, {rule['status']}"
    output.console.print(output.plain(text), soft_wrap=True)


def _scope(rule: dict[str, Any]) -> str:
    return next((f"{name} {rule[name]}" for name in ("account", "subject", "tag") if rule[name]), "everything")


def _length(rule: dict[str, Any]) -> str:
    return rule["length"] or f"{rule['least']} to {rule['greatest']}, as each is used to"


def _times(row: dict[str, Any], *names: str) -> list[datetime | None]:
    return [datetime.fromisoformat(row[name]) if row[name] else None for name in names]
