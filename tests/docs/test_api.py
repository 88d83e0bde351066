"""The HTTP API's page: every example is asked of the real application over PostgreSQL, and every operation has one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.domain.messages import Message
from app.main import create_app
from app.storage import keys
from tests.docs.conftest import NOW, ago, plant, resolve
from tests.docs.examples import DOCS, Curl, as_jq, examples, masked, parse_curl, pick, rewrite

PAGE = DOCS / "api.md"
PLACES = {"QW": "http://host", "PREFIX": "3f9a", "EVENT": "evt_1", "RULE": "rul_1"}
#: The headers that an example with -i shows, where the answer has them.
SHOWN = ("content-type", "retry-after", "link")


class Courier:
    """Takes every message."""

    async def check(self, address: str) -> str | None:
        return None

    async def send(self, address: str, message: Message) -> str | None:
        return None


async def ask(client: httpx2.AsyncClient, curl: Curl) -> httpx2.Response:
    body = "\n".join(curl.data).encode() if curl.data else None
    query = httpx2.QueryParams(curl.query) if curl.query else None
    return await client.request(curl.method, curl.url, params=query, headers=curl.headers, content=body)


def shown(curl: Curl, answer: httpx2.Response) -> str:
    """What the terminal would show."""
    if curl.pick:
        return masked(as_jq(pick(answer.json(), curl.pick)))
    if not curl.show_headers:
        return masked(answer.text.replace("\r\n", "\n"))
    head = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"]
    head += [f"{name}: {answer.headers[name]}" for name in SHOWN if name in answer.headers]
    body = "" if "metrics" in curl.url or not answer.text else f"\n{answer.text}\n"
    return masked("\n".join(head) + "\n" + body)


async def test_every_example_answers_as_the_page_says(engine: AsyncEngine, tmp_path: Path) -> None:
    await plant(engine)
    async with engine.begin() as conn:
        _, key = await keys.create(conn, "first admin", ["admin"], ago(720))
    settings = Settings(data_dir=tmp_path, rate_limit=1_000_000)
    app = create_app(settings, engine, resolver=resolve, messenger=Courier(), clock=lambda: NOW, secret=b"s" * 32)
    transport = httpx2.ASGITransport(app=app)
    variables = {"QW": "http://127.0.0.1:8080", "KEY": key, "PREFIX": ""}
    stale = []
    async with httpx2.AsyncClient(transport=transport) as client:
        for example in examples(PAGE):
            curl = parse_curl(example.command, variables)
            answer = await ask(client, curl)
            if answer.status_code in (201, 202):
                variables |= remembered(answer.json())
            if curl.url.partition("?")[0].endswith("/v1/events"):
                variables["EVENT"] = answer.json()["items"][0]["id"]
            real = shown(curl, answer)
            if os.environ.get("UPDATE_DOCS"):
                rewrite(example, real)
            elif real != example.output:
                stale.append(f"{example}\n{real}")
    assert not stale, "\n".join(stale)


def remembered(made: dict[str, Any]) -> dict[str, str]:
    """What was made and is named again by a later example."""
    if "prefix" in made:
        return {"PREFIX": made["prefix"]}
    names = {"rul_": "RULE", "whk_": "WEBHOOK", "evt_": "EVENT", "ntf_": "NOTIFIER"}
    id_ = str(made.get("id") or made.get("event") or "")
    return {names[id_[:4]]: id_} if id_[:4] in names else {}


def operations() -> Iterator[tuple[str, str, re.Pattern[str]]]:
    document: dict[str, Any] = create_app(Settings(), None, secret=bytes(32)).openapi()
    for path, methods in document["paths"].items():
        for method in methods:
            yield method.upper(), path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path))


def test_every_operation_has_an_example_and_a_line() -> None:
    asked = [parse_curl(example.command, PLACES) for example in examples(PAGE)]
    text = PAGE.read_text("utf-8")
    missing = []
    for method, path, pattern in operations():
        if not any(curl.method == method and pattern.fullmatch(urlsplit(curl.url).path) for curl in asked):
            missing.append(f"{method} {path} has no example")
        if f"`{method} {path}`" not in text:
            missing.append(f"{method} {path} is not listed")
    assert missing == []
