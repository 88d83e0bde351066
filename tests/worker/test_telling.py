"""From looks to events: everything a rule tells of an account on a host that answers as it is told."""

from __future__ import annotations

import asyncio
from datetime import time

import pytest

from app.domain.models import Interval, Kind
from app.domain.quiet_hours import QuietHours
from app.domain.silence import State
from app.storage import judgements, rule_states
from app.worker import sweep
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.poll import run_once
from app.worker.watch import watch
from tests.worker.conftest import START, Host, Reply
from tests.worker.lives import HOUR, LAST, LENGTH, MINUTE, QUIET, SOON, Life, Rows


@pytest.fixture
async def life(ctx: Context, host: Host, clock: VirtualClock, rows: Rows) -> Life:
    made = Life(ctx, host, clock, rows)
    await made.begin()
    return made


async def test_quiet_is_told_at_the_deadline_by_the_look_that_confirms_it_and_resumed_by_the_post(life: Life) -> None:
    await life.rule()
    await life.until(QUIET)
    assert await life.log() == []
    state = await life.state()
    assert (state.state, state.deadline, state.last_post_at) == (State.ACTIVE, QUIET, LAST)
    await life.until(QUIET + 20 * MINUTE, sweeping=False)  # the margin of a feed is a quarter of an hour
    assert await life.log() == [("quiet", QUIET)]
    await life.until(QUIET + 3 * HOUR)
    post = life.clock.now() - MINUTE
    life.posts.append(post)
    await life.until(post + 3 * HOUR)
    assert await life.log() == [("quiet", QUIET), ("resumed", post)]
    state = await life.state()
    assert (state.state, state.since, state.quiet_event_id) == (State.ACTIVE, post, None)
    quiet, resumed = await life.data()
    assert (quiet["state"], quiet["previous_state"], quiet["initial"]) == ("quiet", "active", False)
    assert quiet["last_post"]["url"].startswith("http://example.org/")
    assert (resumed["state"], resumed["silence_seconds"]) == ("active", (post - LAST).total_seconds())
    events = await life.rows("events")
    assert resumed["quiet_event"] == events[0]["public_id"]
    assert [row["sequence"] for row in events] == [1, 2]


async def test_a_rule_added_later_is_judged_at_once_and_tells_no_history(life: Life) -> None:
    life.posts = [START - n * 10 * HOUR for n in range(2, 8)]
    await life.until(START + HOUR)
    await life.rule()
    await life.tick(looking=False)
    assert await life.log() == [("quiet", START - 14 * HOUR)]
    assert (await life.data())[0]["initial"] is True
    await life.tick()
    await life.until(life.clock.now() + HOUR)
    assert len(await life.log()) == 1


async def test_a_changed_rule_is_judged_at_once_and_revises_what_no_longer_holds(life: Life) -> None:
    rule = await life.rule()
    await life.until(SOON)
    await life.change(rule, length=12 * HOUR)
    await life.tick(looking=False)
    assert [name for name, _ in await life.log()] == ["quiet", "verdict.revised"]
    revised = (await life.data())[1]
    assert (revised["cause"], revised["old"]["state"], revised["new"]["state"]) == ("rule_changed", "quiet", "active")
    assert revised["old"]["event"] == (await life.rows("events"))[0]["public_id"]
    state = await life.state()
    assert (state.state, state.deadline, state.rule_version) == (State.ACTIVE, LAST + 12 * HOUR, 2)
    await life.change(rule, length=5 * HOUR)
    await life.tick(looking=False)
    assert (await life.log())[2:] == [("quiet", LAST + 5 * HOUR)]
    await life.change(rule, length=4 * HOUR)  # still quiet: no news
    await life.tick(looking=False)
    assert len(await life.log()) == 3
    assert (await life.state()).deadline == LAST + 4 * HOUR


