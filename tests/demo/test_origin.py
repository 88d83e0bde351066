"""An origin answers over real HTTP as the platforms' documents say; feeds are read back by an independent reader."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
import httpx2
import pytest

from app.demo.faults import Fault, FaultWindow, Schedule
from app.demo.origin import Origin
from app.demo.world import Event, Persona, World, snowflake
from app.domain.models import Interval, Kind

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
COUNT = 50


def events(kind: Kind = Kind.ORIGINAL) -> list[Event]:
    moments = [START - n * HOUR for n in range(COUNT)]
    return [Event(snowflake(at, n), at, at, kind) for n, at in enumerate(reversed(moments))]


def people() -> list[Persona]:
    return [
        Persona("news", "rss", events(), page_size=10, pages=True),
        Persona("blog", "atom", events(), page_size=10, pages=True),
        Persona("notes", "json", events(), page_size=10, pages=True),
        Persona(
            "alma",
            "mastodon",
            [*events(), Event("9" * 19, START + HOUR, START + HOUR)],
            renames=[(START + DAY, "anna")],
        ),
        Persona("gone", "rss", events(), gone_from=START, gone_status=410),
        Persona("left", "mastodon", events(), gone_from=START),
    ]


@dataclass
class Stage:
    """One origin, its clock and a client that follows nothing and decodes nothing by itself."""

    origin: Origin
    client: httpx2.AsyncClient
    now: datetime = START
    faults: list[FaultWindow] = field(default_factory=list)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        url = path if path.startswith("http") else self.origin.base + path
        return await self.client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with httpx2.AsyncClient() as client:
        found = Stage(Origin(World.of(people()), lambda: found.now), client)
        await found.origin.start()
        yield found
        await found.origin.stop()


def read_feed(response: httpx2.Response) -> tuple[list[tuple[str, datetime]], str | None]:
    """Ids with dates, and the address of the older page."""
    if "json" in response.headers["content-type"]:
        document = json.loads(response.content)
        items = [(i["id"], datetime.fromisoformat(i["date_published"])) for i in document["items"]]
        return items, document.get("next_url")
    document = feedparser.parse(response.content)
    assert not document.bozo
    items = [(e.id, datetime(*e.published_parsed[:6], tzinfo=UTC)) for e in document.entries]
    return items, next((link.href for link in document.feed.get("links", ()) if link.rel == "next"), None)


def read_statuses(response: httpx2.Response) -> tuple[list[tuple[str, datetime]], str | None]:
    items = [(s["id"], datetime.fromisoformat(s["created_at"])) for s in response.json()]
    link = re.search(r'<([^>]+)>; rel="next"', response.headers.get("link", ""))
    return items, link[1] if link else None


FEEDS = ["/feed/news.rss", "/feed/blog.atom", "/feed/notes.json"]
Reader = Callable[[httpx2.Response], tuple[list[tuple[str, datetime]], str | None]]


async def walk(get: Callable[[str], Awaitable[httpx2.Response]], path: str, read: Reader) -> list[tuple[str, datetime]]:
    found: list[tuple[str, datetime]] = []
    following: str | None = path
    while following:
        items, following = read(await get(following))
        found += items
    return found


@pytest.mark.parametrize("path", FEEDS)
async def test_a_feed_is_paged_back_to_its_first_item(stage: Stage, path: str) -> None:
    items, _ = read_feed(await stage.get(path))
    assert len(items) == 10
    truth = [(e.native_id, e.claimed_at) for e in reversed(events())]
    assert await walk(stage.get, path, read_feed) == truth


async def test_statuses_are_paged_back_to_the_first(stage: Stage) -> None:
    number = (await stage.get("/api/v1/accounts/lookup?acct=alma")).json()["id"]
    truth = [(e.native_id, e.claimed_at) for e in reversed(events())]
    assert await walk(stage.get, f"/api/v1/accounts/{number}/statuses?limit=20", read_statuses) == truth


@pytest.mark.parametrize("path", FEEDS)
async def test_an_unchanged_page_is_304_until_something_appears(stage: Stage, path: str) -> None:
    first = await stage.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    same = await stage.get(path, if_none_match=tag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await stage.get(path, if_none_match='W/"other"')).status_code == 200
    persona = stage.origin.world.personas[path.split("/")[2].split(".")[0]]
    persona.events.append(Event("9" * 19, START + HOUR, START + HOUR))
    persona.refresh()
    assert (await stage.get(path, if_none_match=tag)).status_code == 304  # it has not appeared yet
    stage.now += 2 * HOUR
    changed = await stage.get(path, if_none_match=tag)
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)
    assert parsedate_to_datetime(changed.headers["date"]) == stage.now


async def test_a_deleted_post_is_shown_no_more_and_counted_no_more(stage: Stage) -> None:
    persona = stage.origin.world.personas["alma"]
    last = persona.events[COUNT - 1]
    persona.events[COUNT - 1] = Event(last.native_id, last.claimed_at, last.appears_at, deleted_at=START + HOUR / 2)
    persona.refresh()
    account = (await stage.get("/api/v1/accounts/lookup?acct=alma")).json()
    assert account["statuses_count"] == COUNT
    stage.now += HOUR / 2
    assert (await stage.get("/api/v1/accounts/lookup?acct=alma")).json()["statuses_count"] == COUNT - 1
    shown, _ = read_statuses(await stage.get(f"/api/v1/accounts/{account['id']}/statuses"))
    assert last.native_id not in dict(shown)


async def test_a_renamed_account_is_found_by_its_new_name_and_its_number(stage: Stage) -> None:
    number = (await stage.get("/api/v1/accounts/lookup?acct=alma")).json()["id"]
    assert (await stage.get("/api/v1/accounts/lookup?acct=anna")).status_code == 404
    stage.now += DAY
    assert (await stage.get("/api/v1/accounts/lookup?acct=alma")).status_code == 404
    assert (await stage.get("/api/v1/accounts/lookup?acct=anna")).json()["id"] == number
    assert (await stage.get(f"/api/v1/accounts/{number}")).json()["acct"] == "anna"
    subject = (await stage.get("/.well-known/webfinger?resource=acct:anna@x")).json()["subject"]
    assert subject.startswith("acct:anna@127.0.0.1")


async def test_who_has_left_is_gone(stage: Stage) -> None:
    assert (await stage.get("/feed/gone.rss")).status_code == 410
    assert (await stage.get("/api/v1/accounts/lookup?acct=left")).status_code == 404
    assert (await stage.get("/feed/never.rss")).status_code == 404


async def test_counters_come_forty_at_a_time_and_leave_out_who_is_gone(stage: Stage) -> None:
    numbers = [stage.origin._ids[name] for name in ("alma", "left")]
    query = "&".join(f"id[]={number}" for number in [*numbers, "4711"])
    [counted] = (await stage.get(f"/api/v1/accounts?{query}")).json()
    assert (counted["acct"], counted["statuses_count"]) == ("alma", COUNT)
    too_many = "&".join(f"id[]={number}" for number in range(41))
    assert (await stage.get(f"/api/v1/accounts?{too_many}")).status_code == 422


async def test_kinds_are_told_apart(stage: Stage) -> None:
    stage.origin.world.personas["alma"].events[:] = [
        Event(snowflake(START, n), START - n * HOUR, START, kind)
        for n, kind in enumerate((Kind.ORIGINAL, Kind.REPLY, Kind.REPOST, Kind.QUOTE))
    ]
    stage.origin.world.personas["alma"].refresh()
    number = stage.origin._ids["alma"]
    post, reply, repost, quote = (await stage.get(f"/api/v1/accounts/{number}/statuses")).json()
    assert (post["in_reply_to_id"], post["reblog"], post["quote"]) == (None, None, None)
    assert reply["in_reply_to_id"]
    assert repost["reblog"]
    assert quote["quote"]


async def test_a_page_names_its_feed(stage: Stage) -> None:
    page = await stage.get("/news")
    assert page.headers["content-type"] == "text/html"
    assert '<link rel="alternate" type="application/rss+xml" href="/feed/news.rss">' in page.text


def has_login(response: httpx2.Response) -> bool:
    return b"password" in response.content


REFUSALS: dict[Fault, tuple[int, Callable[[httpx2.Response], Any]]] = {
    Fault.ERROR: (503, lambda r: "retry-after" not in r.headers),
    Fault.RATE_LIMIT: (429, lambda r: "retry-after" not in r.headers),
    Fault.RATE_LIMIT_SECONDS: (429, lambda r: r.headers["retry-after"] == "1800"),
    Fault.RATE_LIMIT_DATE: (429, lambda r: parsedate_to_datetime(r.headers["retry-after"]) == START + HOUR),
    Fault.LOGIN_PAGE: (200, has_login),
    Fault.LOGIN_REQUIRED: (401, lambda r: r.json()["error"]),
    Fault.EMPTY: (200, lambda r: r.content == b""),
    Fault.HTML: (200, lambda r: r.content.startswith(b"<!doctype html>") and not has_login(r)),
}


@pytest.mark.parametrize("fault", Fault)
async def test_every_fault_is_what_it_is_called_and_ends(stage: Stage, fault: Fault) -> None:
    tidy, _ = read_feed(await stage.get("/feed/news.rss"))
    stage.origin.served.clear()
    stage.origin.schedule = Schedule([FaultWindow(Interval(START, START + HOUR), fault, "news")])
    if fault in (Fault.CLOSED, Fault.CUT):
        with pytest.raises(httpx2.RemoteProtocolError):
            await stage.get("/feed/news.rss")
    elif fault in REFUSALS:
        status, check = REFUSALS[fault]
        answer = await stage.get("/feed/news.rss")
        assert answer.status_code == status
        assert check(answer)
    else:
        items, _ = read_feed(await stage.get("/feed/news.rss"))
        assert set(items) == (set() if fault is Fault.EMPTY_LIST else set(tidy))
        assert items != tidy
    showed = fault is Fault.SHUFFLED  # the only one from which something can be learned
    assert [note.account for note in stage.origin.served] == ["news"] * showed
    assert (await stage.get("/feed/blog.atom")).status_code == 200  # the others of the host are well
    stage.now += HOUR
    assert read_feed(await stage.get("/feed/news.rss"))[0][: len(tidy)] == tidy


async def test_what_was_shown_is_noted(stage: Stage) -> None:
    first = await stage.get("/feed/news.rss")
    await stage.get("/feed/news.rss", if_none_match=first.headers["etag"])
    page, same = stage.origin.served
    assert page == same
    assert (page.oldest, page.complete) == (START - 9 * HOUR, False)


async def test_a_permuted_origin_shows_the_same_under_the_same_tag(stage: Stage) -> None:
    mixed = Origin(World.of(people()), lambda: START, permuted=True)
    base = await mixed.start()
    try:
        tidy, other = await stage.get("/feed/news.rss"), await stage.get(f"{base}/feed/news.rss")
        assert tidy.headers["etag"] != "" != other.headers["etag"]
        assert read_feed(tidy)[0] != read_feed(other)[0]
        assert set(read_feed(tidy)[0]) == set(read_feed(other)[0])
        again = await stage.get(f"{base}/feed/news.rss", if_none_match=other.headers["etag"])
        assert again.status_code == 304
    finally:
        await mixed.stop()


async def test_nonsense_closes_one_connection_and_no_other(stage: Stage) -> None:
    host = stage.origin.base.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.connect()
    connection.sock.sendall(b"\x00\x01 nonsense\r\n\r\n")
    assert (await stage.get("/feed/news.rss")).status_code == 200
    connection.close()
