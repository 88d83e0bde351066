"""Four months of real accounts with faults, polled over real HTTP under a virtual clock, judged by one who knows.

    python -m bench.replay --data FILE [--questions N] [--accounts N] [--days N] [--rules [adaptive]] [--json]

Every account of the file is served twice, as a feed and as a Mastodon account. The product's own poller, storage and
answers are used as they are. Then random (account, window, as-of) questions and every streak are checked against the
truth, and a part of the run is repeated with every page permuted: its answers must be the same. With ``--rules`` a rule
is on every account, and its events are judged instead (``bench.replay_rules``, ``bench.replay_adaptive``); after the
fixed rule the delay from a look to the message is measured in real time (``bench.delay``).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from app import logs
from app.demo.answers import Served
from app.demo.origin import Origin
from app.demo.world import Persona
from app.domain.coverage import known_at
from app.domain.models import DEFAULT_KINDS, Interval
from app.domain.rules import NewRule
from app.domain.silence import streaks
from app.platforms import platforms
from app.storage import claims, coverage, migrate, participation, posts
from app.storage.cluster import SUPERUSER
from app.storage.engine import create_engine
from app.storage.names import Selection
from app.worker import loop, poll, watch
from app.worker.clients import Clients
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from app.worker.pauses import beat
from bench import delay, harness, replay_adaptive, replay_rules, replay_world
from bench.replay_oracle import Oracle

STEP = timedelta(minutes=10)
MOST_EXCESS_UNKNOWN = 0.01
#: Answers for which a counter stood still while one post came and another went: the rules name this limit.
MOST_MISLED = 0.0001
FASTER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(slots=True)
class Run:
    """What a run left behind."""

    engine: AsyncEngine
    oracles: dict[int, Oracle] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)
    new_posts: int = 0
    requests: int = 0


#: One host at a time, and findings written when a step is over: repeatable to the microsecond.
REPEATABLE = Options(concurrency=1, group_wait=timedelta(hours=1))


async def play(
    engine: AsyncEngine,
    replay: replay_world.Replay,
    *,
    permuted: bool = False,
    options: Options | None = None,
    with_rule: bool = False,
    rule: NewRule | None = None,
) -> Run:
    """Watch every persona from ``starts_at`` to ``ends_at``; ``with_rule``: judge them by ``rule``, or 48 hours."""
    clock = VirtualClock(replay.starts_at)
    origins = [Origin(h.world, clock.now, h.schedule, permuted=permuted) for h in replay.hosts]
    clients = Clients(Guard(["127.0.0.0/8"]))
    ctx = Context(
        engine=engine,
        fetcher=Fetcher(clients, "Quietwatch-replay"),
        platforms=platforms(),
        clock=clock,
        # Virtual time goes on in steps, and while a host is waited for: shorter pauses are none.
        options=replace(options or Options(), own_pause=timedelta(minutes=90)),
    )
    run = Run(engine)
    try:
        await _watch_all(ctx, run, origins)
        if with_rule:
            await replay_rules.begin(ctx, rule)
        await _live(ctx, run, replay, with_rule)
    finally:
        clients.close()
        for origin in origins:
            await origin.stop()
    _note_truth(run, origins, ctx)
    return run


async def _watch_all(ctx: Context, run: Run, origins: list[Origin]) -> None:
    for number, origin in enumerate(origins):
        base = await origin.start(f"127.0.0.{number + 2}")
        faults, origin.schedule = origin.schedule, type(origin.schedule)()
        for persona in origin.world.personas.values():
            account = await watch.watch(ctx, _link(base, persona))
            run.names[account.id] = persona.name
        origin.schedule = faults
        origin.served.clear()  # what resolving showed is no look


def _link(base: str, persona: Persona) -> str:
    if persona.format == "mastodon":
        return f"{base}/@{persona.name}"
    return f"{base}/feed/{persona.name}.{persona.format}"


async def _live(ctx: Context, run: Run, replay: replay_world.Replay, with_rule: bool) -> None:
    """Look whenever somebody is due, in steps; our own outages are slept through and caught up with as in life."""
    clock = ctx.clock
    assert isinstance(clock, VirtualClock)
    while (due := await _next_due(ctx)) is not None and due < replay.ends_at:
        clock.advance_to(max(due, clock.now() + STEP))
        outage = next((w for w in replay.own_outages if w.start <= clock.now() < w.end), None)
        if outage is not None:
            clock.advance_to(outage.end)
            await beat(ctx, clock.now())
            await loop.catch_up(ctx, clock.now())
        report = await poll.run_once(ctx, clock.now())
        if report.error is not None:
            raise RuntimeError(f"looks could not be written: {report.error}")
        run.looks.update(report.outcomes)
        run.new_posts += report.new_posts
        if with_rule:
            await replay_rules.beside_looks(ctx, clock.now())
    clock.advance_to(replay.ends_at)


async def _next_due(ctx: Context) -> datetime | None:
    async with ctx.engine.connect() as conn:
        return await claims.next_due(conn)


def _note_truth(run: Run, origins: list[Origin], ctx: Context) -> None:
    ids = {name: account_id for account_id, name in run.names.items()}
    for origin in origins:
        run.requests += origin.requests
        served: dict[str, list[Served]] = {}
        for each in origin.served:
            served.setdefault(each.account, []).append(each)
        for persona in origin.world.personas.values():
            platform = ctx.platforms["mastodon" if persona.format == "mastodon" else "feed"]
            run.oracles[ids[persona.name]] = Oracle(persona, served.get(persona.name, []), platform.margin)


def questions(replay: replay_world.Replay, count: int, seed: int) -> list[tuple[Interval, datetime]]:
    """Windows of an hour to a month, and a moment after their start from which they are asked."""
    dice = random.Random(seed)
    begin, end = replay.starts_at - replay_world.LEAD, replay.ends_at
    found = []
    for _ in range(count):
        length = timedelta(hours=720 ** dice.random())
        start = begin + dice.random() * (end - begin - length)
        window = Interval(start, start + length)
        asked = replay.starts_at + dice.random() * (end - replay.starts_at)
        if dice.random() < 0.5:  # half of them close behind the window, where looks, margins and faults matter most
            asked = window.end + timedelta(hours=dice.expovariate(1 / 6))
        found.append((window, min(max(asked, replay.starts_at), end)))
    return found


async def ask(run: Run, asked: list[tuple[Interval, datetime]], end: datetime) -> list[dict[int, str]]:
    """The product's answers for all accounts, question by question."""
    found = []
    async with run.engine.connect() as conn:
        for window, as_of in asked:
            answers = await participation.answer(conn, Selection(), window, now=end, as_of=as_of, limit=10_000)
            found.append({taker.account_id: answer.state.value for taker, answer in answers})
    return found


