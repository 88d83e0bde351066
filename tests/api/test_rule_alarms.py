"""False alarms of an adaptive rule over HTTP, and what was said of an account's last days."""

from __future__ import annotations

import httpx2
from sqlalchemy import text

from app.api import rhythm
from app.domain.calibration import Record, Tally
from app.storage import forecasts
from tests.api.conftest import NOW, Api
from tests.api.seeding import ago, watch

_EVENT = text("""
insert into events (public_id, type, account_id, rule_id, sequence, occurred_at, recorded_at, data)
select :name, :type, a.id, r.id, :sequence, :at, :at, cast(:data as json) from accounts a, rules r
where a.public_id = :account and r.public_id = :rule
""")


async def tell(api: Api, account: str, rule: str, sequence: int, ended: bool) -> None:
    name = f"q{account}{sequence}"
    quiet = '{"initial": false, "retrospective": false}'
    told = [(name, "account.quiet", sequence, quiet)]
    if ended:
        told.append((f"r{name}", "account.resumed", sequence + 1, f'{{"quiet_event": "{name}"}}'))
    async with api.engine.begin() as conn:
        for public_id, type_, number, data in told:
            values = {"name": public_id, "type": type_, "sequence": number, "data": data}
            await conn.execute(_EVENT, {**values, "account": account, "rule": rule, "at": ago(24)})


async def test_false_alarms_are_told_in_all_and_by_account(api: Api, client: httpx2.AsyncClient) -> None:
    known = [await watch(api.engine, name) for name in ("a", "b", "c")]
    body = {"kind": "adaptive", "false_alarms": 4, "least": "P1D", "greatest": "P9D"}
    rule = (await client.post("/v1/rules", json=body)).json()["id"]
    async with api.engine.begin() as conn:
        await conn.execute(text("update rule_states set baseline = :at"), {"at": ago(365.25 * 12)})
    for sequence in (1, 3, 5):
        await tell(api, known[0].public_id, rule, sequence, ended=True)
    await tell(api, known[1].public_id, rule, 1, ended=False)
    found = (await client.get(f"/v1/rules/{rule}/alarms")).json()
    assert found["totals"] == {
        "account_years": 1.5,
        "told": 4,
        "false_alarms": 3,
        "borne": 6.0,
        "accounts_above": 1,
        "accounts_below": 2,
        "drifts": False,
    }
    by_handle = {row["account"]["handle"]: (row["told"], row["false_alarms"], row["borne"]) for row in found["items"]}
    assert by_handle == {"a": (3, 3, 2.0), "b": (1, 0, 2.0), "c": (0, 0, 2.0)}
    first = await client.get(f"/v1/rules/{rule}/alarms?limit=2")
    link = first.headers["link"]
    second = await client.get(link[1 : link.index(">")])
    assert [row["account"]["handle"] for row in second.json()["items"]] == ["c"]
    assert second.json()["totals"] == found["totals"]
    table = (await client.get(f"/v1/rules/{rule}/alarms", headers={"Accept": "text/csv"})).text
    assert "account_handle,account_subject,years,told,false_alarms,borne" in table


async def test_a_fixed_rule_promises_nothing(client: httpx2.AsyncClient) -> None:
    rule = (await client.post("/v1/rules", json={"length": "P2D"})).json()["id"]
    refused = await client.get(f"/v1/rules/{rule}/alarms")
    assert (refused.status_code, refused.json()["field"]) == (422, "rule")
    assert (await client.get("/v1/rules/rul_none/alarms")).status_code == 404


async def test_a_rhythm_says_how_its_last_days_came_out(api: Api, client: httpx2.AsyncClient) -> None:
    account = await watch(api.engine, "a", posts=(10,), covered=((100, 0.1),))
    path = f"/v1/accounts/{account.public_id}/rhythm"
    assert (await client.get(path)).json()["checked"] is None
    async with api.engine.begin() as conn:
        await forecasts.say(conn, [(account.id, ago(24), 0.2)])
        record = Record((0.2,) * 10, (True,) * 9 + (False,))
        await forecasts.settle(conn, [(account.id, record)], [(NOW.date(), 3, Tally(1))])
    answer = await client.get(path)
    checked = answer.json()["checked"]
    rhythm.Checked.model_validate(checked)
    assert checked == {"days": 10, "silent": 9, "expected_silent": 2.0, "low": 0, "high": 5, "drifts": True}
    assert (await client.get(path, headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
