"""``webhook ...``: endpoints that are told of events, their secrets, what was delivered, and a receiver to try it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from app.commands import listening, output
from app.commands.local import LocalApi, ask
from app.commands.options import AsJson, DataDir

app = typer.Typer(help="Webhooks: endpoints, secrets, deliveries, and a receiver to try it.", no_args_is_help=True)
app.command("listen")(listening.listen)
Id = Annotated[str, typer.Argument(help="The endpoint's id, see `webhook list`.")]
Secret = Annotated[str | None, typer.Option(help="whsec_ and base64 of 24 to 64 bytes; else one is made.")]
_COLUMNS = ("event", "type", "status", "attempts", "recorded", "next attempt")
_NAMES = ("event", "type", "status", "attempts", "recorded_at", "next_attempt_at")
#: How often a delivery that was asked for is looked at.
_LOOK_SECONDS = 0.2


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent: https://example.org/hooks/quietwatch.")],
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only this type of event; repeat it.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only accounts with this tag; repeat it.")] = None,
    description: Annotated[str, typer.Option(help="Whose endpoint it is.")] = "",
    per_second: Annotated[int | None, typer.Option(help="Most deliveries a second.")] = None,
    secret: Secret = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Send events to an address from now on. The secret is printed once.

    quietwatch webhook add https://example.org/hooks/quietwatch --type account.quiet --type account.resumed
    """
    wish = {"url": url, "types": type_, "tags": tag, "per_second": per_second, "secret": secret}
    body = {"description": description} | {name: value for name, value in wish.items() if value}
    made = ask(data_dir, lambda api: api.send("/v1/webhooks", body))
    _print_secret(made, as_json)