async def test_a_post_that_surfaces_late_revises_the_quiet_and_resumes_nothing(life: Life) -> None:
    await life.rule()
    late = QUIET - HOUR
    life.posts.append(late)
    life.shown_late[late] = SOON
    await life.until(QUIET + 3 * HOUR)
    assert [name for name, _ in await life.log()] == ["quiet", "verdict.revised"]
    revised = (await life.data())[1]
    assert (revised["cause"], revised["state"]) == ("late_post", "active")
    assert revised["post"]["posted_at"] == f"{late:%Y-%m-%dT%H:%M:%SZ}"
    await life.until(late + LENGTH + 40 * MINUTE)
    assert (await life.log())[2:] == [("quiet", late + LENGTH)]


async def test_a_post_that_surfaces_inside_a_silence_that_is_over_revises_what_was_told_of_it(life: Life) -> None:
    await life.rule()
    late, back = QUIET - HOUR, QUIET + 2 * HOUR
    life.posts += [late, back]
    life.shown_late[late] = back + 2 * HOUR
    await life.until(back + 90 * MINUTE)
    assert [name for name, _ in await life.log()] == ["quiet", "resumed"]
    await life.until(back + 5 * HOUR)
    assert [name for name, _ in await life.log()] == ["quiet", "resumed", "verdict.revised"]
    quiet, _, revised = await life.rows("events")
    data = (await life.data())[2]
    assert (data["old"]["event"], data["new"], data["state"]) == (quiet["public_id"], {"state": "active"}, "active")
    assert (revised["rule_id"], (await life.state()).state) == (quiet["rule_id"], State.ACTIVE)
    life.posts.append(late + MINUTE)
    life.shown_late[late + MINUTE] = life.clock.now()
    await life.look()
    assert len(await life.log()) == 3  # revised once


async def test_while_we_see_nothing_nothing_is_quiet_and_it_is_said_once(life: Life) -> None:
    await life.rule()
    await life.rule(length=5 * HOUR)
    await life.until(START + 3 * HOUR)
    life.down = True
    await life.until(QUIET + 13 * HOUR)
    assert [name for name, _ in await life.log()] == ["unobservable"]
    told = (await life.data())[0]
    assert (told["outcome"], told["reason"]) == ("unreachable", "http_500")
    life.down = False
    await life.look()
    log = await life.log()
    assert [name for name, _ in log] == ["unobservable", "observable", "quiet", "quiet"]
    assert [at for _, at in log[2:]] == [QUIET, QUIET - HOUR]
    assert await life.rows("account_told") != []
    async with life.ctx.engine.connect() as conn:
        assert await rule_states.sights(conn, [life.account_id]) == {}


async def test_a_quiet_account_that_is_lost_from_sight_is_unknown_until_it_is_seen_again(life: Life) -> None:
    await life.rule()
    await life.until(SOON)
    life.down = True
    await life.until(SOON + 10 * HOUR)
    assert [name for name, _ in await life.log()] == ["quiet", "unobservable"]
    assert (await life.state()).state is State.UNKNOWN
    life.down = False
    await life.look()
    assert [name for name, _ in await life.log()] == ["quiet", "unobservable", "observable"]
    assert (await life.state()).state is State.QUIET


async def test_a_silence_that_began_and_ended_while_we_were_blind_is_told_where_it_is_proven(life: Life) -> None:
    await life.rule()
    await life.until(START + 2 * HOUR)
    life.down = True
    back = LAST + 9 * HOUR
    life.posts += [back, back + 7 * HOUR, back + 8 * HOUR]
    await life.until(back + 10 * HOUR)
    life.down = False
    await life.look()
    told = [each for each in await life.log() if each[0] in ("quiet", "resumed")]
    assert told == [
        ("quiet", QUIET),
        ("resumed", back),
        ("quiet", back + LENGTH),
        ("resumed", back + 7 * HOUR),
    ]
    data = [each for each in await life.data() if each.get("deadline")]
    assert [each["retrospective"] for each in data] == [True] * 4
    assert (await life.state()).state is State.ACTIVE


