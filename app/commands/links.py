"""``events link create``, ``list`` and ``revoke``: links to a feed of events for readers that cannot send a key.

Promises: behind each link stands a read key of its own, whose secret nobody has seen, so that ending one link ends no
other and no key of a person; a link is shown once.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.commands import output, runtime
from app.commands.local import LocalApi, ask
from app.commands.options import AsJson, DataDir, EventTypes, OfAccount, OfRule, Tag
from app.errors import NotFound
from app.main import own_address

app = typer.Typer(help="Links to a feed of events, for feed readers: make, list, revoke.", no_args_is_help=True)
#: How the keys behind links are named.
MARK = "feed link: "
_FEED = "/v1/events/feed"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose link it is.")],
    kind: EventTypes = None,
    account: OfAccount = None,
    rule: OfRule = None,
    tag: Tag = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a link to the Atom feed of these events. It is printed once; whoever has it can read this feed.

    quietwatch events link create newsroom --type account.quiet --tag pledged
    """
    chosen = {"type": kind, "account": account, "rule": rule, "tag": tag}

    async def make(api: LocalApi) -> dict[str, Any]:
        await api.read(_FEED, chosen)  # a question that cannot be asked leaves no key behind
        key = await api.send("/v1/keys", {"name": MARK + name, "scopes": ["read"]})
        link = await api.read(_FEED, chosen, token=key["key"])
        return {"prefix": key["prefix"], "name": name, "url": link["url"]}

    made = ask(data_dir, make)
    if made["url"].startswith("/"):
        made["url"] = own_address(runtime.settings(data_dir=data_dir)) + made["url"]
    if as_json:
        output.print_json(made)
        return
    output.console.print(output.plain(made["url"]), soft_wrap=True)
    output.aside.print(f"Keep it: it is not shown again. `quietwatch events link revoke {made['prefix']}` ends it.")


@app.command("list")
def list_links(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """All links, revoked ones too; never the link itself."""
    found = ask(data_dir, _links)
    if as_json:
        output.print_json({"items": found})
        return
    names = ("prefix", "name", "created_at", "revoked_at")
    output.print_table(("prefix", "name", "created", "revoked"), [[link[name] for name in names] for link in found])


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The link's prefix, see `events link list`.")], data_dir: DataDir = None
) -> None:
    """End a link at once. Other links, and the keys of people, go on."""

    async def end(api: LocalApi) -> None:
        if prefix not in {link["prefix"] for link in await _links(api)}:
            raise NotFound("There is no link with this prefix.", field="prefix", hint="see `events link list`")
        await api.delete(f"/v1/keys/{prefix}")

    ask(data_dir, end)
    output.aside.print(f"The link {prefix} is revoked.")


async def _links(api: LocalApi) -> list[dict[str, Any]]:
    """The keys behind links, under the names of their links."""
    keys = (await api.read("/v1/keys"))["items"]
    shown = ("prefix", "created_at", "revoked_at")
    return [
        {"name": key["name"].removeprefix(MARK), **{name: key[name] for name in shown}}
        for key in keys
        if key["name"].startswith(MARK)
    ]
