"""Rules over HTTP: made, read, changed, and what each makes of the accounts it judges."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.api.conftest import NOW, Api
from tests.api.seeding import watch

NIGHT = {"from": "22:00", "to": "07:00", "zone": "Europe/Paris"}


async def make(client: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/rules", json={"length": "P2D", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def judged(client: httpx2.AsyncClient, rule: dict[str, Any], query: str = "") -> list[str]:
    answer = await client.get(f"/v1/rules/{rule['id']}/states{query}")
    assert answer.status_code == 200, answer.text
    return [item["account"]["handle"] for item in answer.json()["items"]]


async def test_a_rule_is_made_read_changed_and_deleted_on_record(api: Api, client: httpx2.AsyncClient) -> None:
    account = await watch(api.engine, "a")
    rule = await make(
        client,
        name="Freeze",
        account="https://bsky.app/profile/a",
        kinds=["original"],
        late="P1D",
        repeat_every="P1D",
        repeat_most=3,
        quiet_hours=[NIGHT],
        pauses=[{"from": "2026-12-24T00:00:00+01:00", "to": "2026-12-27T00:00:00Z"}],
    )
    assert {name: rule[name] for name in ("account", "subject", "tag", "status", "version")} == {
        "account": account.public_id,
        "subject": None,
        "tag": None,
        "status": "active",
        "version": 1,
    }
    assert (rule["length"], rule["length_seconds"], rule["late"], rule["kinds"]) == ("P2D", 172800, "P1D", ["original"])
    assert rule["quiet_hours"][0]["zone"] == "Europe/Paris"
    assert rule["pauses"] == [{"from": "2026-12-23T23:00:00Z", "to": "2026-12-27T00:00:00Z"}]
    path = f"/v1/rules/{rule['id']}"
    assert (await client.get(path)).json() == rule
    api.clock.now += timedelta(minutes=1)
    changed = (await client.patch(path, json={"length": "PT36H", "late": None, "pauses": []})).json()
    assert (changed["length_seconds"], changed["late"], changed["pauses"]) == (129600, None, [])
    assert (changed["version"], changed["repeat_most"]) == (2, 3)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    async with api.client(api.admin) as admin:
        audit = (await admin.get("/v1/audit")).json()["items"]
    assert [entry["action"] for entry in audit] == ["rule.delete", "rule.patch", "rule.add"]
    assert {entry["object"] for entry in audit} == {rule["id"]}


async def test_repeating_a_create_makes_one_rule(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, second = [await client.post("/v1/rules", json={"length": "P2D"}, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    listed = (await client.get("/v1/rules")).json()["items"]
    assert [rule["id"] for rule in listed] == [first.json()["id"]]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"length": "PT0S"}, 422, "length"),
        ({"length": "PT14M"}, 422, "length"),
        ({"length": "P36500D"}, 422, "length"),
        ({"length": "P100Y"}, 422, "length"),
        ({"length": "soon"}, 422, "length"),
        ({"length": None}, 422, "length"),
        ({}, 422, "length"),
        ({"length": "P2D", "late": "P2D"}, 422, "late"),
        ({"length": "P2D", "kinds": []}, 422, "kinds"),
        ({"length": "P2D", "kinds": ["poem"]}, 422, "kinds.0"),
        ({"length": "P2D", "least": "P1D"}, 422, "least"),
        ({"length": "P2D", "repeat_every": "P1D"}, 422, "repeat_every"),
        ({"length": "P2D", "quiet_hours": [NIGHT | {"zone": "Mars/Olympus"}]}, 422, "quiet_hours.zone"),
        ({"length": "P2D", "quiet_hours": [NIGHT | {"to": "25:00"}]}, 422, "quiet_hours"),
        ({"length": "P2D", "quiet_hours": [NIGHT | {"days": ["noday"]}]}, 422, "quiet_hours.0.days.0"),
        ({"length": "P2D", "pauses": [{"from": "2026-12-02T00:00:00Z", "to": "2026-12-01T00:00:00Z"}]}, 422, "pauses"),
        ({"length": "P2D", "pauses": [{"from": "2026-12-02", "to": "2026-12-03"}]}, 422, "pauses.0.from"),
        ({"kind": "adaptive", "false_alarms": 1, "least": "P9D", "greatest": "P2D"}, 422, "least"),
        ({"kind": "adaptive", "false_alarms": 0, "least": "P1D", "greatest": "P2D"}, 422, "false_alarms"),
        ({"kind": "moody", "length": "P2D"}, 422, "kind"),
        ({"length": "P2D", "account": "a", "tag": "x"}, 422, "account"),
        ({"length": "P2D", "account": "nobody"}, 404, "account"),
        ({"length": "P2D", "subject": "Nobody"}, 404, "subject"),
        ({"length": "P2D", "tag": "two words"}, 422, "tag"),
        ({"length": "P2D", "name": "a\u202eb"}, 422, "name"),
        ({"length": "P2D", "colour": "red"}, 422, "colour"),
    ],
    ids=str,
)
async def test_a_rule_that_cannot_be_meant_is_refused_with_its_field(
    client: httpx2.AsyncClient, body: dict[str, Any], status: int, field: str
) -> None:
    answer = await client.post("/v1/rules", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert (await client.get("/v1/rules")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"length": "PT1M"}, "length"), ({"account": "a"}, "account"), ({"kind": "adaptive"}, "false_alarms")],
)
async def test_a_change_that_cannot_be_meant_changes_nothing(
    client: httpx2.AsyncClient, body: dict[str, Any], field: str
) -> None:
    rule = await make(client)
    answer = await client.patch(f"/v1/rules/{rule['id']}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert (await client.get(f"/v1/rules/{rule['id']}")).json() == rule


async def test_whatever_changes_a_rule_judges_its_scope(api: Api, client: httpx2.AsyncClient) -> None:
    await watch(api.engine, "a.bsky.example", subject="S")
    of_tag, of_subject, of_all = await make(client, tag="x"), await make(client, subject="S"), await make(client)
    assert [await judged(client, rule) for rule in (of_tag, of_subject, of_all)] == [
        [],
        ["a.bsky.example"],
        ["a.bsky.example"],
    ]
    rows = "url,subject,tags\nb.bsky.example,S,x\nc.bsky.example,,\n"
    await client.post("/v1/accounts/import", content=rows, headers={"Content-Type": "text/csv"})
    assert await judged(client, of_tag) == ["b.bsky.example"]
    assert await judged(client, of_subject) == ["a.bsky.example", "b.bsky.example"]
    assert len(await judged(client, of_all)) == 3
    await client.patch("/v1/accounts/bluesky:a.bsky.example", json={"tags": ["x"], "subject": None})
    assert await judged(client, of_tag) == ["a.bsky.example", "b.bsky.example"]
    assert await judged(client, of_subject) == ["b.bsky.example"]
    await client.delete("/v1/tags/x")
    assert await judged(client, of_tag) == []
    await client.patch(f"/v1/rules/{of_all['id']}", json={"status": "paused"})
    assert await judged(client, of_all) == []
    await client.patch(f"/v1/rules/{of_all['id']}", json={"status": "active"})
    assert len(await judged(client, of_all)) == 3
    await client.delete("/v1/subjects/S")
    assert (await client.get(f"/v1/rules/{of_subject['id']}")).status_code == 404
    assert [rule["id"] for rule in (await client.get("/v1/rules?tag=x")).json()["items"]] == [of_tag["id"]]


async def test_states_are_listed_by_state_and_what_is_held_is_found(api: Api, client: httpx2.AsyncClient) -> None:
    for name in "abc":
        await watch(api.engine, name)
    rule = await make(client)
    held = "update rule_states set state = 'quiet', held_since = :now where account_id = 2"
    async with api.engine.begin() as conn:
        await conn.execute(text(held), {"now": NOW})
    page = (await client.get(f"/v1/rules/{rule['id']}/states?held=true")).json()
    assert page["totals"] == {"active": 0, "quiet": 1, "unknown": 2}
    assert [(item["account"]["handle"], item["held_since"]) for item in page["items"]] == [
        ("b", "2026-11-22T12:00:00Z")
    ]
    assert await judged(client, rule, "?state=unknown") == ["a", "c"]
    first = await client.get(f"/v1/rules/{rule['id']}/states?limit=2")
    rest = await client.get(first.links["next"]["url"])
    assert [item["account"]["handle"] for item in rest.json()["items"]] == ["c"]


async def test_the_silence_of_an_account_says_what_its_rules_make_of_it(api: Api, client: httpx2.AsyncClient) -> None:
    account = await watch(api.engine, "a", posts=(50,), covered=((400, 0.1),))
    path = f"/v1/accounts/{account.public_id}/silence"
    before = await client.get(path)
    assert (before.json()["rule"], before.json()["rules"]) == (None, [])
    first, second = await make(client), await make(client, account="bluesky:a", length="P9D", name="long")
    judge = "update rule_states set deadline = :at, state = :state, since = :at where rule_id = :rule"
    async with api.engine.begin() as conn:
        for number, state, hours in ((1, "quiet", -2), (2, "active", 99)):
            values = {"at": NOW + timedelta(hours=hours), "state": state, "rule": number}
            await conn.execute(text(judge), values)
    after = await client.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200, "another state is another answer"
    shown = after.json()
    assert [each["id"] for each in shown["rules"]] == [first["id"], second["id"]]
    assert shown["rule"] == shown["rules"][0]
    assert shown["rule"] == {
        "id": first["id"],
        "name": "",
        "kind": "fixed",
        "state": "quiet",
        "since": "2026-11-22T10:00:00Z",
        "quiet_since": "2026-11-22T10:00:00Z",
        "deadline": "2026-11-22T10:00:00Z",
        "held_since": None,
    }
    assert (shown["rules"][1]["quiet_since"], shown["rules"][1]["name"]) == (None, "long")
    of_kind = (await client.get(f"{path}?kinds=original")).json()
    assert of_kind["rules"] == shown["rules"]
    earlier = (await client.get(f"{path}?as_of=2026-11-21T00:00:00Z")).json()
    assert (earlier["rule"], earlier["rules"]) == (None, [])
