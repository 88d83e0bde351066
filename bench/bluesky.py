"""Watches a real Bluesky network (directory, personal data server, AppView) while things happen on it.

    python -m bench.bluesky [--corpus DIR] [--work DIR] [--rounds N] [--json]

The service's own functions resolve, poll and answer. The truth is what the accounts' own server holds (listRecords),
which the service does not ask. ``--work`` keeps the installed network for the next run (700 MB).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.commands.compose import worker_context
from app.config import Settings
from app.domain.models import DateNote, Failure, Interval, Kind, Post
from app.domain.participation import Took
from app.errors import Unresolvable
from app.platforms.base import Request, Response
from app.storage import accounts, migrate, participation, polls, posts
from app.storage.accounts import Account
from app.storage.engine import create_engine
from app.storage.names import Selection
from app.worker import poll, watch
from app.worker.context import Context, Sender
from bench.bluesky_network import Missing, Network, network
from bench.harness import database, parser, report, scratch

MARGIN = 1
LATER = ("iris", "jack", "kate", "liam", "mona", "nils")
VISIBLE = ("alice", "bob", "carol", "grace", "henk", "iris", "mona", "nils")


@dataclass
class Counting:
    """The network, with a list of what was asked."""

    inner: Sender
    asked: list[str] = field(default_factory=list)

    async def send(self, request: Request, **more: Any) -> Response | Failure:
        """Pass on and note."""
        self.asked.append(request.url)
        return await self.inner.send(request, **more)


@dataclass
class Trial:
    """One run: what is watched, and what was found wrong."""

    net: Network
    ctx: Context
    sent: Counting
    watched: dict[str, Account] = field(default_factory=dict)
    checks: int = 0
    failed: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def check(self, what: str, found: object, expected: object) -> None:
        """Note whether it is as it should be."""
        self.checks += 1
        if found != expected:
            self.failed.append(f"{what}: {found!r} instead of {expected!r}"[:500])

    async def look(self) -> int:
        """Everybody is looked at now; returns how many requests that took."""
        before = len(self.sent.asked)
        now = datetime.now(UTC)
        async with self.ctx.engine.begin() as conn:
            await accounts.poll_now(conn, [account.id for account in self.watched.values()], now)
        await poll.run_once(self.ctx, now)
        return len(self.sent.asked) - before

    async def outcome(self, name: str) -> tuple[str, str | None]:
        """How the last look at an account ended."""
        async with self.ctx.engine.connect() as conn:
            last = (await polls.page(conn, self.watched[name].id, limit=1))[0]
        return str(last.outcome), last.reason

    async def answer(self, name: str, start: datetime, end: datetime) -> Took:
        """Posted, silent or unknown."""
        async with self.ctx.engine.connect() as conn:
            only = Selection(ids=(self.watched[name].id,))
            found = await participation.answer(conn, only, Interval(start, end), now=datetime.now(UTC))
        return found[0][1].state

    async def known(self, name: str) -> list[Post]:
        """Every post on record."""
        async with self.ctx.engine.connect() as conn:
            return await posts.page(conn, self.watched[name].id, limit=1000)


async def resolve_all(trial: Trial) -> None:
    """Each of the ways in which people name an account."""
    net = trial.net
    pasted = {
        "alice": "@alice.test",
        "bob": "https://bsky.app/profile/bob.test",
        "carol": f"at://{net.did('carol')}",
        "dave": net.did("dave"),
        "erin": f"https://bsky.app/profile/{net.did('erin')}/post/3abc",
        "frank": net.did("frank"),
        "grace": "@grace-new.test",
        "henk": f"at://henk.test/app.bsky.feed.post/{next(iter(net.records('henk'))).split('/')[-1]}",
        **{name: f"@{name}.test" for name in LATER},
    }
    for name, link in pasted.items():
        trial.watched[name] = await watch.watch(trial.ctx, link)
        trial.check(f"{name} is", trial.watched[name].native_id, net.did(name))
    again = await watch.watch(trial.ctx, net.did("alice"))
    trial.check("alice by another name", again.id, trial.watched["alice"].id)
    for gone in ("@grace.test", "@nobody.test", "did:plc:" + "z" * 24):
        try:
            await watch.resolve(trial.ctx, gone)
            trial.check(gone, "found", "not found")
        except Unresolvable as error:
            trial.check(f"{gone} says what was tried", bool(error.tried), True)


async def compare_with_records(trial: Trial, name: str) -> None:
    """What is on record against what the account's own server holds."""
    expected = {}
    for uri, record in trial.net.records(name).items():
        _, _, _, collection, key = uri.split("/")
        repost = collection == "app.bsky.feed.repost"
        expected["r/" + key if repost else key] = _kind(record, repost), _claim(record)
    found = {}
    for post in await trial.known(name):
        claimed = None if post.note & DateNote.CLAMPED or post.posted_at.year >= 2030 else post.posted_at
        if post.deleted_seen_at is None:
            found[post.native_id] = post.kind, claimed
    trial.check(f"ids of {name}", sorted(found), sorted(expected))
    for native_id in found.keys() & expected.keys():
        kind, claim = expected[native_id]
        trial.check(f"kind of {name}'s {native_id}", found[native_id][0], kind)
        if claim is not None:
            trial.check(f"time of {name}'s {native_id}", found[native_id][1], claim)


