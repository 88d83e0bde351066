"""Deliveries captured on the wire, across rotations, verified by two receivers of others' making (battery D1 to D4).

Ten rotations fall among the deliveries. Every message has to verify with the secret that is new at that moment and
with the one before, by ``standardwebhooks`` and by ``svix``; its body has to be the bytes that were signed. The floor
beside it: how long signing alone takes. ``--deliveries`` changes the size.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook as Standard
from svix import Webhook as Svix

from app import logs
from app.domain.events import EventType, NewEvent
from app.platforms import platforms
from app.storage import events, webhooks
from app.storage.engine import AsyncEngine, create_engine
from app.webhooks import policy, signing
from app.worker.clock import SystemClock
from app.worker.context import Context
from app.worker.deliver import Deliverer
from app.worker.guard import Guard
from app.worker.post import Poster
from bench import endpoints, harness

ROTATIONS = 10
TEXTS = ("plain", "ëüß", "日本語", '"quoted" \\ back', "<script>", "=cmd()", "\u2028", "🙂")


async def measure(url: str, deliveries: int) -> dict[str, Any]:
    """Deliver, capture, verify."""
    engine = create_engine(url, statement_timeout=None)
    captured: list[tuple[endpoints.Message, tuple[bytes, ...]]] = []
    keys = [secrets.token_bytes(32)]
    poster = Poster(Guard([endpoints.LOOPBACK]), "Quietwatch/bench")
    ctx = Context(engine, None, platforms(), SystemClock(), sealer=endpoints.SEALER, poster=poster)  # type: ignore[arg-type]  # nothing is looked at
    deliverer = Deliverer(ctx, poster)
    try:
        async with endpoints.serve(lambda message: captured.append((message, tuple(keys[-2:])))) as port:
            (endpoint,) = await endpoints.add(engine, [f"http://127.0.0.1:{port}/hook"], keys[0])
            with harness.Stopwatch() as watch:
                for round_ in range(ROTATIONS + 1):
                    places = (deliveries * place // (ROTATIONS + 1) for place in (round_, round_ + 1))
                    await _tell(engine, range(*places))
                    await deliverer.tick()
                    await deliverer.drain()
                    if round_ < ROTATIONS:
                        keys.append(secrets.token_bytes(32))
                        await _rotate(engine, endpoint.id, keys[-1])
        return {**_verify(captured), "deliveries_per_s": deliveries / watch.wall, "sign_us": _sign_us(captured)}
    finally:
        poster.close()
        await engine.dispose()


async def _tell(engine: AsyncEngine, numbers: range) -> None:
    now = datetime.now(UTC)
    texts = (TEXTS[n % len(TEXTS)] * (1 + n % 40) for n in numbers)
    news = [NewEvent(EventType.DEGRADED, now, {"text": text}) for text in texts]
    async with engine.begin() as conn:
        await events.record(conn, news, now)


async def _rotate(engine: AsyncEngine, endpoint: int, key: bytes) -> None:
    now = datetime.now(UTC)
    async with engine.begin() as conn:
        done = await webhooks.rotate(
            conn, endpoint, endpoints.seal(key), now, now + policy.ROTATION, policy.MOST_OLD_SECRETS
        )
    assert done, "a rotation was refused"


def _verify(captured: list[tuple[endpoints.Message, tuple[bytes, ...]]]) -> dict[str, Any]:
    good = {"standardwebhooks": 0, "svix": 0}
    for message, keys in captured:
        headers = message.headers
        for name, library in (("standardwebhooks", Standard), ("svix", Svix)):
            try:
                for key in keys:
                    library(signing.write_secret(key)).verify(message.body, headers)
                good[name] += 1
            except Exception as error:
                print(f"{name} refused {message.id}: {error!r}")
    return {"captured": len(captured), "ids": len({message.id for message, _ in captured}), **good}


def _sign_us(captured: list[tuple[endpoints.Message, tuple[bytes, ...]]]) -> float:
    began = time.perf_counter()
    for message, keys in captured:
        signing.sign(keys, "evt_1", 1, message.body)
    return (time.perf_counter() - began) / len(captured) * 1e6


def main() -> None:
    """Run and report."""
    parser = harness.parser(__doc__)
    parser.add_argument("--deliveries", type=int, default=10_000)
    options = parser.parse_args()
    logs.configure("console", "error")
    found = harness.on_fresh_database(lambda address, _: measure(address, options.deliveries))
    wanted = options.deliveries
    ok = all(found[name] == wanted for name in ("captured", "ids", "standardwebhooks", "svix"))
    harness.report(ok, {"deliveries": wanted, "rotations": ROTATIONS, **found}, options.json)


if __name__ == "__main__":
    main()
