"""Endpoints over the API: made, shown without secrets, rotated, disabled, replayed (battery C9, D4, D7, D12, D13)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from pydantic import BaseModel
from sqlalchemy import text

from app.api import hook_shapes
from app.domain.events import EventType, NewEvent
from app.storage import events, lanes
from app.webhooks.signing import read_secret, write_secret
from app.worker.ledger import LEASE
from tests.api.conftest import NOW, Api, build
from tests.api.test_contract import assert_no_more

URL = "https://hooks.example/in?token=geheim"
MINUTE = timedelta(minutes=1)


async def made(client: httpx2.AsyncClient, **values: Any) -> dict[str, Any]:
    answer = await client.post("/v1/webhooks", json={"url": URL, **values})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def tell(api: Api, number: int = 1) -> list[str]:
    news = [NewEvent(EventType.DEGRADED, NOW, {"n": n}) for n in range(number)]
    async with api.engine.begin() as conn:
        return [each.public_id for each in await events.record(conn, news, api.clock.now)]


async def rows(api: Api, sql: str) -> Sequence[Any]:
    async with api.engine.begin() as conn:
        return (await conn.execute(text(sql))).all()


async def finish(api: Api, fate: str, answer: bytes | None = None) -> int:
    """Play the worker: everything that is due ends like this."""
    async with api.engine.begin() as conn:
        leased = await lanes.claim(conn, api.clock.now, 10, LEASE)
        work = await lanes.load(conn, {lane.place: 20_000 for lane in leased}, api.clock.now)
        group = []
        for lane in leased:
            due = work[lane.place].due
            at = api.clock.now
            done = [lanes.Result(each.id, each.number, at, at, fate, status=200, answer=answer) for each in due]
            group.append(lanes.Settling(lane, done, 0))
        await lanes.settle(conn, group, api.clock.now, LEASE, NOW - timedelta(days=5))
    return sum(len(each.results) for each in group)


async def test_a_secret_is_shown_once_and_kept_encrypted(api: Api, client: httpx2.AsyncClient) -> None:
    one = await made(client)
    other = await made(client, secret=write_secret(b"s" * 24))
    assert len(read_secret(one["secret"])) == 32
    assert read_secret(other["secret"]) == b"s" * 24
    rotated = await client.post(f"/v1/webhooks/{one['id']}/rotate")
    assert rotated.json()["secret"] not in {one["secret"], other["secret"]}
    for path in ("", f"/{one['id']}", f"/{one['id']}/deliveries"):
        assert "whsec_" not in (await client.get(f"/v1/webhooks{path}")).text
    tables = [row[0] for row in await rows(api, "select tablename from pg_tables where schemaname = 'public'")]
    assert "webhook_secrets" in tables
    for table in tables:
        dump = str(await rows(api, f"select t::text, t::text::bytea from {table} t"))  # noqa: S608
        assert "whsec_" not in dump
        assert "7768736563" not in dump  # the same in hexadecimal


async def test_a_create_may_be_repeated(api: Api, client: httpx2.AsyncClient) -> None:
    wish = {"json": {"url": URL}, "headers": {"Idempotency-Key": "a"}}
    first, second = await client.post("/v1/webhooks", **wish), await client.post("/v1/webhooks", **wish)
    assert first.json()["secret"].startswith("whsec_")
    assert second.json() == {**first.json(), "secret": None}
    assert len((await client.get("/v1/webhooks")).json()["items"]) == 1


FORBIDDEN = [
    "http://127.0.0.1/",
    "http://10.1.2.3/hook",
    "https://[::1]/",
    "https://[fe80::1]/",
    "http://169.254.169.254/latest/meta-data",
    "http://localhost/",
    "http://a.localhost/",
    "http://2130706433/",
    "http://127.1/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.01/",
    "http://hooks.example:22/",
    "http://hooks.example:6379/",
    "https://quiet.example/",
]
BAD = [
    "ftp://hooks.example/",
    "hooks.example/in",
    "https://",
    "https://user:pass@hooks.example/",
    "https://token@hooks.example/",
    "https://hooks.example/in#part",
    "https://hooks.example/" + "a" * 2_048,
    "https://hooks example/",
    "https://hooks.example\\@10.0.0.1/",
]


@pytest.mark.parametrize("url", [*FORBIDDEN, *BAD])
async def test_an_address_that_cannot_be_an_endpoint_is_refused(api: Api, tmp_path: Path, url: str) -> None:
    strict = await build(api.engine, tmp_path, public_url="https://quiet.example")
    async with strict.client(strict.write) as client:
        answer = await client.post("/v1/webhooks", json={"url": url})
        one = await made(client)
        changed = await client.patch(f"/v1/webhooks/{one['id']}", json={"url": url})
    assert (answer.status_code, answer.json()["field"]) == (422, "url")
    assert changed.json() == answer.json()
    if url in FORBIDDEN:  # the same words for all: nobody learns what is forbidden for which reason
        assert answer.json()["detail"] == "This address cannot be an endpoint."
    assert await rows(api, "select 1 from webhooks where url <> 'https://hooks.example/in?token=geheim'") == []


async def test_the_operator_may_allow_networks(api: Api, tmp_path: Path) -> None:
    open_ = await build(api.engine, tmp_path, allow_networks=["127.0.0.0/8"])
    async with open_.client(open_.write) as client:
        for url in ("http://127.0.0.1:8090/", "http://localhost:8090/", "https://hooks.example:8443/"):
            assert (await client.post("/v1/webhooks", json={"url": url})).status_code == 201
        assert (await client.post("/v1/webhooks", json={"url": "http://10.0.0.1/"})).status_code == 422


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"types": []}, "types"),
        ({"types": ["account.sad"]}, "types.0"),
        ({"tags": []}, "tags"),
        ({"tags": ["a b"]}, "tags.0"),
        ({"per_second": 0}, "per_second"),
        ({"per_second": 10**9}, "per_second"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"secret": "geheim"}, "secret"),
        ({"description": "a\u202eb"}, "description"),
        ({"extra": 1}, "extra"),
    ],
)
async def test_bad_values_are_refused_by_name(
    api: Api, client: httpx2.AsyncClient, values: dict[str, Any], field: str
) -> None:
    answer = await client.post("/v1/webhooks", json={"url": URL, **values})
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert "c2hvcnQ=" not in answer.text
    assert await rows(api, "select 1 from webhooks") == []


async def test_answers_are_what_the_document_says(api: Api, client: httpx2.AsyncClient) -> None:
    one = await made(client, types=["endpoint.test"], tags=["t"])
    path = f"/v1/webhooks/{one['id']}"
    sent = (await client.post(f"{path}/test")).json()
    await finish(api, "failed", b"words")
    described: list[tuple[Any, type[BaseModel]]] = [
        (one, hook_shapes.MadeWebhook),
        ((await client.get(path)).json(), hook_shapes.Webhook),
        ((await client.get("/v1/webhooks")).json(), hook_shapes.Webhooks),
        ((await client.get(f"{path}/deliveries")).json(), hook_shapes.Deliveries),
        ((await client.get(sent["delivery"])).json(), hook_shapes.DeliveryAttempts),
        (sent, hook_shapes.TestSent),
        ((await client.post(f"{path}/replay", json={"event": sent["event"]})).json(), hook_shapes.Replayed),
        ((await client.post(f"{path}/disable")).json(), hook_shapes.Webhook),
        ((await client.post(f"{path}/enable")).json(), hook_shapes.EnabledWebhook),
    ]
    for answer, model in described:
        assert_no_more(answer, model.model_validate(answer, strict=False).model_dump(mode="json"))


async def test_no_text_makes_it_fail(client: httpx2.AsyncClient) -> None:
    one = await made(client)
    for text_ in ("\x00", "\u202e", "=1+1", "a" * 5_000, "'; drop table webhooks", "%00", "\ud800", "../..", "٣"):
        for method, path, body in (
            ("POST", "", {"url": text_}),
            ("POST", "", {"url": URL, "description": text_, "tags": [text_], "secret": text_}),
            ("PATCH", f"/{one['id']}", {"description": text_, "url": f"https://{text_}/"}),
            ("POST", f"/{one['id']}/replay", {"event": text_}),
            ("POST", f"/{one['id']}/replay", {"since": text_}),
            ("POST", f"/{one['id']}/rotate", {"secret": text_}),
        ):
            content = json.dumps(body).encode()
            headers = {"Content-Type": "application/json"}
            answer = await client.request(method, f"/v1/webhooks{path}", content=content, headers=headers)
            assert answer.status_code < 500, (path, text_)
        quoted = quote(text_.encode("utf-8", "replace")[:200], safe="").replace(".", "%2E")
        for path in (f"/{quoted}", f"/{one['id']}/deliveries/{quoted}"):
            assert (await client.get(f"/v1/webhooks{path}")).status_code in {404, 422}


async def test_who_may_only_read_sees_no_address(api: Api, client: httpx2.AsyncClient) -> None:
    one = await made(client)
    assert one["url"] == URL
    async with api.client(api.read) as reader:
        listed = await reader.get("/v1/webhooks")
        assert "geheim" not in listed.text
        assert (listed.json()["items"][0]["url"], listed.json()["items"][0]["host"]) == (None, "hooks.example")
        assert (await reader.post(f"/v1/webhooks/{one['id']}/test")).status_code == 403


async def test_only_administrators_see_what_an_endpoint_answered(
    api: Api, client: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    one = await made(client)
    sent = (await client.post(f"/v1/webhooks/{one['id']}/test")).json()
    assert await finish(api, "delivered", b"secret \x00\xff words") == 1
    async with api.client(api.read) as reader:
        for asker, answer in ((reader, None), (client, None), (admin, "secret \ufffd\ufffd words")):
            found = (await asker.get(sent["delivery"])).json()
            assert [tried["answer"] for tried in found["tried"]] == [answer]
    assert (found["event"], found["type"], found["status"]) == (sent["event"], "endpoint.test", "delivered")


async def test_a_test_goes_to_its_endpoint_only_and_needs_an_enabled_one(client: httpx2.AsyncClient) -> None:
    one, other = await made(client), await made(client)
    wish = {"headers": {"Idempotency-Key": "t"}}
    first = await client.post(f"/v1/webhooks/{one['id']}/test", **wish)
    assert first.status_code == 202
    assert (await client.post(f"/v1/webhooks/{one['id']}/test", **wish)).json() == first.json()
    found = [(await client.get(f"/v1/webhooks/{each['id']}/deliveries")).json()["items"] for each in (one, other)]
    assert [len(items) for items in found] == [1, 0]
    await client.post(f"/v1/webhooks/{one['id']}/disable")
    assert (await client.post(f"/v1/webhooks/{one['id']}/test")).status_code == 409


async def test_rotation_keeps_ten_old_secrets_at_most(api: Api, client: httpx2.AsyncClient) -> None:
    one = await made(client)
    for number in range(10):
        answer = await client.post(f"/v1/webhooks/{one['id']}/rotate", json={})
        assert (answer.status_code, answer.json()["secrets"]) == (200, number + 2)
    refused = await client.post(f"/v1/webhooks/{one['id']}/rotate", json={})
    assert refused.status_code == 409
    short = await client.post(f"/v1/webhooks/{one['id']}/rotate", json={"secret": "whsec_c2hvcnQ="})
    assert (short.status_code, short.json()["field"]) == (422, "secret")
    api.clock.now = NOW + timedelta(hours=24)
    answer = await client.post(f"/v1/webhooks/{one['id']}/rotate", json={}, headers={"Idempotency-Key": "r"})
    assert answer.json()["secrets"] == 2
    again = await client.post(f"/v1/webhooks/{one['id']}/rotate", json={}, headers={"Idempotency-Key": "r"})
    assert again.json() == {**answer.json(), "secret": None}
    assert (await rows(api, "select count(*) from webhook_secrets"))[0][0] == 2


async def test_nothing_is_lost_while_an_endpoint_is_disabled(api: Api, client: httpx2.AsyncClient) -> None:
    one = await made(client)
    path = f"/v1/webhooks/{one['id']}"
    before = await tell(api, 100)
    disabled = (await client.post(f"{path}/disable")).json()
    assert (disabled["status"], disabled["reason"]) == ("disabled", "requested")
    assert disabled["undelivered"] == {"pending": 0, "held": 100, "failed": 0}
    during = await tell(api, 100)
    assert await finish(api, "delivered") == 0
    assert (await client.post(f"{path}/disable")).json()["disabled_at"] == disabled["disabled_at"]
    enabled = (await client.post(f"{path}/enable")).json()
    assert (enabled["released"], enabled["undelivered"]["pending"], enabled["reason"]) == (200, 200, None)
    assert (await client.post(f"{path}/enable")).json()["released"] == 0
    assert await finish(api, "delivered") == 200
    told = await rows(api, "select count(*) from events where type = 'endpoint.disabled'")
    assert told[0][0] == 1
    delivered = [item["event"] for item in (await client.get(f"{path}/deliveries?limit=1000")).json()["items"]]
    assert sorted(delivered) == sorted(before + during)


async def test_a_replay_is_idempotent_and_loses_nothing(api: Api, client: httpx2.AsyncClient) -> None:
    """10,000 that failed, and 5 of before the endpoint existed."""
    early = await tell(api, 5)
    api.clock.now = NOW + MINUTE
    one = await made(client)
    ids = await tell(api, 10_000)
    assert await finish(api, "failed") == 10_000
    path = f"/v1/webhooks/{one['id']}"

    async def replay(**wish: Any) -> int:
        answer = await client.post(f"{path}/replay", json=wish)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["replayed"])

    assert await replay(event=ids[0]) == 1
    assert await replay(event=ids[0]) == 0
    assert await replay(after=ids[1]) == 9_999
    assert await replay(after=ids[1]) == 0
    since = (NOW + MINUTE).isoformat()
    assert await replay(since=since, until=(NOW + 2 * MINUTE).isoformat()) == 0
    assert await finish(api, "delivered") == 10_000
    assert await replay(since=NOW.isoformat()) == len(early)
    assert await replay(since=since, until=(NOW + 2 * MINUTE).isoformat(), delivered=True) == 10_000
    assert await finish(api, "delivered") == 10_005
    assert await replay(event=ids[0]) == 1  # one by one, whatever became of it
    found = await rows(api, "select action, count(*) from audit group by 1 order by 1")
    assert [tuple(row) for row in found] == [("webhook.add", 1), ("webhook.replay", 8)]
    (counted,) = await rows(api, "select count(distinct event_id), count(*) from deliveries")
    assert tuple(counted) == (10_005, 10_005)


@pytest.mark.parametrize(
    ("wish", "status", "field"),
    [
        ({}, 422, "body"),
        ({"event": "evt_none"}, 404, "event"),
        ({"after": "evt_none"}, 404, "after"),
        ({"event": "evt_1", "after": "evt_1"}, 422, "body"),
        ({"event": "evt_1", "until": "2026-11-22T12:00:00Z"}, 422, "body"),
        ({"since": "2026-11-22T12:00:00Z", "until": "2026-11-22T12:00:00Z"}, 422, "until"),
        ({"since": "2030-01-01T00:00:00Z"}, 422, "until"),
        ({"since": "yesterday"}, 422, "since"),
    ],
)
async def test_a_replay_of_nothing_known_is_refused(
    api: Api, client: httpx2.AsyncClient, wish: dict[str, Any], status: int, field: str
) -> None:
    one = await made(client)
    answer = await client.post(f"/v1/webhooks/{one['id']}/replay", json=wish)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert (await rows(api, "select count(*) from audit where action = 'webhook.replay'"))[0][0] == 0


async def test_an_endpoint_is_changed_listed_and_deleted(api: Api, client: httpx2.AsyncClient) -> None:
    one = await made(client, types=["account.quiet"], tags=["t"], per_second=5)
    other = await made(client)
    path = f"/v1/webhooks/{one['id']}"
    await tell(api)
    changed = (await client.patch(path, json={"types": None, "description": "of the newsroom"})).json()
    assert (changed["types"], changed["tags"], changed["description"]) == (None, ["t"], "of the newsroom")
    page = await client.get("/v1/webhooks?limit=1")
    assert [item["id"] for item in page.json()["items"]] == [one["id"]]
    rest = await client.get(page.links["next"]["url"])
    assert [item["id"] for item in rest.json()["items"]] == [other["id"]]
    assert rest.json()["items"][0]["undelivered"] == {"pending": 1, "held": 0, "failed": 0}
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    actions = [row[0] for row in await rows(api, "select action from audit order by id")]
    assert actions == ["webhook.add", "webhook.add", "webhook.patch", "webhook.delete"]
    csv = (await client.get("/v1/webhooks", headers={"Accept": "text/csv"})).text
    assert re.match(r"id,url,host,", csv)