def _kind(record: dict[str, Any], repost: bool) -> Kind:
    if repost:
        return Kind.REPOST
    if "reply" in record:
        return Kind.REPLY
    return Kind.QUOTE if record.get("embed", {}).get("$type") == "app.bsky.embed.record" else Kind.ORIGINAL


def _claim(record: dict[str, Any]) -> datetime | None:
    """The claimed time; None where it lies in the future, for then it is the time of arrival."""
    at = datetime.fromisoformat(record["createdAt"].replace("Z", "+00:00")).astimezone(UTC)
    return at if at.year < 2030 else None


async def first_looks(trial: Trial) -> None:
    """The seeded accounts: every awkward case ends in the right state."""
    await trial.look()
    for name in VISIBLE:
        trial.check(f"look at {name}", (await trial.outcome(name))[0], "page")
        await compare_with_records(trial, name)
    trial.check("deactivated", await trial.outcome("dave"), ("gone", "deactivated"))
    trial.check("taken down", await trial.outcome("erin"), ("suspended", "takendown"))
    trial.check("deleted", await trial.outcome("frank"), ("gone", "deleted"))
    for name in ("dave", "erin", "frank"):
        hour = timedelta(hours=1)
        state = await trial.answer(name, datetime.now(UTC) - hour, datetime.now(UTC))
        trial.check(f"what is said about {name}", state, Took.UNKNOWN)


async def quiet_rounds(trial: Trial) -> int:
    """Nothing happens: counters say so. Returns the requests of one round."""
    await trial.look()
    return await trial.look()


async def live_rounds(trial: Trial, rounds: int) -> None:
    """Posts are made while the service watches; each must be on record after the next look."""
    net = trial.net
    first = net.post("bob")
    makers: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("alice", lambda: net.post("alice")),
        ("bob", lambda: net.post("bob", reply={"root": first, "parent": first})),
        ("carol", lambda: net.post("carol", embed={"$type": "app.bsky.embed.record", "record": first})),
        ("grace", lambda: net.post("grace", at=datetime(2019, 6, 1, 12, tzinfo=UTC))),
        ("alice", lambda: net.post("alice", at=datetime(2031, 1, 1, tzinfo=UTC))),
    )
    for number in range(rounds):
        name, make = makers[number % len(makers)]
        began = time.monotonic()
        uri = (await asyncio.to_thread(make))["uri"]
        shown = await asyncio.to_thread(net.shows, name, uri)
        trial.check(f"round {number}: the AppView shows {name}'s post", shown, True)
        await trial.look()
        trial.delays.append(time.monotonic() - began)
        on_record = uri.split("/")[-1] in {post.native_id for post in await trial.known(name)}
        trial.check(f"round {number}: {name}'s post is on record", on_record, True)


async def reposts(trial: Trial) -> None:
    """Counters do not count reposts: they come with the page, here because a post follows."""
    net = trial.net
    subject = net.post("bob")
    net.repost("carol", subject)
    shown = net.post("carol")["uri"]
    await asyncio.to_thread(net.shows, "carol", shown)
    await trial.look()
    await compare_with_records(trial, "carol")


async def changes(trial: Trial) -> None:
    """Renamed, deactivated, taken down, deleted, emptied, and back again, between two looks."""
    net = trial.net
    net.write("com.atproto.identity.updateHandle", {"handle": "iris-new.test"}, "iris")
    net.write("com.atproto.server.deactivateAccount", {}, "jack")
    net.take_down("kate")
    net.remove("liam")
    for uri in net.records("mona"):
        net.delete("mona", uri)
    net.write("com.atproto.server.deactivateAccount", {}, "nils")
    deleted = net.post("alice")["uri"]
    await asyncio.to_thread(net.shows, "alice", deleted)
    await trial.look()
    net.delete("alice", deleted)
    await asyncio.sleep(2)
    for _ in range(2):
        await trial.look()
    await _daily_page(trial, "mona")
    trial.check("renamed", await _handle(trial, "iris"), "iris-new.test")
    trial.check("deactivated while watched", await trial.outcome("jack"), ("gone", "deactivated"))
    trial.check("taken down while watched", await trial.outcome("kate"), ("suspended", "takendown"))
    trial.check("deleted while watched", await trial.outcome("liam"), ("gone", "deleted"))
    trial.check("emptied while watched", (await trial.outcome("mona"))[0] in ("page", "unchanged"), True)
    trial.check(
        "mona's posts are known to be deleted", [bool(p.deleted_seen_at) for p in await trial.known("mona")], [True]
    )
    gone = {post.native_id: post.deleted_seen_at is not None for post in await trial.known("alice")}
    trial.check("alice's deleted post", gone.get(deleted.split("/")[-1]), True)
    trial.check("nils is away", await trial.outcome("nils"), ("gone", "deactivated"))
    net.write("com.atproto.server.activateAccount", None, "nils")
    back = net.post("nils")["uri"]
    await asyncio.to_thread(net.shows, "nils", back)
    await trial.look()
    trial.check("nils is back", (await trial.outcome("nils"))[0], "page")
    await compare_with_records(trial, "nils")


