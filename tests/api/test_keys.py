"""Keys: made, shown once, listed, revoked."""

from __future__ import annotations

import httpx2

from tests.api.conftest import Api


async def test_a_key_works_until_it_is_revoked(api: Api, admin: httpx2.AsyncClient) -> None:
    made = await admin.post("/v1/keys", json={"name": "newsroom", "scopes": ["read"]})
    assert made.status_code == 201, made.text
    secret = made.json()["key"]
    async with api.client(secret) as reader:
        assert (await reader.get("/v1/accounts")).status_code == 200
        assert (await admin.delete(f"/v1/keys/{made.json()['prefix']}")).status_code == 200
        refused = await reader.get("/v1/accounts")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    listed = (await admin.get("/v1/keys")).json()["items"]
    assert secret not in str(listed)
    assert [key["name"] for key in listed] == ["read", "write", "admin", "newsroom"]
    assert listed[-1]["revoked_at"] == "2026-11-22T12:00:00Z"


async def test_a_key_cannot_be_made_twice_by_idempotency(admin: httpx2.AsyncClient) -> None:
    answer = await admin.post("/v1/keys", json={"name": "x"}, headers={"Idempotency-Key": "a"})
    assert answer.status_code == 422
    assert answer.json()["field"] == "Idempotency-Key"
