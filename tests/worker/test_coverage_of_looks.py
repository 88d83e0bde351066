"""What looks prove, end to end: holes, reading back, deletions, new names, imports, own outages."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.storage import accounts
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.poll import run_once
from app.worker.watch import watch
from tests.worker.conftest import START, Asked, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def look(ctx: Context, clock: VirtualClock, at: datetime) -> dict[str, int]:
    """Look at ``at``, due or not."""
    clock.advance_to(at)
    async with ctx.engine.begin() as conn:
        await accounts.poll_now(conn, [1], at)
    return dict((await run_once(ctx, at)).outcomes)


def items(first: int, last: int, start: datetime = START) -> list[tuple[str, datetime]]:
    """Posts number ``first`` to ``last``, one an hour from START, newest first."""
    return [(f"p{n}", start + n * HOUR) for n in range(last, first - 1, -1)]


async def test_a_burst_that_overflows_the_page_leaves_a_hole(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    head = (await rows("coverage"))[0]["ends_at"]
    burst = [(f"b{n}", START + HOUR + n * timedelta(minutes=1)) for n in range(29, 19, -1)]
    host.answers["/feed"] = Reply(body=rss(burst))
    await look(ctx, clock, START + 2 * HOUR)
    stretches = sorted(await rows("coverage"), key=lambda s: s["starts_at"])
    assert stretches[0]["ends_at"] == head
    # Ten new posts: up to three may float, so the fourth oldest is where it starts.
    assert stretches[1]["starts_at"] == START + HOUR + timedelta(minutes=23)
    assert len(await rows("posts")) == 20


async def test_a_feed_that_can_be_paged_is_read_back_until_it_joins(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    def paged(all_posts: list[tuple[str, datetime]]) -> Callable[[Asked], Reply]:
        def answer(asked: Asked) -> Reply:
            page = int(parse_qs(urlsplit(asked.path).query).get("p", ["0"])[0])
            shown = all_posts[page * 10 : page * 10 + 10]
            link = f"<a:link xmlns:a='http://www.w3.org/2005/Atom' rel='next' href='{host.base}/feed?p={page + 1}'/>"
            return Reply(body=rss(shown, link if len(all_posts) > page * 10 + 10 else ""))

        return answer

    def serve(all_posts: list[tuple[str, datetime]]) -> None:
        for page in range(10):
            host.answers[f"/feed?p={page}"] = paged(all_posts)
        host.answers["/feed"] = paged(all_posts)

    serve(items(-35, -1))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    assert len(await rows("posts")) == 35  # the history was read back
    [stretch] = await rows("coverage")
    assert stretch["starts_at"] <= START - 31 * HOUR
    serve(items(-35, 28))
    host.asked.clear()
    await look(ctx, clock, START + 28 * HOUR + timedelta(minutes=1))
    assert len(host.asked) == 4  # 30 new posts, and a page that joins
    assert len(await rows("posts")) == 64
    whole = sorted((s["starts_at"], s["ends_at"]) for s in await rows("coverage"))
    assert all(a[1] >= b[0] for a, b in itertools.pairwise(whole))


async def test_reading_back_that_is_cut_short_keeps_the_posts_and_comes_back(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    link = f"<a:link xmlns:a='http://www.w3.org/2005/Atom' rel='next' href='{host.base}/older'/>"
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    before = await rows("coverage")
    host.answers["/feed"] = Reply(body=rss(items(11, 20), link))
    host.answers["/older"] = Reply(500)
    assert await look(ctx, clock, START + 21 * HOUR) == {"unreachable": 1}
    assert await rows("coverage") == before
    assert len(await rows("posts")) == 20
    host.answers["/older"] = Reply(body=rss(items(-5, 10)))
    assert await look(ctx, clock, START + 22 * HOUR) == {"page": 1}
    stretches = sorted(await rows("coverage"), key=lambda s: s["starts_at"])
    assert stretches[-1]["starts_at"] == before[0]["ends_at"]
    assert len(await rows("posts")) == 31


async def test_a_post_is_deleted_when_it_is_missing_twice_and_back_when_it_is_seen(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    host.answers["/feed"] = Reply(body=rss([i for i in items(-10, -1) if i[0] != "p-2"]))
    await look(ctx, clock, START + HOUR)
    assert all(post["deleted_seen_at"] is None for post in await rows("posts"))
    covered = max(s["ends_at"] for s in await rows("coverage"))
    assert covered < START + HOUR / 2  # the suspicion proves nothing
    await look(ctx, clock, START + 2 * HOUR)
    gone = {post["native_id"]: post["deleted_seen_at"] for post in await rows("posts")}
    assert gone.pop("p-2") == START + 2 * HOUR
    assert set(gone.values()) == {None}
    assert max(s["ends_at"] for s in await rows("coverage")) > START + HOUR
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await look(ctx, clock, START + 3 * HOUR)
    assert all(post["deleted_seen_at"] is None for post in await rows("posts"))
    assert len(await rows("posts")) == 10


async def test_a_feed_that_names_its_posts_anew_has_no_news(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    old = items(-10, -1)
    host.answers["/feed"] = Reply(body=rss(old))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    anew = rss(old)
    for name, _ in old:
        anew = anew.replace(f">{name}</guid>".encode(), f">new:{name}</guid>".encode())
    host.answers["/feed"] = Reply(body=anew)
    await look(ctx, clock, START + HOUR)
    posts = await rows("posts")
    assert {post["native_id"] for post in posts} == {f"new:{name}" for name, _ in old}
    assert len(posts) == 10
    covered = sorted((s["starts_at"], s["ends_at"]) for s in await rows("coverage"))
    assert covered[0][1] == covered[-1][0]


async def test_late_imports_do_not_break_a_silence(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await watch(ctx, host.base + "/feed")
    for hours in range(0, 80, 4):
        await look(ctx, clock, START + hours * HOUR)
    host.answers["/feed"] = Reply(body=rss([*items(-10, -1), ("import", START + 30 * HOUR)]))
    await look(ctx, clock, START + 80 * HOUR)
    [state] = await rows("account_state")
    assert state["last_post_id"] == "p-1"
    assert state["covered_live_from"] < START + HOUR
    assert "import" in {post["native_id"] for post in await rows("posts")}


async def test_after_a_long_pause_of_ours_the_time_is_read_back_not_seen_live(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    await look(ctx, clock, START + HOUR)
    await look(ctx, clock, START + 4 * DAY)
    await look(ctx, clock, START + 4 * DAY + HOUR)
    stretches = sorted(await rows("coverage"), key=lambda s: s["starts_at"])
    assert [s["live"] for s in stretches] == [False, True, False, True]
    assert all(a["ends_at"] == b["starts_at"] for a, b in itertools.pairwise(stretches))


async def test_a_clock_that_is_set_during_a_look_makes_it_prove_nothing(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=rss(items(-10, -1)))
    await watch(ctx, host.base + "/feed")
    await look(ctx, clock, START)
    before = await rows("coverage")

    class Stepped(VirtualClock):
        def monotonic(self) -> float:
            return 0.0

    stepped = Stepped(START + HOUR)

    def jump(asked: Asked) -> Reply:
        stepped.advance_to(START + 2 * DAY)
        return Reply(body=rss(items(-10, -1)))

    host.answers["/feed"] = jump
    clock.advance_to(START + HOUR)
    assert await look(replace(ctx, clock=stepped), clock, START + HOUR) == {"unreachable": 1}
    assert await rows("coverage") == before
    [state] = await rows("account_state")
    assert state["reason"] == "clock_step"


async def test_a_post_dated_ahead_does_not_keep_a_short_feed_from_being_observed(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=rss([("soon", START + 300 * DAY), ("p1", START - DAY)]))
    await watch(ctx, host.base + "/feed")
    for hour in range(6):
        await look(ctx, clock, START + hour * HOUR)
    ahead = next(post for post in await rows("posts") if post["native_id"] == "soon")
    assert ahead["posted_at"] == ahead["first_seen_at"], "clamped to the first sight"
    newest = max(await rows("coverage"), key=lambda stretch: stretch["ends_at"])
    assert newest["starts_at"] <= START + HOUR
    assert newest["ends_at"] > START + 4 * HOUR
