"""Feeds from a real nginx, watched as the service watches them: what it sent is read from nginx's own log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.worker.clock import VirtualClock
from tests.real.conftest import Nginx, Service, ago, atom, json_feed, rss

WRITERS = {"rss": rss, "atom": atom, "json": json_feed}
DAY = timedelta(days=1)


def posts(count: int = 8) -> dict[str, datetime]:
    return {f"p{n}": ago(days=n) for n in range(1, count + 1)}


@pytest.mark.parametrize("form", WRITERS)
async def test_a_feed_is_read_once_and_then_only_compared(nginx: Nginx, service: Service, form: str) -> None:
    write: Callable[[dict[str, datetime]], bytes] = WRITERS[form]
    shown = posts()
    name = f"/news.{form}"
    account = await service.watch(nginx.write(name[1:], write(shown)))

    report = await service.look(account)
    assert (report.outcomes, report.new_posts) == ({"page": 1}, 8)
    first = nginx.asked(name)[-1]
    assert (first["status"], first["coding"], first["none_match"]) == (200, "gzip", "")
    assert first["etag"].startswith('W/"')
    assert first["agent"].startswith("Quietwatch/")
    since, proven = (await service.coverage(account))["read_back"]
    assert since in shown.values()
    assert timedelta(seconds=1) <= datetime.now(UTC) - proven < timedelta(seconds=30)

    nginx.let_a_second_begin()
    report = await service.look(account)
    assert (report.outcomes, report.new_posts) == ({"unchanged": 1}, 0)
    second = nginx.asked(name)[-1]
    assert (second["status"], second["none_match"], second["since"]) == (304, first["etag"], first["modified"])
    covered = await service.coverage(account)
    assert covered["read_back"] == (since, proven)
    assert covered["live"][0] == proven < covered["live"][1]

    nginx.write(name[1:], write({**shown, "fresh": datetime.now(UTC).replace(microsecond=0)}))
    report = await service.look(account)
    assert (report.outcomes, report.new_posts) == ({"page": 1}, 1)
    third = nginx.asked(name)[-1]
    assert (third["status"], third["coding"]) == (200, "gzip")
    newest = (await service.items(f"{account}/posts"))[0]
    assert newest["url"] == "https://news.example/fresh"
    answer = await service.api.read(f"{account}/silence")
    assert answer["last_post"]["url"] == "https://news.example/fresh"
    assert (await service.coverage(account))["live"] >= covered["live"]


async def test_a_removed_file_is_gone_and_sight_returns_with_it(nginx: Nginx, service: Service) -> None:
    shown = posts()
    account = await service.watch(nginx.write("news.rss", rss(shown)))
    await service.look(account)
    before = await service.coverage(account)
    nginx.remove("news.rss")
    await service.look(account)
    last = await service.last_look(account)
    assert (last["outcome"], last["reason"]) == ("gone", "not_found")
    assert await service.coverage(account) == before
    assert (await service.api.read(account))["status"] == "watched"
    window = {"start": before["read_back"][1].isoformat(), "end": datetime.now(UTC).isoformat()}
    [answer] = (await service.api.read("/v1/participation", window))["items"]
    assert (answer["answer"], answer["covered_share"]) == ("unknown", 0)
    assert "source_gone" in answer["reasons"]

    nginx.write("news.rss", rss(shown))
    report = await service.look(account)
    assert (report.outcomes, report.new_posts) == ({"page": 1}, 0)


async def test_410_stops(nginx: Nginx, service: Service) -> None:
    account = await service.watch(nginx.write("gone.rss", rss(posts())))
    await service.look(account)
    nginx.turn_on("gone")
    await service.look(account)
    last = await service.last_look(account)
    assert (last["outcome"], last["reason"]) == ("gone", "http_410")
    assert (await service.api.read(account))["status"] == "stopped"
    asked = len(nginx.asked("/gone.rss"))
    later = service.under(VirtualClock(datetime.now(UTC) + 60 * DAY))
    assert (await later.look(account)).polls == 0
    assert len(nginx.asked("/gone.rss")) == asked


async def test_301_is_followed_at_once_and_believed_after_days(nginx: Nginx, service: Service) -> None:
    shown = posts()
    clock = VirtualClock(datetime.now(UTC))
    service = service.under(clock)
    account = await service.watch(nginx.write("old.rss", rss(shown)))
    await service.look(account)
    nginx.turn_on("moved")
    nginx.write("new.rss", rss({**shown, "fresh": ago(minutes=5)}))
    report = await service.look(account)
    assert (report.outcomes, report.new_posts) == ({"page": 1}, 1)
    assert (await service.api.read(account))["native_id"].endswith("/old.rss")
    for _ in range(3):
        clock.advance_to(clock.now() + 1.1 * DAY)
        await service.look(account)
    assert (await service.api.read(account))["native_id"].endswith("/new.rss")
    asked = len(nginx.asked("/old.rss"))
    await service.look(account)
    assert len(nginx.asked("/old.rss")) == asked
    assert len(await service.items(f"{account}/posts")) == 9


async def test_302_is_followed_and_never_believed(nginx: Nginx, service: Service) -> None:
    shown = posts()
    clock = VirtualClock(datetime.now(UTC))
    service = service.under(clock)
    account = await service.watch(nginx.write("here.rss", rss(shown)))
    nginx.turn_on("elsewhere")
    nginx.write("there.rss", rss(shown))
    for _ in range(5):
        await service.look(account)
        clock.advance_to(clock.now() + 1.1 * DAY)
    assert (await service.api.read(account))["native_id"].endswith("/here.rss")
    assert len(nginx.asked("/there.rss")) == len(nginx.asked("/here.rss")) - 1 == 5
    assert all(each["none_match"] == "" for each in nginx.asked("/here.rss"))


@pytest.mark.parametrize(
    ("fault", "status", "outcome", "wait"),
    [("busy", 429, "rate_limited", timedelta(hours=2)), ("down", 503, "unreachable", timedelta(hours=3))],
)
async def test_a_source_that_asks_to_wait_is_left_alone(
    nginx: Nginx, service: Service, fault: str, status: int, outcome: str, wait: timedelta
) -> None:
    account = await service.watch(nginx.write(f"{fault}.rss", rss(posts())))
    await service.look(account)
    before = await service.coverage(account)
    nginx.turn_on(fault)
    refused_at = datetime.now(UTC)
    await service.look(account)
    last = await service.last_look(account)
    assert (last["outcome"], last["reason"]) == (outcome, f"http_{status}")
    assert await service.coverage(account) == before
    asked = len(nginx.asked(f"/{fault}.rss"))
    nginx.turn_off(fault)

    early = service.under(VirtualClock(refused_at + wait - timedelta(minutes=1)))
    assert (await early.look(account)).polls == 0  # even where a person wants it now
    assert len(nginx.asked(f"/{fault}.rss")) == asked
    late = service.under(VirtualClock(refused_at + wait + timedelta(minutes=1)))
    assert (await late.look(account)).outcomes["unchanged"] == 1


async def test_the_feed_of_a_page_is_found(nginx: Nginx, service: Service) -> None:
    nginx.write("posts.atom", atom(posts()))
    link = '<link rel="alternate" type="application/atom+xml" title="News" href="posts.atom">'
    page = f"<!doctype html><html><head><title>News</title>{link}</head><body><p>Hello</p></body></html>"
    account = await service.watch(nginx.write("blog.html", page.encode()))
    assert (await service.api.read(account))["native_id"] == f"{nginx.base}/posts.atom"
    assert (await service.look(account)).new_posts == 8


async def test_a_page_in_place_of_the_feed_proves_nothing(nginx: Nginx, service: Service) -> None:
    account = await service.watch(nginx.write("wall.rss", rss(posts())))
    await service.look(account)
    before = await service.coverage(account)
    nginx.write("blog.html", b"<!doctype html><html><head><title>Welcome</title></head><body>Hello</body></html>")
    nginx.turn_on("wall")
    await service.look(account)
    last = await service.last_look(account)
    assert (last["outcome"], last["reason"]) == ("unreadable", "html_page")
    assert await service.coverage(account) == before
