"""CPU of one HTTP look: the fetcher beside httpx2 and httpcore2, each with one client per host, in one run.

    python -m bench.http_client [--looks N] [--json]

The server is a process of its own on loopback and sends canned bytes; 50 looks run at once over kept connections.
Promise (docs/decisions/0003): the fetcher costs at most a fifth of httpx2 per look, changed or not.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import httpcore2
import httpx2
import uvloop

from app.platforms.base import Request, Response
from app.worker.fetch import Validators
from bench.harness import median, parser, report
from bench.rawserver import loopback_fetcher

HOSTS = 50
ROUNDS = 3
COMMON = 'Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nETag: "abc"\r\nCache-Control: max-age=900\r\nServer: bench\r\n'
CHANGED = (
    f"HTTP/1.1 200 OK\r\n{COMMON}Content-Type: application/rss+xml\r\nContent-Length: 15000\r\n\r\n".encode()
    + b"x" * 15_000
)
UNCHANGED = f"HTTP/1.1 304 Not Modified\r\n{COMMON}\r\n".encode()
CONDITIONS = {"If-None-Match": '"abc"', "If-Modified-Since": "Sun, 22 Nov 2026 10:00:00 GMT"}
HEADERS = {"User-Agent": "Quietwatch/bench", "Accept-Encoding": "gzip"}
One = Callable[[int], Awaitable[int]]


class Canned(asyncio.Protocol):
    """Answers each request by whether it is conditional."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held = transport, b""

    def data_received(self, data: bytes) -> None:
        *whole, self._held = (self._held + data).split(b"\r\n\r\n")
        for head in whole:
            self._transport.write(UNCHANGED if b"none-match" in head.lower() else CHANGED)  # type: ignore[attr-defined]


def serve(tell: Connection) -> None:
    """The server's process."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


def fetcher(url: str, conditional: bool) -> One:
    """The product's."""
    client, _ = loopback_fetcher()
    request, known = Request(url, (), conditional), Validators(url, b'"abc"', b"Sun, 22 Nov 2026 10:00:00 GMT")

    async def one(host: int) -> int:
        result = await client.send(request, validators=known, now=lambda: datetime.now(UTC))
        assert isinstance(result, Response)
        return result.status

    return one


def by_httpx2(url: str, conditional: bool) -> One:
    """httpx2, one client per host."""
    clients = [httpx2.AsyncClient(trust_env=False) for _ in range(HOSTS)]
    headers = HEADERS | (CONDITIONS if conditional else {})

    async def one(host: int) -> int:
        async with clients[host].stream("GET", url, headers=headers) as response:
            await response.aread()
            return response.status_code

    return one


def by_httpcore2(url: str, conditional: bool) -> One:
    """httpcore2, one pool per host."""
    pools = [httpcore2.AsyncConnectionPool() for _ in range(HOSTS)]
    headers = [
        (name.encode(), value.encode()) for name, value in (HEADERS | (CONDITIONS if conditional else {})).items()
    ]
    parsed = httpcore2.URL(url)
    headers.append((b"Host", b"127.0.0.1"))

    async def one(host: int) -> int:
        return (await pools[host].request(b"GET", parsed, headers=headers)).status

    return one


CLIENTS = {"fetcher": fetcher, "httpcore2": by_httpcore2, "httpx2": by_httpx2}


async def cost(one: One, looks: int, status: int) -> float:
    """CPU milliseconds of this process per look."""

    async def run(count: int) -> None:
        turns = iter(range(count))

        async def host(number: int) -> None:
            for _ in turns:
                assert await one(number) == status

        await asyncio.gather(*(host(number) for number in range(HOSTS)))

    await run(HOSTS * 4)
    began = time.process_time()
    await run(looks)
    return (time.process_time() - began) / looks * 1000


def measure(url: str, looks: int) -> dict[str, float]:
    """Medians of interleaved rounds by client and status."""
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, client in CLIENTS.items():
            for status in (200, 304):

                async def run(client: Callable[[str, bool], One] = client, status: int = status) -> float:
                    return await cost(client(url, status == 304), looks, status)

                found.setdefault(f"{name}_{status}_ms", []).append(uvloop.run(run()))
    return {name: round(median(values), 4) for name, values in found.items()}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--looks", type=int, default=3_000)
    given = options.parse_args()
    told, tell = multiprocessing.get_context("spawn").Pipe(False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(tell,), daemon=True)
    server.start()
    try:
        figures = measure(f"http://127.0.0.1:{told.recv()}/", given.looks)
    finally:
        server.kill()
        server.join()
    ratios = {
        f"share_of_httpx2_{status}": figures[f"fetcher_{status}_ms"] / figures[f"httpx2_{status}_ms"]
        for status in (200, 304)
    }
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    report(all(value <= 0.2 for value in ratios.values()), figures | rounded, given.json)


if __name__ == "__main__":
    main()
