"""Crashes while webhooks are sent, acknowledged and rotated (battery E3): nothing lost, nothing invented, one id each.

In each round a process records events, rotates the endpoint's secret and delivers; it is killed (SIGKILL) at one named
point. A second one does, once the leases have ended, what is not on record. Then every event was sent and is delivered
once, under its own id; a killed process costs at most the repetition of what it had not written down; one secret is
current, and every message verifies with it or with one that it replaced. The endpoint is scripted: it writes what it
gets into a file, which no crash of the sender loses.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import text
from standardwebhooks import Webhook as Standard

from app.domain.events import EventType, NewEvent
from app.platforms import platforms
from app.storage import events, lanes, webhooks
from app.storage.engine import AsyncConnection, create_engine
from app.webhooks import policy, signing
from app.worker.clock import VirtualClock
from app.worker.context import Context
from app.worker.deliver import Deliverer
from app.worker.guard import Guard
from app.worker.ledger import Ledger
from app.worker.post import Poster, Sent
from bench import endpoints, harness
from bench.faults_child import Place, arm, child
from bench.faults_world import AGAIN, ROUND, START, forget_sources

#: Events in a round.
EVENTS = 6
SERIES = 100


class Scripted(Poster):
    """Takes everything, and writes it down."""

    def __init__(self, kept: Path) -> None:
        super().__init__(Guard([endpoints.LOOPBACK]), "Quietwatch/bench")
        self._kept = kept

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Sent:
        """204."""
        with self._kept.open("a") as file:
            file.write(json.dumps({"headers": dict(headers), "body": body.decode()}) + "\n")
        await asyncio.sleep(0)
        return Sent(204)


async def rotate(conn: AsyncConnection, turn: int, at: VirtualClock) -> None:
    """The secret of this round, where it is not yet the current one."""
    known = (
        await conn.execute(text("SELECT count(*) FROM webhook_secrets WHERE created_at = :at"), {"at": _of(turn)})
    ).scalar_one()
    if not known:
        found = await webhooks.rotate(
            conn, 1, endpoints.seal(key_of(turn)), _of(turn), at.now() + policy.ROTATION, policy.MOST_OLD_SECRETS
        )
        assert found, "a rotation was refused"


#: Where a process is killed: before and after each of these. ``ack`` is the end of the transaction of results.
POINTS: dict[str, Place] = {
    "record": (events, "record"),
    "rotate": (webhooks, "rotate"),
    "claim": (lanes, "claim"),
    "load": (lanes, "load"),
    "send": (Scripted, "post"),
    "settle": (lanes, "settle"),
    "ack": (Ledger, "_write"),
}


@dataclass(frozen=True, slots=True)
class Round:
    """One round: its number, and the moment of this process."""

    database: str
    kept: Path
    turn: int
    late: timedelta = timedelta(0)


def key_of(turn: int) -> bytes:
    """The secret of a round."""
    return sha256(str(turn).encode()).digest()


def _of(turn: int) -> Any:
    return START + ROUND * turn


async def work(this: Round) -> None:
    """Record, rotate, deliver: what is not on record."""
    engine = create_engine(this.database, pool_size=4)
    clock, poster = VirtualClock(_of(this.turn) + this.late), Scripted(this.kept)
    ctx = Context(engine, None, platforms(), clock, sealer=endpoints.SEALER, poster=poster)  # type: ignore[arg-type]  # nothing is looked at
    deliverer = Deliverer(ctx, poster)
    for first in (0, EVENTS // 2):
        async with engine.begin() as conn:
            await _tell(conn, this.turn, range(first, first + EVENTS // 2), clock)
        if not first:
            await deliverer.tick()
            await deliverer.drain()
            async with engine.begin() as conn:
                await rotate(conn, this.turn, clock)
    await deliverer.tick()
    await deliverer.drain()
    poster.close()
    await engine.dispose()


async def _tell(conn: AsyncConnection, turn: int, numbers: range, clock: VirtualClock) -> None:
    known = {row[0] for row in await conn.execute(text("SELECT data->>'n' FROM events"))}
    names = [f"{turn}.{number}" for number in numbers if f"{turn}.{number}" not in known]
    if names:
        await events.record(conn, [NewEvent(EventType.DEGRADED, clock.now(), {"n": n}) for n in names], clock.now())


async def differences(this: Round) -> list[str]:
    """What is not as the model has it after rounds 1 to ``turn``, each with a crash and a recovery."""
    engine = create_engine(this.database)
    async with engine.connect() as conn:
        rows = (
            await conn.execute(
                text(
                    "SELECT e.public_id, e.data->>'n' AS name, count(d.id) AS rows, min(d.status) AS status"
                    " FROM events e LEFT JOIN deliveries d ON d.event_id = e.id GROUP BY 1, 2"
                )
            )
        ).all()
        current = (
            await conn.execute(text("SELECT ciphertext, key_id FROM webhook_secrets WHERE expires_at IS NULL"))
        ).all()
        leased = (
            await conn.execute(
                text("SELECT count(*) FROM webhook_lanes WHERE lease_until > :now"), {"now": _of(this.turn) + AGAIN}
            )
        ).scalar_one()
    await engine.dispose()
    return [*_events(this, rows), *_secrets(this, current), *(["a lane is left leased"] if leased else [])]


def _events(this: Round, rows: Sequence[Any]) -> list[str]:
    wanted = Counter(f"{turn}.{number}" for turn in range(1, this.turn + 1) for number in range(EVENTS))
    faults = [] if Counter(row.name for row in rows) == wanted else ["events are lost or on record twice"]
    faults += [
        f"{row.name} has {row.rows} deliveries: {row.status}"
        for row in rows
        if (row.rows, row.status) != (1, "delivered")
    ]
    sent, names = Counter[str](), {row.public_id: row.name for row in rows}
    for message in map(json.loads, this.kept.read_text().splitlines()):
        name = json.loads(message["body"])["data"]["n"]
        sent[name] += 1
        if names.get(message["headers"]["webhook-id"]) != name:
            faults.append(f"{name} was sent under another id")
        if not _verifies(message, range(max(0, int(name.split(".")[0]) - 1), int(name.split(".")[0]) + 1)):
            faults.append(f"{name} does not verify")
    faults += [f"{name} was never sent" for name in wanted if not sent[name]]
    return faults + [f"{name} was sent {count} times" for name, count in sent.items() if count > 2]


def _verifies(message: dict[str, Any], turns: range) -> bool:
    """With the secret of its round, or with the one that this replaced."""
    stamp = int(message["headers"]["webhook-timestamp"])
    given = message["headers"]["webhook-signature"].split(" ")
    return any(
        Standard(signing.write_secret(key_of(turn))).sign(
            message["headers"]["webhook-id"], _moment(stamp), message["body"]
        )
        in given
        for turn in turns
    )


def _moment(stamp: int) -> Any:
    return START + timedelta(seconds=stamp - START.timestamp())


def _secrets(this: Round, current: Sequence[Any]) -> list[str]:
    found = [endpoints.SEALER.open(row.ciphertext, row.key_id) for row in current]
    return (
        [] if found == [signing.write_secret(key_of(this.turn)).encode()] else ["the current secret is not the round's"]
    )


async def _begin(database: str) -> None:
    engine = create_engine(database)
    async with engine.begin() as conn:
        await webhooks.add(conn, {"url": "http://127.0.0.1:9/hook"}, endpoints.seal(key_of(0)), START)
    await engine.dispose()


def run(database: str, times: int, sides: Sequence[bool] = (False, True)) -> dict[str, Any]:
    """Crash ``times`` times before and after each point, recover, compare."""
    plans = [(point, after, turn) for turn in range(times) for point in POINTS for after in sides]
    faults, killed = [], Counter[str]()
    with harness.scratch() as directory:
        for start in range(0, len(plans), SERIES):
            asyncio.run(forget_sources(database))
            asyncio.run(_begin(database))
            kept = directory / f"kept{start}"
            kept.touch()
            for turn, (point, after, time) in enumerate(plans[start : start + SERIES], 1):
                name = f"{'after' if after else 'before'} {point}"
                call = 1 if point == "rotate" else 1 + time % 2
                this = Round(database, kept, turn)
                killed[name] += child(functools.partial(work, this), functools.partial(arm, POINTS[point], after, call))
                child(functools.partial(work, Round(database, kept, turn, AGAIN)))
                faults += [f"after {name}: {fault}" for fault in asyncio.run(differences(this))]
    names = {f"{'after' if after else 'before'} {point}" for point, after, _ in plans}
    return {
        "points": len(names),
        "crashes": sum(killed.values()),
        "never_reached": sorted(name for name in names if not killed[name]),
        "differences": len(faults),
        "examples": faults[:5],
    }
