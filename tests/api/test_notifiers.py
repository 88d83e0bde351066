"""Notifiers: made, changed, tested, removed; an address goes in and never comes out."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from app.domain.messages import Message
from app.storage import event_tables
from tests.api.conftest import Api

ADDRESS = "mailtos://anna:geheim@example.org?to=desk@example.org"
WISH = {"name": "newsroom", "address": ADDRESS}


class Courier:
    """Keeps what it should send; addresses with ``bad`` in them are none."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.answer: str | None = None

    async def check(self, address: str) -> str | None:
        return "bad_address" if "bad" in address else None

    async def send(self, address: str, message: Message) -> str | None:
        self.sent.append((address, message))
        return self.answer


@pytest.fixture
def courier(api: Api) -> Courier:
    made = Courier()
    api.app.state.context.messenger = made
    return made


async def make(client: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/notifiers", json=WISH | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.usefixtures("courier")
async def test_a_notifier_is_made_read_changed_and_removed(client: httpx2.AsyncClient) -> None:
    made = await make(client, language="fr", zone="Europe/Paris", digest="PT15M", tags=["press"])
    assert made["service"] == "mail"
    assert (made["digest"], made["digest_seconds"], made["types"]) == ("PT15M", 900, None)
    path = f"/v1/notifiers/{made['id']}"
    assert (await client.get(path)).json() == made
    changes = {"digest": "PT0S", "tags": None, "types": ["account.quiet"], "status": "disabled", "name": "desk"}
    changed = (await client.patch(path, json=changes)).json()
    assert changed == made | changes | {"digest_seconds": 0}
    assert (await client.patch(path, json={})).json() == changed
    moved = (await client.patch(path, json={"address": "json://h.example/in"})).json()
    assert (moved["service"], moved["status"]) == ("json", "enabled")
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get("/v1/notifiers")).json()["items"] == []


async def test_an_address_never_comes_out(api: Api, admin: httpx2.AsyncClient, courier: Courier) -> None:
    made = await make(admin)
    again = await admin.post("/v1/notifiers", json=WISH, headers={"Idempotency-Key": "k"})
    repeated = await admin.post("/v1/notifiers", json=WISH, headers={"Idempotency-Key": "k"})
    assert repeated.json() == again.json()
    await admin.post(f"/v1/notifiers/{made['id']}/test")
    seen = [again.text, (await admin.get(f"/v1/notifiers/{made['id']}")).text]
    for accept in ("application/json", "text/csv", "application/x-ndjson"):
        seen.append((await admin.get("/v1/notifiers", headers={"Accept": accept})).text)
    seen.append((await admin.get("/v1/audit")).text)
    assert not [text for text in seen if "geheim" in text or "example.org" in text]
    async with api.engine.connect() as conn:
        for table in event_tables.metadata.sorted_tables:
            rows = [tuple(row) for row in await conn.execute(select(table))]
            assert "geheim" not in str(rows), table.name
    actions = [each["action"] for each in (await admin.get("/v1/audit")).json()["items"]]
    assert actions == ["notifier.test", "notifier.add", "notifier.add"]
    assert courier.sent[0][0] == ADDRESS


async def test_a_test_says_what_came_of_it(client: httpx2.AsyncClient, courier: Courier) -> None:
    path = f"/v1/notifiers/{(await make(client, language='fr'))['id']}/test"
    assert (await client.post(path)).json() == {"delivered": True, "reason": None}
    assert courier.sent[0][1].body() == "Ceci est un essai pour « newsroom ». Il ne s’est rien passé."
    courier.answer = "unreachable"
    assert (await client.post(path)).json() == {"delivered": False, "reason": "unreachable"}


async def test_without_a_network_a_test_is_not_available(client: httpx2.AsyncClient) -> None:
    made = await make(client)
    assert (await client.post(f"/v1/notifiers/{made['id']}/test")).status_code == 503


@pytest.mark.usefixtures("courier")
@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"address": "file:///etc/geheim"}, "address"),
        ({"address": "dbus://geheim"}, "address"),
        ({"address": "https://example.org/geheim"}, "address"),
        ({"address": "mailto://bad:geheim@example.org"}, "address"),
        ({"address": "mailto://a:geheim\u202e@example.org"}, "address"),
        ({"address": "json://geheim" + "x" * 3000}, "address"),
        ({"address": ["geheim"]}, "address"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"digest": "P8D"}, "digest"),
        ({"digest": "-PT1M"}, "digest"),
        ({"digest": "soon"}, "digest"),
        ({"language": "de"}, "language"),
        ({"types": ["account.gone"]}, "types"),
        ({"types": ["endpoint.test"]}, "types"),
        ({"types": []}, "types"),
        ({"tags": ["a b"]}, "tags"),
        ({"name": "a\x00b"}, "name"),
        ({"status": "disabled"}, "status"),
    ],
)
async def test_bad_wishes_are_refused_by_name_and_change_nothing(
    client: httpx2.AsyncClient, wish: dict[str, Any], field: str
) -> None:
    answer = await client.post("/v1/notifiers", json=WISH | wish)
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert "geheim" not in answer.text
    made = await make(client)
    path = f"/v1/notifiers/{made['id']}"
    if field != "status":
        refused = await client.patch(path, json=wish)
        assert refused.status_code == 422, refused.text
        assert "geheim" not in refused.text
    assert (await client.get("/v1/notifiers")).json()["items"] == [made]
