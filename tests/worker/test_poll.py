"""From a pasted address to coverage: the whole way of a look, over real HTTP into a real database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.poll import run_once
from app.worker.watch import watch
from tests.worker.conftest import START, Asked, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
HOUR = timedelta(hours=1)
ITEMS = [(f"p{n}", START - n * HOUR) for n in range(1, 11)]


def versioned(items: list[tuple[str, Any]]) -> Callable[[Asked], Reply]:
    """A feed that says 304 to who has it."""

    def answer(asked: Asked) -> Reply:
        etag = f'W/"{len(items)}-{items[0][0]}"'
        if asked.headers.get("if-none-match") == etag:
            return Reply(304, headers={"ETag": etag})
        return Reply(body=rss(items), headers={"ETag": etag})

    return answer


async def test_a_feed_is_watched_polled_and_remembered(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    items = list(ITEMS)
    host.answers["/feed"] = versioned(items)
    account = await watch(ctx, host.base + "/feed")
    assert account.platform == "feed"
    report = await run_once(ctx, clock.now())
    assert (report.polls, report.new_posts, report.outcomes) == (1, 10, {"page": 1})
    [state] = await rows("account_state")
    assert (state["outcome"], state["failures"], state["last_post_id"]) == ("page", 0, "p1")
    assert state["next_poll_at"] >= START + timedelta(minutes=15)
    assert (state["lease_until"], state["proven_page"]) == (None, True)
    [first] = await rows("coverage")
    assert not first["live"]

    clock.advance_to(state["next_poll_at"])
    report = await run_once(ctx, clock.now())
    assert report.outcomes == {"unchanged": 1}
    assert host.asked[-1].headers["if-none-match"] == 'W/"10-p1"'
    stretches = await rows("coverage")
    assert [s["live"] for s in stretches] == [False, True]
    assert stretches[1]["starts_at"] == stretches[0]["ends_at"]
    short = clock.now() - stretches[1]["ends_at"] - timedelta(minutes=15)  # the margin of feeds
    assert timedelta(0) <= short < timedelta(seconds=1)  # Date has whole seconds

    items.insert(0, ("news", clock.now() + timedelta(minutes=1)))
    [state] = await rows("account_state")
    clock.advance_to(state["next_poll_at"])
    report = await run_once(ctx, clock.now())
    assert (report.new_posts, report.outcomes) == (1, {"page": 1})
    [state] = await rows("account_state")
    assert state["last_post_id"] == "news"
    assert state["covered_live_from"] == stretches[1]["starts_at"]
    assert len(await rows("coverage")) == 2
    assert len(await rows("posts")) == 11
    looks = await rows("polls")
    assert [(p["outcome"], p["new_posts"], p["looks"]) for p in looks] == [
        ("page", 10, 1),
        ("unchanged", 0, 1),
        ("page", 1, 1),
    ]