def judge(run: Run, asked: list[tuple[Interval, datetime]], answers: list[dict[int, str]]) -> dict[str, Any]:
    """Wrong definite answers, and unknowns that a perfect observer would not have had."""
    wrong: list[str] = []
    misled = 0
    said: Counter[str] = Counter()
    best: Counter[str] = Counter()
    for (window, as_of), states in zip(asked, answers, strict=True):
        for account_id, state in states.items():
            oracle = run.oracles[account_id]
            said[state] += 1
            best[oracle.best(window.start, window.end, as_of)] += 1
            fault = oracle.fault(state, window.start, window.end, as_of)
            if fault is not None:
                wrong.append(f"{run.names[account_id]}: {fault}")
            misled += oracle.misled(state, window.start, window.end, as_of)
    total = max(1, sum(said.values()))
    return {
        "questions": total,
        "posted": said["posted"],
        "silent": said["silent"],
        "unknown": said["unknown"],
        "unavoidable_unknown": best["unknown"],
        "excess_unknown_share": (said["unknown"] - best["unknown"]) / total,
        "wrong": len(wrong),
        "wrong_examples": wrong[:5],
        "misled_by_a_counter": misled,
    }


async def judge_streaks(run: Run, end: datetime) -> dict[str, Any]:
    """Every streak on record: it follows a real post, and nothing that could be seen was posted in its proven part."""
    wrong: list[str] = []
    count = 0
    async with run.engine.connect() as conn:
        for account_id, oracle in run.oracles.items():
            made = (await posts.load(conn, [account_id]))[account_id]
            covered = known_at((await coverage.load(conn, [account_id]))[account_id], None, DEFAULT_KINDS)
            moments = {event.claimed_at for event in oracle.events}
            for streak in streaks(made, covered, end, DEFAULT_KINDS):
                count += 1
                if streak.starts_at is None:
                    continue
                if streak.starts_at not in moments:
                    wrong.append(f"{run.names[account_id]}: no post at {streak.starts_at}")
                proven = streak.starts_at + streak.proven
                inside = oracle.within(streak.starts_at + timedelta(microseconds=1), proven)
                if any(oracle.seeable(event, end) and not oracle.hidden(event, end) for event in inside):
                    wrong.append(f"{run.names[account_id]}: a post inside {streak.starts_at} to {proven}")
    return {"streaks": count, "wrong_streaks": len(wrong), "wrong_streak_examples": wrong[:5]}


async def permutation(address: str, data: Path, seed: int, accounts: int, days: int) -> dict[str, Any]:
    """The same part of the run twice, once with every page in disorder: how many answers differ."""
    answers = []
    for number, permuted in enumerate((False, True)):
        replay = replay_world.build(replay_world.load(data, accounts, days), seed)
        engine = await fresh(address, f"permutation_{number}")
        run = await play(engine, replay, permuted=permuted, options=REPEATABLE)
        asked = questions(replay, 300, seed + 1)
        states = await ask(run, asked, replay.ends_at)
        answers.append([{run.names[i]: state for i, state in each.items()} for each in states])
        await engine.dispose()
    differing = sum(a != b for one, other in zip(*answers, strict=True) for a, b in _pairs(one, other))
    return {"permuted_answers": sum(map(len, answers[0])), "permuted_differing": differing}


