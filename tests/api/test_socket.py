"""The application behind a real server on a real socket: encodings and limits as they come off the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from tests.api.conftest import Api
from tests.api.seeding import watch


@pytest.fixture
async def port(api: Api) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(api.app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # pytest keeps them
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to raw bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def get(target: str, key: str, method: str = "GET", more: str = "") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
    return f"{head}{more}\r\n".encode("latin-1")


async def test_a_natural_key_survives_the_wire(api: Api, port: int) -> None:
    name = "https://feeds.example/über/posts?a=1&b=%20"
    account = await watch(api.engine, name, platform="feed")
    for target in (
        "feed:https%3A%2F%2Ffeeds.example%2F%C3%BCber%2Fposts%3Fa%3D1%26b%3D%2520",
        "feed%3Ahttps%3a%2f%2ffeeds.example%2f%c3%bcber%2fposts%3Fa%3D1%26b%3D%2520",
    ):
        status, body = await ask(port, get(f"/v1/accounts/{target}/silence", api.read))
        assert (status, json.loads(body)["account"]["id"]) == (200, account.public_id)


async def test_bodies_are_counted_as_they_come(api: Api, port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = get("/v1/accounts/import", api.write, "POST", "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n")
    status, body = await ask(port, head + chunk * 17 + b"0\r\n\r\n")
    assert (status, json.loads(body)["type"]) == (413, "urn:quietwatch:problem:too-large")
    declared = get("/v1/subjects", api.write, "POST", "Content-Type: application/json\r\nContent-Length: 99999999\r\n")
    assert (await ask(port, declared))[0] == 413


async def test_head_has_no_body_and_trace_is_refused(api: Api, port: int) -> None:
    assert await ask(port, get("/health/live", api.read, "HEAD")) == (200, b"")
    assert (await ask(port, get("/health/live", api.read, "TRACE")))[0] == 405


@pytest.mark.parametrize(
    "target",
    [
        "/v1/accounts/%00",
        "/v1/accounts/%FF%FE",
        "/v1/accounts/%",
        "/v1/accounts/%2",
        "/v1/accounts//",
        "//",
        "/%2e%2e/x",
    ],
)
async def test_odd_paths_are_problems(api: Api, port: int, target: str) -> None:
    status, body = await ask(port, get(target, api.read))
    assert status in {400, 404, 422}
    assert json.loads(body)["type"].startswith("urn:quietwatch:problem:")


async def test_a_flood_leaves_liveness_alone(api: Api, port: int) -> None:
    flood = [asyncio.ensure_future(ask(port, get("/v1/tags", api.read))) for _ in range(100)]
    status, _ = await ask(port, get("/health/live", api.read))
    assert status == 200
    assert {status for status, _ in await asyncio.gather(*flood)} == {200}
