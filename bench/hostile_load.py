"""Hostile upstreams in numbers: bombs, slow hosts, cut bodies, cancelled looks. Loopback only."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path

from app.domain.models import Failure
from app.platforms.base import Request, Response
from app.worker.fetch import Fetcher
from bench.harness import percentile
from bench.rawserver import Script, always, answer, loopback_fetcher, serve

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"<rss version='2.0'><channel><title>t</title></channel></rss>"


def now() -> datetime:
    return datetime.now(UTC)


def open_files() -> int:
    """Descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


async def settled_files() -> int:
    """The same, once none was closed for a tenth of a second: the other ends of connections close after ours."""
    fewest, since = open_files(), time.monotonic()
    while time.monotonic() - since < 0.1:
        await asyncio.sleep(0.01)
        if (now_open := open_files()) < fewest:
            fewest, since = now_open, time.monotonic()
    return fewest


def resident(field: str) -> float:
    """A figure of /proc/self/status in MiB: ``VmRSS`` or ``VmHWM`` (its highest)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def start_highest() -> float:
    """Begin ``VmHWM`` anew; the resident size now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


async def bombs(folder: Path) -> dict[str, float]:
    """B1: growth of resident memory, and how many bombs were let through."""
    coded = {name: (folder / f"bomb.{name}").read_bytes() for name in ("gzip", "br", "zstd")}
    coded["gzip, gzip"] = gzip.compress(gzip.compress(bytes(4_000_000)))
    let_through = 0
    fetcher, clients = loopback_fetcher()
    async with serve(always(answer(body=BODY))) as warm:
        await fetcher.send(Request(warm.url), now=now)
    before = start_highest()
    for coding, body in coded.items():
        async with serve(always(answer("200 OK", f"Content-Encoding: {coding}", body=body))) as server:
            result = await fetcher.send(Request(server.url), now=now)
            let_through += not isinstance(result, Failure)
    clients.close()
    return {"bombs": len(coded), "let_through": let_through, "growth_mib": round(resident("VmHWM") - before, 1)}


def drip(start: bytes, every: float, piece: bytes = b"1") -> Script:
    """Sends a start and then a byte now and then, for ever."""

    async def script(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return script


async def slow_hosts(hosts: int, deadline_seconds: float, every: float, polls: int) -> dict[str, float]:
    """B2: when slow answers end, and what they do to the waiting time of healthy polls."""
    fetcher, clients = loopback_fetcher(deadline_seconds=deadline_seconds)
    starts = (
        b"",
        OK + b"X-Slow: ",
        OK + b"Content-Length: 1000000\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
    )
    ends: list[float] = []

    async def suffer(url: str) -> bool:
        began = time.monotonic()
        result = await fetcher.send(Request(url), now=now)
        ends.append(time.monotonic() - began)
        return isinstance(result, Failure)

    scripts = [drip(start, every, b"1\r\nx\r\n" if b"chunked" in start else b"H") for start in starts]
    async with serve(always(answer(body=BODY))) as healthy:
        alone = await waits(fetcher, healthy.url, polls)
        async with serve(scripts[0]) as a, serve(scripts[1]) as b, serve(scripts[2]) as c, serve(scripts[3]) as d:
            slow = [asyncio.create_task(suffer((a, b, c, d)[turn % 4].url)) for turn in range(hosts)]
            await asyncio.sleep(min(1.0, deadline_seconds / 2))
            beside = await waits(fetcher, healthy.url, polls)
            failed = sum(await asyncio.gather(*slow))
    clients.close()
    figures = {"hosts": hosts, "failed": failed, "longest_s": round(max(ends), 2)}
    delay = percentile(beside, 0.99) - percentile(alone, 0.99)
    return {**figures, "healthy_p99_ms": round(percentile(beside, 0.99) * 1000, 1), "delay_p99_s": round(delay, 3)}


async def waits(fetcher: Fetcher, url: str, polls: int) -> list[float]:
    """How long each of some polls took, four at a time."""
    taken: list[float] = []

    async def one() -> None:
        for _ in range(polls // 4):
            began = time.monotonic()
            result = await fetcher.send(Request(url), now=now)
            assert isinstance(result, Response)
            taken.append(time.monotonic() - began)

    await asyncio.gather(*(one() for _ in range(4)))
    return taken


async def truncations(step: int) -> dict[str, int]:
    """B3: a body of 4,096 bytes cut at every ``step``-th byte of the wire; each must be an error."""
    head = OK + b"Content-Type: application/rss+xml\r\nContent-Length: 4096\r\n\r\n"
    body = BODY + b" " * (4096 - len(BODY))
    cuts = range(0, 4096, step)
    turn = iter(cuts)

    async def cut(asked: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(head + body[: next(turn)])
        return False

    fetcher, clients = loopback_fetcher()
    errors = 0
    async with serve(cut) as server:
        for _ in cuts:
            result = await fetcher.send(Request(server.url), now=now)
            errors += isinstance(result, Failure) and result.reason == "incomplete"
    clients.close()
    return {"offsets": len(cuts), "errors": errors}


async def cancellations(seconds: float) -> dict[str, int]:
    """E12: looks cancelled after 0 to 4 ms by 20 tasks; then ten looks, and the descriptors counted."""
    fetcher, clients = loopback_fetcher()

    async def slowly(head: bytes, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.002)
        writer.write(answer(body=BODY))
        return True

    async with serve(slowly) as server:
        await fetcher.send(Request(server.url), now=now)
        clients.close()
        before = await settled_files()
        cancelled = await churn(fetcher, server.url, seconds)
        served = [await fetcher.send(Request(server.url), now=now) for _ in range(10)]
        clients.close()
        left = await settled_files() - before
    good = sum(isinstance(one, Response) and one.body == BODY for one in served)
    return {"cancelled": cancelled, "served_of_10": good, "descriptors_left": left}


async def churn(fetcher: Fetcher, url: str, seconds: float, tasks: int = 20) -> int:
    """Cancel looks again and again; how many were."""
    until, chance, cancelled = time.monotonic() + seconds, random.Random(1), 0

    async def one() -> None:
        nonlocal cancelled
        while time.monotonic() < until:
            try:
                await asyncio.wait_for(fetcher.send(Request(url), now=now), chance.uniform(0, 0.004))
            except TimeoutError:
                cancelled += 1

    await asyncio.gather(*(one() for _ in range(tasks)))
    return cancelled
