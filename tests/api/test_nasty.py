"""Nasty strings in every text field, over JSON and CSV: refused with a problem, or given back harmless."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import httpx2
import pytest

from app.api.replies import cell
from tests.api.conftest import Api
from tests.api.seeding import watch

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture
def nasty(corpus: Path) -> list[str]:
    return [
        str(each) for each in json.loads((corpus / "corpora" / "api" / "nasty_strings.json").read_text())["strings"]
    ]


def harmless(text: str) -> None:
    for row in csv.reader(io.StringIO(text)):
        assert not any(value.startswith(FORMULA) for value in row if not value.lstrip("-").replace(".", "").isdigit())


async def test_no_text_makes_the_service_fail(client: httpx2.AsyncClient, nasty: list[str]) -> None:
    await client.post("/v1/accounts", json={"handle": "a.bsky.example"})
    for text in nasty:
        bodies = [
            ("POST", "/v1/subjects", {"name": text}),
            ("POST", "/v1/subjects", {"name": "x", "zone": text}),
            ("POST", "/v1/accounts", {"url": text}),
            ("POST", "/v1/accounts", {"handle": "b.bsky.example", "subject": text, "tags": [text], "zone": text}),
            ("PATCH", "/v1/accounts/bluesky:a.bsky.example", {"tags": [text]}),
            ("PATCH", "/v1/accounts/bluesky:a.bsky.example", {"subject": text}),
            ("POST", "/v1/notifiers", {"name": text, "address": "json://h.example/in", "tags": [text]}),
            ("POST", "/v1/notifiers", {"name": "n", "address": text}),
            ("POST", "/v1/notifiers", {"name": "n", "address": "json://" + text}),
            ("POST", "/v1/participation", {"length": "P1D", "tag": text}),
            ("POST", "/v1/participation", {"length": "P1D", "accounts": [text]}),
        ]
        for method, path, body in bodies:
            content = json.dumps(body).encode("utf-8", "surrogatepass")
            answer = await client.request(method, path, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, (path, text[:40])
            if "\x00" in text or "\u202e" in text or len(text) > 10_000:
                assert answer.status_code in {400, 422}, (path, text[:40])
        for name in ("q", "tag", "subject", "platform", "cursor", "limit", "status", text[:50]):
            answer = await client.get("/v1/accounts", params={name: text[:3000]})
            assert answer.status_code < 500, (name, text[:40])
        for path in ("/v1/accounts/{}", "/v1/accounts/{}/silence", "/v1/subjects/{}", "/v1/tags/{}"):
            encoded = "".join(f"%{byte:02X}" for byte in text[:500].encode("utf-8", "replace"))
            answer = await client.get(path.format(encoded))
            assert answer.status_code < 500, (path, text[:40])
    for path in (
        "/v1/accounts",
        "/v1/subjects",
        "/v1/tags",
        "/v1/silence",
        "/v1/notifiers",
        "/v1/participation?length=P1D",
    ):
        harmless((await client.get(path, headers={"Accept": "text/csv"})).text)
        for line in (await client.get(path, headers={"Accept": "application/x-ndjson"})).text.splitlines():
            json.loads(line)


async def test_what_a_source_calls_itself_is_no_formula(api: Api, client: httpx2.AsyncClient, nasty: list[str]) -> None:
    for number, text in enumerate(nasty):
        clean = text.replace("\x00", "").encode("utf-8", "ignore").decode()[:200]
        await watch(api.engine, f"{clean[:60]}{number}", posts=(2,), covered=((5, 0.1),))
    for path in ("/v1/accounts", "/v1/silence", "/v1/streaks", "/v1/participation?length=P1D"):
        table = (await client.get(path, headers={"Accept": "text/csv"})).text
        assert len(list(csv.reader(io.StringIO(table)))) == len(nasty) + 1
        harmless(table)


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_a_cell_is_no_formula(value: str) -> None:
    assert cell(value) == "'" + value
    assert cell([value]) == "'" + value


def test_numbers_stay_numbers() -> None:
    assert [cell(-1), cell(0.5), cell(True), cell(None)] == [-1, 0.5, "true", ""]
