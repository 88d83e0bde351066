"""What becomes of looks that cannot be written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.storage import claims, looks
from app.storage.engine import AsyncConnection
from app.worker import ingest
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.findings import Finding
from app.worker.poll import Poller, run_once
from app.worker.watch import watch
from tests.worker.conftest import START, Host, Reply, rss

Rows = Callable[[str], Awaitable[list[dict[str, Any]]]]
HOUR = timedelta(hours=1)


@pytest.fixture
async def feeds(ctx: Context, host: Host) -> None:
    for number in range(1, 6):
        host.answers[f"/{number}"] = Reply(body=rss([(f"p{number}", START - HOUR)]))
        await watch(ctx, f"{host.base}/{number}")
    host.asked.clear()


def failing_for(*account_ids: int) -> Callable[..., Awaitable[int]]:
    """Writing fails where one of these accounts is in the group; for nobody named: always."""
    original = looks.write_states

    async def write_states(conn: AsyncConnection, states: Sequence[looks.State]) -> int:
        if not account_ids or set(account_ids) & {state.account_id for state in states}:
            raise RuntimeError("it cannot be written")
        return await original(conn, states)

    return write_states


@pytest.mark.usefixtures("feeds")
async def test_one_look_that_cannot_be_written_costs_no_other(
    ctx: Context, clock: VirtualClock, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "write_states", failing_for(3))
    report = await run_once(ctx, clock.now())
    assert (report.polls, report.dropped, report.error) == (4, 1, "RuntimeError: it cannot be written")
    states = {state["account_id"]: state for state in await rows("account_state")}
    assert [number for number, state in states.items() if state["polled_at"] is None] == [3]
    assert states[3]["lease_until"] is None
    assert states[3]["next_poll_at"] >= START + HOUR


@pytest.mark.usefixtures("feeds")
async def test_while_nothing_can_be_written_sources_are_asked_no_more_than_usual(
    ctx: Context, host: Host, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "write_states", failing_for())
    rounds = 0
    while clock.now() < START + 24 * HOUR:
        async with ctx.engine.connect() as conn:
            due = await claims.next_due(conn)
        assert due is not None
        clock.advance_to(due)
        report = await run_once(ctx, clock.now())
        assert report.error is not None
        assert report.polls == 0
        rounds += 1
    assert rounds <= 26
    assert max(host.paths().count(f"/{number}") for number in range(1, 6)) <= 25


@pytest.mark.usefixtures("feeds")
async def test_the_first_failure_and_the_recovery_are_told_and_a_pause_lies_between(
    ctx: Context, host: Host, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> int:
        raise ConnectionError("the database is away")

    poller = Poller(ctx)
    with capture_logs() as told:
        monkeypatch.setattr(looks, "write_states", away)
        monkeypatch.setattr(claims, "release", away)
        for minute in range(60):
            clock.advance_to(START + timedelta(minutes=minute))
            await poller.claim(clock.now())
            await poller.drain()
        asked = max(host.paths().count(f"/{number}") for number in range(1, 6))
        monkeypatch.undo()
        while not await poller.claim(clock.now()):
            clock.advance_to(clock.now() + timedelta(minutes=1))
        await poller.drain()
    assert asked <= 7  # after 1, 2, 4, 8 and 15 minutes
    assert [line["event"] for line in told if line["log_level"] in ("error", "info")] == [
        "looks could not be written",
        "looks are written again",
    ]
    assert poller.intake.report.polls == 5
    await poller.stop(timedelta(0))


async def test_a_commit_of_which_nobody_heard_is_not_made_twice(
    ctx: Context, host: Host, clock: VirtualClock, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ingest.apply
    calls = []

    async def lost(ctx: Context, group: list[Finding], now: datetime) -> list[ingest.Entry]:
        entries = await original(ctx, group, now)
        calls.append(len(entries))
        if len(calls) == 1:
            raise ConnectionError("lost while it was committed")
        return entries

    monkeypatch.setattr(ingest, "apply", lost)
    for number in (1, 2):
        host.answers[f"/{number}"] = Reply(body=rss([(f"p{number}", START - HOUR)]))
        await watch(ctx, f"{host.base}/{number}")
    assert (await run_once(ctx, clock.now())).error is None
    assert calls == [2, 0, 0]
    assert [poll["looks"] for poll in await rows("polls")] == [1, 1]
    assert len(await rows("coverage")) == 2
