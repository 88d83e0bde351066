"""``notifier add``, ``list``, ``change``, ``test`` and ``remove``: people who are told."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
import typer

from app.commands import output
from app.commands.local import LocalApi, ask
from app.commands.options import AsJson, DataDir

app = typer.Typer(help="People who are told: make, list, change, test, remove.", no_args_is_help=True)
_JSON = "application/json"
Notifier = Annotated[str, typer.Argument(help="The notifier's id, see `notifier list`.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this type of event; repeat it.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Only accounts with this tag; repeat it.")]
Language = Annotated[str | None, typer.Option(help="en or fr.")]
Zone = Annotated[str | None, typer.Option(help="The IANA time zone of its messages.")]
Digest = Annotated[str | None, typer.Option(help="What happens within it is one message, for example PT1H.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whom it tells.")],
    address: Annotated[str, typer.Argument(help="In Apprise's notation; - reads it from standard input.")],
    types: Types = None,
    tags: Tags = None,
    language: Language = None,
    zone: Zone = None,
    digest: Digest = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Tell somebody what happens from now on. The address is encrypted and not shown again.

    quietwatch notifier add newsroom "mailtos://user:password@example.org?to=desk@example.org"
    """
    wish = {"name": name, "address": _read(address), **_given(types, tags, language, zone, digest)}
    made = ask(data_dir, lambda api: api.post("/v1/notifiers", msgspec.json.encode(wish), _JSON))
    _show(made, as_json)


@app.command("list")
def list_notifiers(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """All notifiers; never an address."""

    async def everything(api: LocalApi) -> list[dict[str, Any]]:
        return [each async for each in api.items("/v1/notifiers")]

    found = ask(data_dir, everything)
    if as_json:
        output.print_json(found)
        return
    names = ("id", "name", "service", "status", "reason", "language", "zone", "digest", "sent_at")
    output.print_table(names, [[each[name] for name in names] for each in found])


@app.command()
def change(
    notifier: Notifier,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    address: Annotated[str | None, typer.Option(help="Another address; - reads it from standard input.")] = None,
    types: Types = None,
    tags: Tags = None,
    language: Language = None,
    zone: Zone = None,
    digest: Digest = None,
    status: Annotated[str | None, typer.Option(help="enabled or disabled.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change a notifier; what is left out stays. Enabling it again forgets its failures."""
    wish = _given(types, tags, language, zone, digest)
    wish |= {key: value for key, value in (("name", name), ("status", status)) if value is not None}
    wish |= {"address": _read(address)} if address is not None else {}
    path = f"/v1/notifiers/{notifier}"
    _show(ask(data_dir, lambda api: api.patch(path, msgspec.json.encode(wish))), as_json)


@app.command("test")
def send_test(notifier: Notifier, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send a test message now and say what came of it. Exit code 1 if it was not taken."""
    found = ask(data_dir, lambda api: api.post(f"/v1/notifiers/{notifier}/test", b"", _JSON))
    if as_json:
        output.print_json(found)
    else:
        output.console.print("delivered" if found["delivered"] else f"not delivered: {found['reason']}")
    if not found["delivered"]:
        raise typer.Exit(1)


@app.command()
def remove(notifier: Notifier, data_dir: DataDir = None) -> None:
    """Delete a notifier with its address and what it had still to tell."""
    ask(data_dir, lambda api: api.delete(f"/v1/notifiers/{notifier}"))
    output.aside.print(f"{notifier} is removed.")


def _read(address: str) -> str:
    """The address, which stands in the history of a shell unless it is read."""
    return sys.stdin.readline().strip() if address == "-" else address


def _given(
    types: list[str] | None, tags: list[str] | None, language: str | None, zone: str | None, digest: str | None
) -> dict[str, Any]:
    wish = {"types": types or None, "tags": tags or None, "language": language, "zone": zone, "digest": digest}
    return {name: value for name, value in wish.items() if value is not None}


def _show(found: Any, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
    else:
        output.console.print(output.plain(f"{found['id']} {found['name']} ({found['service']}), {found['status']}"))