def _pairs(one: dict[str, str], other: dict[str, str]) -> list[tuple[str, str | None]]:
    return [(state, other.get(name)) for name, state in one.items()]


async def fresh(address: str, name: str) -> AsyncEngine:
    """A migrated database of this name on the bench's server."""
    admin = create_engine(address, statement_timeout=None)
    async with admin.connect() as conn:
        raw = await conn.get_raw_connection()
        await raw.driver_connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[union-attr]  # asyncpg's own
    await admin.dispose()
    url = address.replace("/postgres?", f"/{name}?")
    await migrate.upgrade(url)
    return create_engine(url, statement_timeout=None)


async def main(options: Any, address: str) -> dict[str, Any]:
    """The whole bench."""
    replay = replay_world.build(replay_world.load(options.data, options.accounts, options.days), options.seed)
    began = time.perf_counter()
    engine = await fresh(address, "replay")
    run = await play(engine, replay)
    played = time.perf_counter() - began
    asked = questions(replay, max(1, options.questions // max(1, len(run.oracles))), options.seed)
    figures: dict[str, Any] = {"accounts": len(run.oracles), "days": (replay.ends_at - replay.starts_at).days}
    figures |= {"looks": dict(run.looks), "requests": run.requests, "new_posts": run.new_posts, "played_s": played}
    figures |= judge(run, asked, await ask(run, asked, replay.ends_at))
    figures |= await judge_streaks(run, replay.ends_at)
    await engine.dispose()
    figures |= await permutation(address, options.data, options.seed, options.permuted_accounts, options.permuted_days)
    return figures


async def main_with_rule(options: Any, address: str) -> dict[str, Any]:
    """The bench of the rule."""
    times = replay_world.load(options.data, options.accounts, options.days)
    replay = replay_world.build(times, options.seed, replay_rules.REAL_OUTAGES)
    began = time.perf_counter()
    engine = await fresh(address, "replay")
    adaptive = options.rules == "adaptive"
    run = await play(engine, replay, with_rule=True, rule=replay_adaptive.RULE if adaptive else None)
    figures: dict[str, Any] = {"accounts": len(run.oracles), "days": (replay.ends_at - replay.starts_at).days}
    figures |= {"looks": dict(run.looks), "new_posts": run.new_posts, "played_s": time.perf_counter() - began}
    figures |= await (replay_adaptive if adaptive else replay_rules).judge(engine, run.oracles, replay)
    await engine.dispose()
    return figures


def with_delay(figures: dict[str, Any], accounts: int) -> tuple[bool, dict[str, Any]]:
    """Whether a rule's figures are as promised, and its delay with them, in real time and on a durable database."""
    found = delay.run(accounts)
    ok = replay_rules.promised(figures) and delay.promised(found)
    return ok, figures | {f"delay_{name}": value for name, value in found.items()}


def promised(figures: dict[str, Any]) -> bool:
    """0 wrong, at most 1 percentage point more unknown than unavoidable, nothing changed by the order of items."""
    return bool(
        figures["wrong"] == 0
        and figures["wrong_streaks"] == 0
        and figures["excess_unknown_share"] <= MOST_EXCESS_UNKNOWN
        and figures["misled_by_a_counter"] <= MOST_MISLED * figures["questions"]
        and figures["permuted_differing"] == 0
    )


if __name__ == "__main__":
    arguments = harness.parser(__doc__)
    arguments.add_argument("--data", type=Path, required=True, help="parquet with account and posted_at")
    arguments.add_argument("--questions", type=int, default=200_000)
    arguments.add_argument("--accounts", type=int, help="only so many accounts of the file")
    arguments.add_argument("--days", type=int, help="only so many days")
    arguments.add_argument("--permuted-accounts", type=int, default=6)
    arguments.add_argument("--permuted-days", type=int, default=14)
    arguments.add_argument("--seed", type=int, default=2020)
    arguments.add_argument("--delay-accounts", type=int, default=delay.ACCOUNTS, help="with a fixed rule")
    arguments.add_argument(
        "--rules",
        nargs="?",
        const="fixed",
        choices=("fixed", "adaptive"),
        help="judge the events of a rule instead: of 48 hours, or of two false alarms a year",
    )
    given = arguments.parse_args()
    logs.configure("json", "error")
    with harness.database(FASTER) as server:
        wanted = main_with_rule if given.rules else main
        result = uvloop.run(wanted(given, server.url_for("postgres", SUPERUSER)))
    if given.rules == "fixed":
        kept, result = with_delay(result, given.delay_accounts)
    else:
        kept = (replay_adaptive.promised if given.rules else promised)(result)
    harness.report(kept, result, given.json)