@pytest.mark.parametrize("swept", [True, False])
async def test_a_silence_that_crossed_before_the_first_look_is_told_if_the_rule_was_there(
    life: Life, swept: bool
) -> None:
    await life.rule()
    life.posts += [START + 9 * HOUR, START + 10 * HOUR]
    await life.until(START + 11 * HOUR, looking=False, sweeping=swept)
    await life.until(START + 12 * HOUR)
    told = [each for each in await life.log() if each[0] in ("quiet", "resumed")]
    assert told == [("quiet", QUIET), ("resumed", START + 9 * HOUR)]
    assert (await life.state()).last_post_at == START + 10 * HOUR


async def test_what_the_page_no_longer_proves_is_not_told(life: Life) -> None:
    await life.rule()
    await life.until(START + 2 * HOUR)
    life.down = True
    back = LAST + 9 * HOUR
    life.posts += [back + n * MINUTE for n in range(12)]  # the page shows ten: what was before them is unknown
    await life.until(back + 2 * HOUR)
    life.down = False
    await life.look()
    assert [name for name, _ in await life.log()] == ["unobservable", "observable"]


async def test_after_a_pause_of_ours_nothing_fires_before_a_fresh_look(life: Life) -> None:
    """F5, F6: the process sleeps past the deadline; its own sweep comes first when it wakes."""
    await life.rule(late=5 * HOUR, repeat_every=HOUR, repeat_most=5)
    await life.until(QUIET + 10 * MINUTE)
    await life.sql("update account_state set next_poll_at = null")
    assert [name for name, _ in await life.log()] == ["late"]
    # What was seen proves the quiet, and nobody has judged it yet: the process slept meanwhile.
    await life.sql("update account_state set covered_until = :at", at=QUIET + MINUTE)
    await life.sql("update coverage set ends_at = :at", at=QUIET + MINUTE)
    life.clock.advance_to(QUIET + 4 * HOUR)
    await sweep.run_once(life.ctx, life.clock.now())
    [pause] = await life.rows("own_pauses")
    assert (pause["starts_at"], pause["ends_at"], pause["cause"]) == (
        QUIET + 10 * MINUTE,
        life.clock.now(),
        "stopped",
    )
    assert [name for name, _ in await life.log()] == ["late"]
    state = await life.state()
    assert (state.state, state.held_since) == (State.UNKNOWN, life.clock.now())
    async with life.ctx.engine.connect() as conn:
        assert await rule_states.page(conn, held=True) == [state]
    await life.until(QUIET + 4 * HOUR + 40 * MINUTE, looking=False)
    assert [name for name, _ in await life.log()] == ["late"]
    await life.look()
    assert await life.log() == [("late", QUIET - HOUR), ("quiet", QUIET), ("reminder", QUIET + 4 * HOUR)]
    assert (await life.state()).held_since is None


async def test_a_process_that_wakes_records_its_pause_before_it_writes_its_looks(life: Life) -> None:
    await life.rule()
    await life.until(START + HOUR)
    life.clock.advance_to(QUIET + HOUR)
    await run_once(life.ctx, life.clock.now())  # it beats first: looks made after that are fresh
    assert await life.log() == [("quiet", QUIET)]
    assert len(await life.rows("own_pauses")) == 1