async def _daily_page(trial: Trial, name: str) -> None:
    """As if a day had passed since the last full page: the next one is asked for without conditions."""
    async with trial.ctx.engine.begin() as conn:
        statement = text("update account_state set paged_at = paged_at - interval '1 day' where account_id = :id")
        await conn.execute(statement, {"id": trial.watched[name].id})
    await trial.look()


async def _handle(trial: Trial, name: str) -> str:
    async with trial.ctx.engine.connect() as conn:
        account = await accounts.get(conn, trial.watched[name].id)
    return account.handle if account else ""


async def answers(trial: Trial, since: datetime) -> None:
    """Posted, silent and unknown over the time of the run."""
    await trial.look()
    until = datetime.now(UTC) - timedelta(seconds=MARGIN + 3)
    trial.check("bob posted", await trial.answer("bob", since, until), Took.POSTED)
    trial.check("henk was silent", await _silent_by_page(trial, "henk", since), Took.SILENT)
    for name in ("jack", "kate", "liam"):
        trial.check(f"what is said about {name}", await trial.answer(name, since, until), Took.UNKNOWN)


async def _silent_by_page(trial: Trial, name: str, since: datetime) -> Took:
    """From the first page on to the next: a post of now makes the counter move, so that reposts are seen as well."""
    start, end = since, datetime.now(UTC)
    await asyncio.sleep(MARGIN + 1)
    uri = trial.net.post(name)["uri"]
    await asyncio.to_thread(trial.net.shows, name, uri)
    await asyncio.sleep(MARGIN + 1)
    await trial.look()
    return await trial.answer(name, start, end)


async def run(net: Network, address: str, rounds: int) -> dict[str, Any]:
    """Everything in order; returns the figures."""
    began = time.monotonic()
    async with _trial(net, address) as trial:
        for name in LATER:
            net.join(name)
            net.shows(name, net.post(name)["uri"])
        await resolve_all(trial)
        await first_looks(trial)
        since = datetime.now(UTC)
        quiet = await quiet_rounds(trial)
        await live_rounds(trial, rounds)
        await reposts(trial)
        await changes(trial)
        await answers(trial, since)
        for name in VISIBLE:
            await compare_with_records(trial, name)
        return {
            "accounts": len(trial.watched),
            "checks": trial.checks,
            "failed": trial.failed,
            "requests": len(trial.sent.asked),
            "requests_of_a_quiet_round": quiet,
            "slowest_post_to_record_s": round(max(trial.delays, default=0), 2),
            "seconds": round(time.monotonic() - began, 1),
        }


@asynccontextmanager
async def _trial(net: Network, address: str) -> AsyncIterator[Trial]:
    settings = Settings(
        allow_networks=["127.0.0.0/8"],
        bluesky_appview_url=net.bsky,
        bluesky_plc_url=net.plc,
        margins={"bluesky": MARGIN},
    )
    engine = create_engine(address)
    try:
        async with worker_context(settings, engine) as ctx:
            sent = Counting(ctx.fetcher)
            yield Trial(net, replace(ctx, fetcher=sent), sent)
    finally:
        await engine.dispose()


async def _migrated_run(net: Network, address: str, rounds: int) -> dict[str, Any]:
    await migrate.upgrade(address)
    return await run(net, address, rounds)


def measure(corpus: Path, work: Path, rounds: int = 10) -> dict[str, Any]:
    """Start the network and a database, run, stop both. Raises Missing."""
    with network(corpus, work) as net, database() as server:
        return asyncio.run(_migrated_run(net, server.url, rounds))


def main() -> None:
    """Run and report."""
    options = parser(__doc__)
    default = Path(os.environ.get("QUIETWATCH_CORPUS", Path(__file__).parent.parent.parent / "shared"))
    options.add_argument("--corpus", type=Path, default=default, help="the folder that holds atproto/")
    options.add_argument("--work", type=Path, help="keeps the installed network")
    options.add_argument("--rounds", type=int, default=10, help="posts made while it runs")
    given = options.parse_args()
    with scratch("qw-atproto-") as fresh:
        try:
            figures = measure(given.corpus, given.work or fresh, given.rounds)
        except Missing as missing:
            report(False, {"missing": str(missing)}, given.json)
    report(not figures["failed"], figures, given.json)


if __name__ == "__main__":
    main()
