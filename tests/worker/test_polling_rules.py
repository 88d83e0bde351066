"""How sources are asked: versions, waits, refusals, redirects, budgets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.poll import run_once
from app.worker.watch import watch
from tests.worker.conftest import START, Asked, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
DAY = timedelta(days=1)
FEED = rss([(f"p{n}", START - n * DAY) for n in range(1, 6)])


async def next_round(ctx: Context, clock: VirtualClock, rows: Rows) -> Any:
    """Go to where somebody is due and look."""
    due = [state["next_poll_at"] for state in await rows("account_state") if state["next_poll_at"]]
    clock.advance_to(min(due))
    return await run_once(ctx, clock.now())


@pytest.mark.parametrize(
    "etag", ['W/"x"', '"x-gzip"', "unquoted", '""', '"a, b"', '"caf\xe9"', '"' + "x" * 8000 + '"', " padded "]
)
async def test_validators_go_back_byte_for_byte(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows, etag: str
) -> None:
    modified = "Sun Nov  6 08:49:37 1994 "
    host.answers["/feed"] = Reply(body=FEED, headers={"ETag": etag, "Last-Modified": modified})
    await watch(ctx, host.base + "/feed")
    await run_once(ctx, clock.now())
    assert "if-none-match" not in host.asked[-1].headers
    await next_round(ctx, clock, rows)
    sent = host.asked[-1].headers
    assert (sent["if-none-match"].strip(), sent["if-modified-since"].strip()) == (etag.strip(), modified.strip())


async def test_validators_are_replaced_and_dropped_as_answers_say(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    replies = iter(
        [
            Reply(body=FEED, headers={"ETag": '"1"', "Last-Modified": "yesterday"}),
            Reply(304, headers={"ETag": '"2"'}),
            Reply(body=FEED, headers={"ETag": '"3"'}),
            Reply(500),
            Reply(body=FEED),
            Reply(body=FEED),
        ]
    )
    host.answers["/feed"] = Reply(body=FEED)
    await watch(ctx, host.base + "/feed")
    host.answers["/feed"] = lambda asked: next(replies)
    await run_once(ctx, clock.now())
    for _ in range(5):
        await next_round(ctx, clock, rows)
    sent = [(a.headers.get("if-none-match"), a.headers.get("if-modified-since")) for a in host.asked[1:]]
    assert sent == [
        (None, None),
        ('"1"', "yesterday"),
        ('"2"', "yesterday"),
        ('"3"', None),
        ('"3"', None),
        (None, None),
    ]


async def test_what_cannot_be_read_changes_neither_validators_nor_coverage(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=FEED, headers={"ETag": '"1"'})
    await watch(ctx, host.base + "/feed")
    await run_once(ctx, clock.now())
    before = await rows("coverage")
    login = Reply(body=b"<!doctype html><html><body>Log in</body></html>", headers={"ETag": '"login"'})
    host.answers["/feed"] = login
    report = await next_round(ctx, clock, rows)
    assert report.outcomes == {"unreadable": 1}
    assert await rows("coverage") == before
    [memory] = await rows("source_memory")
    assert memory["etag"] == b'"1"'


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7200", timedelta(hours=2), timedelta(hours=3)),
        ("date", timedelta(hours=5), timedelta(hours=7)),
        ("999999999999", timedelta(days=7), timedelta(days=9)),
        ("-5", timedelta(minutes=30), timedelta(hours=2)),
        ("soon", timedelta(minutes=30), timedelta(hours=2)),
        (None, timedelta(minutes=30), timedelta(hours=2)),
    ],
)
async def test_nobody_of_the_host_asks_before_the_wait_is_over(
    ctx: Context,
    host: Host,
    clock: VirtualClock,
    rows: Rows,
    value: str | None,
    least: timedelta,
    most: timedelta,
) -> None:
    for name in ("/a", "/b"):
        host.answers[name] = Reply(body=FEED)
        await watch(ctx, host.base + name)
    if value == "date":
        value = format_datetime(START + timedelta(hours=5), usegmt=True)
    limited = Reply(429, headers={} if value is None else {"Retry-After": value})
    host.answers["/a"] = host.answers["/b"] = limited
    host.asked.clear()
    await run_once(ctx, clock.now())
    assert len(host.asked) == 1  # the other was given back
    for _ in range(20):
        if len(host.asked) > 1:
            break
        await next_round(ctx, clock, rows)
    waited = host.asked[1].at - host.asked[0].at
    assert least <= waited <= most


async def test_a_source_that_says_gone_for_good_is_never_asked_again(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=FEED)
    await watch(ctx, host.base + "/feed")
    host.answers["/feed"] = Reply(410)
    await run_once(ctx, clock.now())
    asked = len(host.asked)
    [state] = await rows("account_state")
    [account] = await rows("accounts")
    assert (state["next_poll_at"], account["status"]) == (None, "stopped")
    clock.advance_to(clock.now() + 30 * DAY)
    await run_once(ctx, clock.now())
    assert len(host.asked) == asked


async def test_one_that_is_not_found_is_asked_ever_more_rarely(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/feed"] = Reply(body=FEED)
    await watch(ctx, host.base + "/feed")
    del host.answers["/feed"]
    host.asked.clear()
    await run_once(ctx, clock.now())
    while clock.now() < START + 60 * DAY:
        await next_round(ctx, clock, rows)
    waits = [b.at - a.at for a, b in zip(host.asked, host.asked[1:], strict=False)]
    assert waits[0] >= DAY
    assert waits[1] >= 2 * DAY
    assert min(waits[3:]) >= 30 * DAY


async def test_a_permanent_redirect_is_believed_after_three_days(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    host.answers["/old"] = Reply(body=FEED)
    host.answers["/new"] = Reply(body=FEED)
    await watch(ctx, host.base + "/old")
    host.answers["/old"] = Reply(301, headers={"Location": "/new"})
    await run_once(ctx, clock.now())
    stored = []
    while clock.now() < START + 4 * DAY:
        await next_round(ctx, clock, rows)
        [account] = await rows("accounts")
        stored.append((clock.now() - START, account["native_id"].rsplit("/", 1)[1]))
    moved = next(at for at, name in stored if name == "new")
    assert timedelta(days=2) <= moved <= timedelta(days=3)
    assert host.paths()[-2:] == ["/new", "/new"]
    assert {row["handle"].rsplit("/", 1)[1] for row in await rows("handles")} == {"old", "new"}


@pytest.mark.parametrize("script", ["302 302", "307 307", "301a 301b", "301 200"])
async def test_other_redirects_are_followed_and_never_stored(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows, script: str
) -> None:
    turn = [0]

    def answer(asked: Asked) -> Reply:
        turn[0] += 1
        step = script.split()[turn[0] % 2]
        if step == "200":
            return Reply(body=FEED)
        return Reply(int(step[:3]), headers={"Location": "/new" + step[3:]})

    for name in ("/old", "/new", "/newa", "/newb"):
        host.answers[name] = Reply(body=FEED)
    await watch(ctx, host.base + "/old")
    host.answers["/old"] = answer
    await run_once(ctx, clock.now())
    while clock.now() < START + 5 * DAY:
        await next_round(ctx, clock, rows)
    [account] = await rows("accounts")
    assert account["native_id"].endswith("/old")


async def test_a_source_may_ask_to_be_asked_less(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
    host.answers["/feed"] = Reply(body=FEED, headers={"Cache-Control": "max-age=36000"})
    await watch(ctx, host.base + "/feed")
    await run_once(ctx, clock.now())
    [state] = await rows("account_state")
    assert state["next_poll_at"] >= START + timedelta(hours=10)


async def test_the_daily_check_of_a_feed_stays_conditional_where_two_signs_agree(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows
) -> None:
    def answer(asked: Asked) -> Reply:
        known = "if-none-match" in asked.headers or "if-modified-since" in asked.headers
        return Reply(304) if known else Reply(body=FEED, headers={"ETag": '"e"', "Last-Modified": "m"})

    host.answers["/feed"] = answer
    await watch(ctx, host.base + "/feed")
    host.asked.clear()
    await run_once(ctx, clock.now())
    while clock.now() < START + 3 * DAY:
        await next_round(ctx, clock, rows)
    sent = [tuple(name for name in ("if-none-match", "if-modified-since") if name in a.headers) for a in host.asked]
    assert sent.count(()) == 1
    assert 2 <= sent.count(("if-modified-since",)) <= 4


async def test_a_budget_is_kept_before_it_is_used_up(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> None:
    window = timedelta(minutes=5)
    used: dict[int, int] = {}

    def answer(asked: Asked) -> Reply:
        number = int((asked.at - START) / window)
        used[number] = used.get(number, 0) + 1
        reset = (START + (number + 1) * window).isoformat().replace("+00:00", "Z")
        left = 10 - used[number]
        headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": str(max(left, 0)), "X-RateLimit-Reset": reset}
        return Reply(429 if left < 0 else 200, FEED, headers)

    for number in range(25):
        host.answers[f"/{number}"] = Reply(body=FEED)
        await watch(ctx, f"{host.base}/{number}")
    for number in range(25):
        host.answers[f"/{number}"] = answer
    await run_once(ctx, clock.now())
    for _ in range(60):
        if all(state["polled_at"] for state in await rows("account_state")):
            break
        await next_round(ctx, clock, rows)
    assert all(count <= 8 for count in used.values())
    assert sum(used.values()) >= 25