@app.command("list")
def list_webhooks(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """All endpoints, whether they work, and how much is still to be delivered."""
    found = ask(data_dir, lambda api: api.read("/v1/webhooks", {"limit": 1000}))
    if as_json:
        output.print_json(found)
        return
    columns = ("id", "host", "status", "failing since", "pending", "held", "failed", "types", "tags")
    output.print_table(columns, [_line(each) for each in found["items"]])


@app.command()
def show(webhook: Id, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """An endpoint with all that is known of it; never a secret."""
    found = ask(data_dir, lambda api: api.read(f"/v1/webhooks/{webhook}"))
    if as_json:
        output.print_json(found)
        return
    counts = found.pop("undelivered")
    lists = {name: " ".join(found[name]) if found[name] else "all" for name in ("types", "tags")}
    output.print_table(("", ""), [(name, value) for name, value in {**found, **lists, **counts}.items()])


@app.command()
def remove(webhook: Id, data_dir: DataDir = None) -> None:
    """Delete an endpoint with its secrets and deliveries. The events stay in the log."""
    ask(data_dir, lambda api: api.delete(f"/v1/webhooks/{webhook}"))
    output.aside.print(f"{webhook} is deleted.")


@app.command()
def rotate(webhook: Id, secret: Secret = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Sign with a new secret, and for 24 hours with the old one too. The new one is printed once."""
    body = {"secret": secret} if secret else {}
    made = ask(data_dir, lambda api: api.send(f"/v1/webhooks/{webhook}/rotate", body))
    _print_secret(made, as_json)


@app.command()
def enable(webhook: Id, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send to it again, first what was held for it."""
    found = ask(data_dir, lambda api: api.send(f"/v1/webhooks/{webhook}/enable"))
    _say(found, f"{webhook} is enabled; {found['released']} deliveries that were held are due.", as_json)


@app.command()
def disable(webhook: Id, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send nothing to it; what is due is held."""
    found = ask(data_dir, lambda api: api.send(f"/v1/webhooks/{webhook}/disable"))
    _say(found, f"{webhook} is disabled; {found['undelivered']['held']} deliveries are held.", as_json)


@app.command("test")
def send_test(
    webhook: Id,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the first attempt.")] = 20.0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Send a test and say what came of it. A running `serve` or `worker` delivers it. Exit code 1 if it did not arrive.

    quietwatch webhook test whk_0a1b2c3d4e5f60718293 --wait 5
    """

    async def send(api: LocalApi) -> Any:
        sent = await api.send(f"/v1/webhooks/{webhook}/test")
        for _ in range(max(1, round(wait / _LOOK_SECONDS))):
            found = await api.read(sent["delivery"])
            if found["tried"]:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return found

    found = ask(data_dir, send)
    if as_json:
        output.print_json(found)
    elif found["tried"]:
        output.console.print(output.plain(f"{found['event']} {found['status']}: {_outcome(found['tried'][-1])}"))
    else:
        output.aside.print(f"{found['event']} is recorded and nobody has sent it yet: is serve or worker running?")
    if found["status"] != "delivered":
        raise typer.Exit(1)


@app.command()
def deliveries(
    webhook: Id,
    event: Annotated[str | None, typer.Argument(help="Only this event, with every attempt.")] = None,
    status: Annotated[str | None, typer.Option(help="pending, delivered, failed or held.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the newest first.")] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """What was and is to be sent to an endpoint; with an event's id its attempts and the endpoint's answers.

    quietwatch webhook deliveries whk_0a1b2c3d4e5f60718293 --status failed
    """
    path = f"/v1/webhooks/{webhook}/deliveries" + (f"/{event}" if event else "")
    params = None if event else {"status": status, "limit": limit}
    found = ask(data_dir, lambda api: api.read(path, params))
    if as_json:
        output.print_json(found)
        return
    rows = [found] if event else found["items"]
    output.print_table(_COLUMNS, [[each[name] for name in _NAMES] for each in rows])
    for tried in found.get("tried", ()):
        text = f"  {tried['number']}. {tried['at']} {tried['duration_ms']} ms {_outcome(tried)} {tried['answer'] or ''}"
        output.console.print(output.plain(text))


@app.command()
def replay(
    webhook: Id,
    event: Annotated[str | None, typer.Argument(help="The event to send again.")] = None,
    after: Annotated[str | None, typer.Option(help="This event and everything recorded after it.")] = None,
    since: Annotated[str | None, typer.Option(help="Everything recorded since then (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="With --since: until then; else until now.")] = None,
    delivered: Annotated[bool, typer.Option("--delivered", help="Of a range, what did arrive too.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Send one event again, or of a range what did not arrive, under the ids it had. Asking twice sends once.

    quietwatch webhook replay whk_0a1b2c3d4e5f60718293 --since 2026-11-20T00:00:00Z
    """
    wish = {"event": event, "after": after, "since": since, "until": until}
    body = {"delivered": delivered} | {name: value for name, value in wish.items() if value is not None}
    found = ask(data_dir, lambda api: api.send(f"/v1/webhooks/{webhook}/replay", body))
    _say(found, f"{found['replayed']} deliveries are due again.", as_json)


def _say(found: Any, sentence: str, as_json: bool) -> None:
    """What was done, as a sentence or as the API's answer."""
    if as_json:
        output.print_json(found)
    else:
        output.aside.print(sentence)


def _print_secret(made: Any, as_json: bool) -> None:
    if as_json:
        output.print_json(made)
        return
    output.aside.print(f"{made['id']} Its secret is shown once, keep it:")
    output.console.print(output.plain(made["secret"]))


def _line(webhook: Any) -> list[Any]:
    counts = webhook["undelivered"]
    lists = [" ".join(webhook[name]) if webhook[name] else "all" for name in ("types", "tags")]
    known = [webhook[name] for name in ("id", "host", "status", "failing_since")]
    return [*known, counts["pending"], counts["held"], counts["failed"], *lists]


def _outcome(tried: Any) -> str:
    return str(tried["status"]) if tried["status"] is not None else str(tried["detail"])
