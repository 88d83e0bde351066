"""The log of events over HTTP, and the feed that feed readers read."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import feedparser
import httpx2
import pytest
from sqlalchemy import insert

from app.domain.events import EventType
from app.storage.event_tables import rules
from tests.api.conftest import NOW, Api
from tests.api.seeding import ago, watch
from tests.api.telling import tell


async def a_rule(api: Api) -> tuple[int, str]:
    values = {"public_id": "rul_1", "kind": "fixed", "length": timedelta(days=1), "kinds": 15}
    async with api.engine.begin() as conn:
        made = await conn.execute(insert(rules).values(created_at=NOW, updated_at=NOW, **values).returning(rules.c.id))
        return made.scalar_one(), "rul_1"


async def ids(client: httpx2.AsyncClient, query: str = "") -> list[int]:
    answer = await client.get(f"/v1/events{query}")
    assert answer.status_code == 200, answer.text
    return [int(item["position"]) for item in answer.json()["items"]]


async def test_the_log_is_read_by_type_account_rule_tag_and_time(api: Api, client: httpx2.AsyncClient) -> None:
    one, other = await watch(api.engine, "a", tags=["freeze"]), await watch(api.engine, "b")
    rule_id, rule = await a_rule(api)
    await tell(api.engine, one, at=ago(3), rule_id=rule_id)
    await tell(api.engine, one, EventType.RESUMED, at=ago(2), rule_id=rule_id)
    await tell(api.engine, other, at=ago(1))
    await tell(api.engine, None, EventType.DEGRADED)
    assert await ids(client) == [4, 3, 2, 1]
    assert await ids(client, "?order=oldest") == [1, 2, 3, 4]
    assert await ids(client, "?type=account.quiet&type=source.degraded") == [4, 3, 1]
    assert await ids(client, f"?account=bluesky:{other.handle}") == [3]
    assert await ids(client, f"?rule={rule}&order=oldest") == [1, 2]
    assert await ids(client, "?tag=freeze") == [2, 1]
    assert await ids(client, f"?since={ago(2):%Y-%m-%dT%H:%M:%SZ}&until={ago(1):%Y-%m-%dT%H:%M:%SZ}") == [2]


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_pages_hold_every_event_once_while_more_are_recorded(
    api: Api, client: httpx2.AsyncClient, order: str
) -> None:
    account = await watch(api.engine, "a")
    await tell(api.engine, account, times=5)
    seen: list[int] = []
    target: str | None = f"/v1/events?order={order}&limit=2"
    while target:
        answer = await client.get(target)
        seen += [int(item["position"]) for item in answer.json()["items"]]
        await tell(api.engine, account) if len(seen) == 2 else None
        target = answer.links["next"]["url"] if "next" in answer.links else None
    assert seen == ([5, 4, 3, 2, 1] if order == "newest" else [1, 2, 3, 4, 5, 6])


async def test_one_event_is_read_by_its_id_and_as_csv(api: Api, client: httpx2.AsyncClient) -> None:
    account = await watch(api.engine, "a")
    (made,) = await tell(api.engine, account, at=ago(1))
    item = (await client.get(f"/v1/events/{made.public_id}")).json()
    assert {name: item[name] for name in ("id", "position", "type", "timestamp", "sequence")} == {
        "id": made.public_id,
        "position": "1",
        "type": "account.quiet",
        "timestamp": "2026-11-22T11:00:00Z",
        "sequence": 1,
    }
    assert item["data"]["account"]["handle"] == "a"
    table = (await client.get("/v1/events", headers={"Accept": "text/csv"})).text.splitlines()
    assert table[1].startswith(f"{made.public_id},1,account.quiet,2026-11-22T11:00:00Z,1,")
    assert account.public_id in table[1]


@pytest.mark.parametrize(
    ("target", "status", "field"),
    [
        ("/v1/events?type=account.sad", 422, "type.0"),
        ("/v1/events?account=nobody", 404, "account"),
        ("/v1/events?rule=rul_none", 404, "rule"),
        ("/v1/events?since=yesterday", 422, "since"),
        ("/v1/events?order=random", 422, "order"),
        ("/v1/events?cursor=abc", 422, "cursor"),
        ("/v1/events?kind=x", 422, "kind"),
        ("/v1/events/evt_none", 404, "event"),
        ("/v1/events/stream?since=2026-01-01T00:00:00Z", 422, "since"),
        ("/v1/events.atom?key=abc&signature=abc", 401, "signature"),
    ],
)
async def test_what_cannot_be_asked_is_a_problem_with_its_field(
    client: httpx2.AsyncClient, target: str, status: int, field: str
) -> None:
    answer = await client.get(target)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


async def test_the_feed_is_valid_and_nothing_breaks_out_of_it(api: Api, client: httpx2.AsyncClient) -> None:
    account = await watch(api.engine, "a")
    nasty = '</title><script>alert("&\ud7ff\ufffe\x07")</script>'
    short = {"id": account.public_id, "platform": "bluesky", "handle": nasty, "subject": None}
    await tell(api.engine, account, account=short, last_post={"url": 'https://x.example/?a="1"&b=<2>'})
    await tell(api.engine, account, EventType.RENAMED)
    await tell(api.engine, None, EventType.DEGRADED, reason="http_503")
    answer = await client.get("/v1/events.atom")
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = feedparser.parse(answer.content)
    assert (feed.bozo, feed.version) == (False, "atom10")
    assert feed.feed.id.startswith("urn:quietwatch:feed:")
    assert feed.feed.updated == "2026-11-22T12:00:00Z"
    first, second = feed.entries
    assert (first.title, first.tags[0].term) == ("social.example cannot be watched", "source.degraded")
    assert "http_503" in first.content[0].value
    assert second.title_detail.type == "text/plain"
    assert 'alert("&\ud7ff\ufffd\ufffd")</script> (bluesky) has gone quiet' in second.title
    assert second.links[0].href == f"/accounts/{account.public_id}"
    assert second.links[1].href == 'https://x.example/?a="1"&b=<2>'
    assert len({entry.id for entry in feed.entries}) == 2
    assert all(entry.id.startswith("urn:quietwatch:event:evt_") and entry.updated for entry in feed.entries)
    again = await client.get("/v1/events.atom", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    everything = feedparser.parse((await client.get("/v1/events.atom?type=account.renamed")).content)
    assert [entry.title for entry in everything.entries] == ["a (bluesky) has another name"]


async def test_a_feed_without_events_is_a_feed(client: httpx2.AsyncClient) -> None:
    feed = feedparser.parse((await client.get("/v1/events.atom")).content)
    assert (feed.bozo, feed.version, feed.entries) == (False, "atom10", [])


async def test_a_link_opens_one_feed_until_its_key_is_revoked(api: Api, client: httpx2.AsyncClient) -> None:
    account = await watch(api.engine, "a", tags=["freeze & co"[:6]])
    await tell(api.engine, account)
    made = (await client.get("/v1/events/feed", params={"tag": "freeze", "type": ["account.quiet"]})).json()
    outside = api.client()
    answer = await outside.get(made["url"])
    assert (answer.status_code, len(feedparser.parse(answer.content).entries)) == (200, 1)
    changed = dict(parse_qsl(urlsplit(made["url"]).query))
    for params in (
        changed | {"tag": "other"},
        {name: value for name, value in changed.items() if name != "tag"},
        changed | {"account": account.public_id},
        changed | {"key": api.admin.split("_")[1]},
        changed | {"signature": changed["signature"][:-1] + "é"},
        {name: value for name, value in changed.items() if name != "signature"},
        {name: value for name, value in changed.items() if name not in ("key", "signature")},
    ):
        assert (await outside.get("/v1/events.atom", params=params)).status_code == 401
    async with api.client(api.admin) as admin:
        await admin.delete(f"/v1/keys/{made['key']}")
    refused = await outside.get(made["url"])
    assert (refused.status_code, refused.json()["field"]) == (401, "signature")


async def test_a_link_to_nothing_is_not_made(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/events/feed?account=nobody")
    assert (answer.status_code, answer.json()["field"]) == (404, "account")