@pytest.mark.parametrize("scope", ["host_id", "platform", "network"])
async def test_quiet_is_held_while_its_source_is_degraded_and_decided_when_it_is_back(life: Life, scope: str) -> None:
    """F7."""
    value = {"host_id": "(select min(id) from hosts)", "platform": "'feed'", "network": "null"}[scope]
    column = "host_id" if scope == "network" else scope
    await life.rule()
    await life.until(START + 4 * HOUR)
    await life.sql(
        f"insert into sources ({column}, degraded_since) values ({value}, :now)",  # noqa: S608
        now=life.clock.now(),
    )
    await life.until(QUIET + 12 * HOUR)
    assert await life.log() == []
    assert (await life.state()).held_since is not None
    life.clock.advance_to(life.clock.now() + MINUTE)
    await life.sql("update sources set degraded_since = null, recovered_at = :now", now=life.clock.now())
    await life.sql("update rule_states set check_at = :now", now=life.clock.now())
    await life.tick(looking=False)
    assert await life.log() == []  # what was seen before is not fresh
    await life.look()
    assert await life.log() == [("quiet", QUIET)]


async def test_late_reminders_and_quiet_hours(life: Life) -> None:
    night = QuietHours(time(17, 30), time(21), "UTC")
    rest = Interval(QUIET + 90 * MINUTE, QUIET + 5 * HOUR)
    await life.rule(late=3 * HOUR, repeat_every=HOUR, repeat_most=2, quiet_hours=(night,), pauses=(rest,))
    await life.until(QUIET + 6 * HOUR)
    assert await life.log() == [
        ("late", LAST + 3 * HOUR),
        ("quiet", QUIET),
        ("reminder", QUIET + HOUR),
        ("reminder", QUIET + 2 * HOUR),
    ]
    rows = await life.rows("events")
    assert [row["tell_at"] for row in rows] == [None, None, QUIET + 5 * HOUR, QUIET + 5 * HOUR]
    assert [each.get("number") for each in await life.data()] == [None, None, 1, 2]


async def test_other_kinds_than_the_default_are_judged_by_their_own_posts(life: Life) -> None:
    await life.rule(kinds=Kind.ORIGINAL)
    await life.until(SOON)
    assert await life.log() == [("quiet", QUIET)]
    life.posts.append(SOON)
    await life.until(SOON + 3 * HOUR)
    assert await life.log() == [("quiet", QUIET), ("resumed", SOON)]


async def test_two_sweeps_at_once_beside_looks_tell_everything_once(life: Life, host: Host) -> None:
    for number in range(20):
        host.answers[f"/{number}"] = host.answers["/feed"]
        await watch(life.ctx, f"{host.base}/{number}")
    await life.until(START + HOUR)
    life.posts = life.posts[3:]
    await life.rule(length=HOUR)
    now = life.clock.now()
    await life.sql("update account_state set next_poll_at = :now", now=now)
    await asyncio.gather(*(sweep.run_once(life.ctx, now) for _ in range(3)), run_once(life.ctx, now))
    await life.tick()
    events = await life.rows("events")
    assert sorted(row["account_id"] for row in events) == sorted(range(1, 22))
    assert {row["type"] for row in events} == {"account.quiet"}


async def test_a_transaction_that_fails_leaves_neither_state_nor_event(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.posts = [START - n * 10 * HOUR for n in range(2, 8)]
    await life.until(START + HOUR)
    await life.rule()
    before = await life.state()

    async def fail(*_: object) -> None:
        raise RuntimeError("the last statement fails")

    with monkeypatch.context() as patched:
        patched.setattr(judgements, "name_quiets", fail)
        with pytest.raises(RuntimeError):
            await life.tick(looking=False)
    assert (await life.rows("events"), await life.state()) == ([], before)
    await life.tick(looking=False)
    assert [name for name, _ in await life.log()] == ["quiet"]


async def test_an_account_that_moved_is_told_once(life: Life, host: Host) -> None:
    other = f"{host.base}/elsewhere"
    host.answers["/elsewhere"] = host.answers["/feed"]
    host.answers["/feed"] = Reply(301, headers={"Location": "/elsewhere"})
    for _ in range(5):
        await life.look()
        life.clock.advance_to(life.clock.now() + 25 * HOUR)
    assert [name for name, _ in await life.log()] == ["moved"]
    told = (await life.data())[0]
    assert (told["to"], told["followed"]) == (other, True)
