"""``webhook listen``: a receiver on loopback that verifies what arrives and prints a line for each message.

Promises: it checks as any receiver should (signature over the bytes as they came, time within five minutes), answers
204 to what is genuine and 400 to what is not, and remembers ids, so that a message that comes twice is shown as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands import output, runtime, serving
from app.commands.options import AsJson
from app.errors import BadInput
from app.webhooks import signing

#: Larger bodies are no message of ours.
_LARGEST = 64 * 1024


def listen(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on, on 127.0.0.1.")] = 8090,
    secret: Annotated[
        list[str] | None,
        typer.Option(envvar="WEBHOOK_SECRET", help="The endpoint's secret; repeat it during a rotation."),
    ] = None,
    most: Annotated[int | None, typer.Option("--count", min=1, help="End after so many messages.")] = None,
    as_json: AsJson = False,
) -> None:
    """Receive on loopback, verify, print one line for each message. Ctrl-C ends it.

    The service sends to loopback only where QUIETWATCH_ALLOW_NETWORKS holds 127.0.0.0/8.

    quietwatch webhook listen --port 8090 --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    """
    try:
        keys = [signing.read_secret(text) for text in secret or ()]
    except signing.BadSecret as error:
        runtime.fail(BadInput(f"the secret cannot be used: {error}"))
    if not keys:
        runtime.fail(BadInput("no secret", hint="give --secret, or set WEBHOOK_SECRET"))
    settings = runtime.settings(host="127.0.0.1", port=port)
    stop = asyncio.Event()
    tell = _teller(as_json, most, stop)

    async def main() -> None:
        serving.stop_on_signal(stop)
        async with serving.bound(settings) as listener:
            output.aside.print(f"listening on http://127.0.0.1:{port}/")
            await serving.listen(listener, receiver(keys, runtime.now, tell), stop)

    runtime.run(main)


def _teller(as_json: bool, most: int | None, stop: asyncio.Event) -> Callable[[dict[str, Any]], None]:
    told = 0

    def tell(line: dict[str, Any]) -> None:
        nonlocal told
        told += 1
        if as_json:
            print(msgspec.json.encode(line).decode(), flush=True)
        else:
            words = [output.instant(line["at"]), "verified" if line["verified"] else f"REFUSED: {line['refusal']}"]
            words += ["again" if line["repeated"] else "", line["type"], line["account"], line["id"]]
            output.console.print(output.plain(" ".join(str(word) for word in words if word)), soft_wrap=True)
        if told == most:
            stop.set()

    return tell


def receiver(keys: list[bytes], now: Callable[[], datetime], tell: Callable[[dict[str, Any]], None]) -> ASGIApp:
    """An application that takes messages at every path and tells of each."""
    seen: set[str] = set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > _LARGEST:
                break
        line = judge(keys, dict(request.headers), bytes(body), now())
        line["repeated"] = line["verified"] and line["id"] in seen
        seen.add(line["id"])
        tell(line)
        await Response(status_code=204 if line["verified"] else 400)(scope, receive, send)

    return app


def judge(keys: list[bytes], headers: dict[str, str], body: bytes, now: datetime) -> dict[str, Any]:
    """What is told of a message: whether it is genuine, and what it says."""
    id_, timestamp, signature = (headers.get(name, "") for name in (signing.ID, signing.TIMESTAMP, signing.SIGNATURE))
    refusal = signing.refusal(keys, id_, timestamp, signature, body, now)
    message = _read(body) if refusal is None else {}
    data = message.get("data") or {}
    account = data.get("account") if isinstance(data, dict) else None
    return {
        "at": now,
        "verified": refusal is None,
        "refusal": refusal,
        "id": id_,
        "type": message.get("type"),
        "sequence": message.get("sequence"),
        "account": account.get("handle") if isinstance(account, dict) else None,
        "message": message or None,
    }


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
