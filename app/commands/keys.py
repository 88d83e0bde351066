"""``key create``, ``key list`` and ``key revoke``: who may use the API."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from app.commands import output
from app.commands.local import ask
from app.commands.options import AsJson, DataDir

app = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scope: Annotated[list[str] | None, typer.Option(help="read, write or admin; repeat it. Default read.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key. It is printed once and cannot be shown again."""
    body = msgspec.json.encode({"name": name, "scopes": scope or ["read"]})
    made = ask(data_dir, lambda api: api.post("/v1/keys", body, "application/json"))
    if as_json:
        output.print_json(made)
        return
    output.console.print(output.plain(made["key"]))
    output.aside.print("Keep it: it is not stored and cannot be shown again.")


@app.command("list")
def list_keys(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """All keys, revoked ones too; never a secret."""
    found = ask(data_dir, lambda api: api.read("/v1/keys"))
    if as_json:
        output.print_json(found)
        return
    columns = ("prefix", "name", "scopes", "created", "last used", "revoked")
    names = ("prefix", "name", "scopes", "created_at", "last_used_at", "revoked_at")
    rows = [[" ".join(k[n]) if n == "scopes" else k[n] for n in names] for k in found["items"]]
    output.print_table(columns, rows)


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, see `key list`.")], data_dir: DataDir = None
) -> None:
    """Revoke a key at once."""
    ask(data_dir, lambda api: api.delete(f"/v1/keys/{prefix}"))
    output.aside.print(f"{prefix} is revoked.")
