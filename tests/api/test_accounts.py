"""Accounts over HTTP: added by what people paste, found by every name they have, changed, erased."""

from __future__ import annotations

import httpx2
import pytest

from tests.api.conftest import Api

ALICE = "https://bsky.app/profile/alice.bsky.example"


async def test_an_account_is_added_by_url_and_found_by_every_name(client: httpx2.AsyncClient) -> None:
    made = await client.post(
        "/v1/accounts", json={"url": ALICE, "subject": "Alice", "zone": "Europe/Paris", "tags": ["press"]}
    )
    assert made.status_code == 201, made.text
    account = made.json()
    assert account["subject"] == "Alice"
    assert account["zone"] == "Europe/Paris"
    for name in (account["id"], "bluesky:alice.bsky.example", "alice.bsky.example", "bluesky:did:plc:alice", ALICE):
        found = await client.get(f"/v1/accounts/{name.replace('/', '%2F')}")
        assert found.json() == account, name
    again = await client.post("/v1/accounts", json={"handle": "alice.bsky.example"})
    assert (again.status_code, again.json()) == (200, account)


@pytest.mark.parametrize(
    "path",
    ["feed:https://feeds.example/a/posts.xml", "feed:https%3A%2F%2Ffeeds.example%2Fa%2Fposts.xml"],
)
async def test_a_feed_stands_in_the_path_with_bare_or_encoded_slashes(client: httpx2.AsyncClient, path: str) -> None:
    await client.post("/v1/accounts", json={"url": "https://feeds.example/a/posts.xml"})
    found = await client.get(f"/v1/accounts/{path}")
    assert found.json()["native_id"] == "https://feeds.example/a/posts.xml"
    assert (await client.get(f"/v1/accounts/{path}/polls")).status_code == 200


async def test_what_names_nothing_says_what_was_tried(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/accounts", json={"handle": "nobody at all"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:quietwatch:problem:unresolvable"
    assert answer.json()["tried"] == ["looked for a feed", "asked the PLC directory"]


async def test_url_and_handle_are_alternatives(client: httpx2.AsyncClient) -> None:
    for body in ({}, {"url": ALICE, "handle": "alice.bsky.example"}):
        answer = await client.post("/v1/accounts", json=body)
        assert answer.status_code == 422
        assert "exactly one" in answer.json()["detail"]


async def test_lists_are_filtered_and_walk_without_doubles_while_accounts_are_added(client: httpx2.AsyncClient) -> None:
    for number in range(7):
        body = {"handle": f"u{number}.bsky.example", "tags": ["odd"] if number % 2 else []}
        await client.post("/v1/accounts", json=body)
    seen, url = [], "/v1/accounts?limit=2"
    while url:
        answer = await client.get(url)
        seen += [item["handle"] for item in answer.json()["items"]]
        if len(seen) == 2:
            await client.post("/v1/accounts", json={"handle": "late.bsky.example"})
        link = answer.headers.get("link")
        url = link[1 : link.index(">")] if link else ""
    assert seen == [f"u{number}.bsky.example" for number in range(7)] + ["late.bsky.example"]
    odd = (await client.get("/v1/accounts?tag=odd")).json()["items"]
    assert [item["handle"] for item in odd] == [f"u{n}.bsky.example" for n in (1, 3, 5)]
    assert len((await client.get("/v1/accounts", params={"q": "LATE"})).json()["items"]) == 1


async def test_a_change_leaves_the_rest(client: httpx2.AsyncClient) -> None:
    made = (await client.post("/v1/accounts", json={"url": ALICE, "tags": ["press"], "role": "brand"})).json()
    path = f"/v1/accounts/{made['id']}"
    changed = (await client.patch(path, json={"status": "paused", "subject": "Alice"})).json()
    assert (changed["status"], changed["role"], changed["tags"], changed["subject"]) == (
        "paused",
        "brand",
        ["press"],
        "Alice",
    )
    assert (await client.patch(path, json={"subject": None})).json()["subject"] is None
    assert (await client.patch(path, json={"status": "stopped"})).status_code == 422
    assert (await client.patch(path, json={"handle": "x"})).status_code == 422


async def test_an_erased_account_is_gone_and_stays_away(client: httpx2.AsyncClient) -> None:
    made = (await client.post("/v1/accounts", json={"url": ALICE})).json()
    assert (await client.delete(f"/v1/accounts/{made['id']}")).status_code == 204
    assert (await client.get(f"/v1/accounts/{made['id']}")).status_code == 404
    again = await client.post("/v1/accounts", json={"url": ALICE})
    assert (again.status_code, again.json()["type"]) == (409, "urn:quietwatch:problem:erased")


async def test_a_repeated_create_is_answered_again(client: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "one"}
    first = await client.post("/v1/accounts", json={"url": ALICE}, headers=key)
    second = await client.post("/v1/accounts", json={"url": ALICE}, headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    other = await client.post("/v1/accounts", json={"handle": "bob.bsky.example"}, headers=key)
    assert other.json()["type"] == "urn:quietwatch:problem:idempotency-mismatch"


async def test_reads_have_entity_tags(client: httpx2.AsyncClient) -> None:
    made = (await client.post("/v1/accounts", json={"url": ALICE})).json()
    for path in (f"/v1/accounts/{made['id']}", "/v1/accounts"):
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_subjects_and_tags(client: httpx2.AsyncClient) -> None:
    made = await client.post("/v1/subjects", json={"name": "Le Monde", "zone": "Europe/Paris"})
    assert made.status_code == 201
    assert (await client.post("/v1/subjects", json={"name": "Le Monde"})).status_code == 409
    assert (await client.post("/v1/subjects", json={"name": "B", "zone": "../etc"})).json()["field"] == "zone"
    await client.post("/v1/accounts", json={"url": ALICE, "subject": "Le Monde", "tags": ["a", "b"]})
    path = f"/v1/subjects/{made.json()['id']}"
    assert (await client.get(path)).json()["accounts"] == 1
    assert (await client.patch(path, json={"zone": "UTC"})).json()["zone"] == "UTC"
    assert (await client.get("/v1/tags")).json()["items"] == [{"tag": "a", "accounts": 1}, {"tag": "b", "accounts": 1}]
    assert (await client.delete("/v1/tags/a")).json() == {"tag": "a", "accounts": 1}
    assert (await client.delete("/v1/tags/a")).status_code == 404
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("/v1/accounts")).json()["items"][0]["subject"] is None


async def test_every_change_leaves_an_audit_entry(
    api: Api, client: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    made = (await client.post("/v1/accounts", json={"url": ALICE})).json()
    await client.patch(f"/v1/accounts/{made['id']}", json={"tags": ["x"]})
    await client.delete(f"/v1/accounts/{made['id']}")
    entries = (await admin.get("/v1/audit")).json()["items"]
    assert [entry["action"] for entry in entries] == ["account.erase", "account.patch", "account.add"]
    assert {entry["object"] for entry in entries} == {made["id"]}
    assert {entry["actor"] for entry in entries} == {api.write.split("_")[1]}
