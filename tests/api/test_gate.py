"""Who may ask what: every route with no key, a bad key, and keys of every scope; limits; headers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.gate import SCOPES, Bucket
from app.api.routing import Route, scope_of
from tests.api.conftest import NOW, Api, build

BODY = '{"name": "x"}'


def routes(app: FastAPI) -> list[APIRoute]:
    found: list[APIRoute] = []
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop()
        waiting.extend(getattr(getattr(route, "original_router", None), "routes", ()))
        if isinstance(route, APIRoute):
            found.append(route)
    return found


async def test_every_route_wants_its_scope(api: Api) -> None:
    paths = (await api.client().get("/openapi.json")).json()["paths"]
    asked = 0
    for path, operations in paths.items():
        for method, operation in operations.items():
            asked += 1
            api.clock.now += timedelta(seconds=2)  # or the bad keys would be slowed down
            needed = operation["x-required-scope"]
            if path in ("/metrics", "/v1/events.atom"):  # by setting (see below); by a signed link (test_events)
                needed = "read"
            url = path.replace("{account}", "acc_none").replace("{subject}", "none").replace("{", "").replace("}", "")
            if path == "/v1/events/stream":
                url += "?after=none"  # a good one does not end by itself
            keys = {
                "none": None,
                "bad": "qw_000000000000_bad",
                "read": api.read,
                "write": api.write,
                "admin": api.admin,
            }
            for name, key in keys.items():
                async with api.client(key) as client:
                    answer = await client.request(
                        method,
                        url,
                        content=BODY if method != "get" else None,
                        headers={"Content-Type": "application/json"},
                    )
                allowed = needed == "open" or (name in SCOPES and SCOPES.index(name) >= SCOPES.index(needed))
                refused = 401 if name in {"none", "bad"} else 403
                assert (answer.status_code in {401, 403}) == (not allowed), (method, path, name, answer.text)
                assert allowed or answer.status_code == refused, (method, path, name)
    assert asked > 25


def test_no_route_of_v1_lacks_the_gate(api: Api) -> None:
    found = [route for route in routes(api.app) if route.path.startswith("/v1")]
    assert len(found) > 25
    for route in found:
        assert isinstance(route, Route), route.path
        asks_itself = route.path == "/v1/events.atom"  # for a key or a signed link: see test_events
        assert scope_of(route) in SCOPES or route.path.startswith("/v1/health/") or asks_itself


async def test_the_open_routes_are_few(api: Api) -> None:
    paths = (await api.client().get("/openapi.json")).json()["paths"]
    found = {path for path, each in paths.items() for one in each.values() if one["x-required-scope"] == "open"}
    assert found == {"/v1/health/live", "/v1/health/ready", "/metrics", "/v1/events.atom"}


@pytest.mark.parametrize(
    "sent", ["Basic abc", "Bearer", "Bearer ", "bearer x", "Bearer qw_\xe9", "qw_x", "Bearer " + "qw_" * 500]
)
async def test_a_malformed_key_is_refused_like_an_unknown_one(api: Api, sent: str) -> None:
    answer = await api.client().get("/v1/accounts", headers={"Authorization": sent.encode("latin-1")})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:quietwatch:problem:unauthorized")


async def test_a_key_that_asks_too_often_is_told_when_to_come_back(engine: AsyncEngine, tmp_path: Path) -> None:
    api = await build(engine, tmp_path, rate_limit=60)
    async with api.client(api.read) as client:
        answers = [await client.get("/v1/tags") for _ in range(31)]
        assert [answer.status_code for answer in answers] == [200] * 30 + [429]
        assert answers[-1].headers["retry-after"] == "1"
        api.clock.now = NOW.replace(second=2)
        assert (await client.get("/v1/tags")).status_code == 200
    assert (await api.client().get("/health/live")).status_code == 200


async def test_who_guesses_keys_is_slowed_down(api: Api) -> None:
    async with api.client("qw_000000000000_" + "x" * 30) as client:
        answers = [(await client.get("/v1/tags")).status_code for _ in range(32)]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_a_bucket_fills_with_time_and_never_overflows() -> None:
    bucket = Bucket(2.0, NOW)
    assert [bucket.take(NOW, 1.0, 2.0) is None for _ in range(3)] == [True, True, False]
    assert bucket.take(NOW.replace(second=30), 1.0, 2.0) is None
    assert bucket.tokens == 1.0


async def test_the_edge_refuses_what_nobody_needs(api: Api) -> None:
    async with api.client(api.read) as client:
        assert (await client.request("TRACE", "/v1/tags")).status_code == 405
        assert (await client.get("/v1/tags", headers={"X-HTTP-Method-Override": "DELETE"})).status_code == 200
        rebound = await client.get("/v1/tags", headers={"Host": "evil.example"})
        assert (rebound.status_code, rebound.json()["field"]) == (400, "Host")
        cross = await client.get("/v1/tags", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in cross.headers
        head = await client.head("/v1/tags")
        assert (head.status_code, head.content) == (200, b"")
        assert (await client.get("/v1/tags?" + "x=1&" * 9000)).status_code in {413, 422}
        assert (await client.get("/v1/accounts/%00")).status_code == 422
        spoofed = await client.get("/v1/accounts?limit=1", headers={"X-Forwarded-Host": "evil.example"})
        assert "evil" not in spoofed.text + str(spoofed.headers)


async def test_every_answer_carries_the_headers_of_a_careful_service(api: Api) -> None:
    for path in ("/v1/tags", "/health/live", "/nothing", "/docs"):
        answer = await api.client().get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe-inline" not in answer.headers["content-security-policy"].split("style-src")[0]


async def test_bodies_have_limits(client: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    large = await client.post("/v1/subjects", content=b'{"name": "' + b"x" * 2_000_000 + b'"}', headers=headers)
    assert (large.status_code, large.json()["type"]) == (413, "urn:quietwatch:problem:too-large")
    for body in (b"[" * 100_000, b'{"a":' * 5_000, b"{", b'{"name": NaN}', b'{"name": 1e999999}', b'\xff{"name": "x"}'):
        answer = await client.post("/v1/subjects", content=body, headers=headers)
        assert answer.status_code in {400, 422}, body[:20]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_nothing_and_wrong_methods_are_problems_too(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/v1/nothing/here")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:quietwatch:problem:not-found")
    wrong = await client.put("/v1/tags")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "urn:quietwatch:problem:method-not-allowed")
    assert wrong.headers["allow"] == "GET, HEAD"
    assert (await client.put("/v1/accounts/acc_x")).headers["allow"] == "DELETE, GET, HEAD, PATCH"
    near = await client.get("/v1/accounts?limt=1")
    assert near.json()["hint"] == "Did you mean limit?"


async def test_readiness_names_what_fails(api: Api) -> None:
    ready = await api.client().get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    await api.engine.dispose()
    api.app.state.context.engine = Gone()
    lost = await api.client().get("/health/ready")
    assert (lost.status_code, lost.json()["checks"]["database"]["ok"]) == (503, False)
    assert (await api.client().get("/health/live")).status_code == 200


class Gone:
    """An engine whose server is away."""

    def connect(self) -> None:
        raise ConnectionRefusedError
