"""Does anything forbidden get dialled? The guard against a corpus, beside a naive check and a client without one.

    python -m bench.egress [--corpus FILE] [--small] [--json]

Every dial of the event loop is recorded and none leaves loopback: names resolve as the corpus says, a dial to a public
address is led to a server of ours that plays the corpus's redirect, every other dial fails after it was counted. An
audit hook on ``socket.connect`` watches from beneath that nothing else was opened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from app.domain.models import Failure
from app.platforms.base import Request, Response
from app.worker.clients import Clients
from app.worker.fetch import Fetcher
from app.worker.guard import Guard, NetworkError
from bench.harness import report
from bench.rawserver import always, answer, serve

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpora" / "ssrf" / "ssrf_corpus.jsonl"
PUBLIC = "93.184.215.14"
METADATA = "169.254.169.254"
#: Answers of a name server that changes its mind, one after the other and again from the start (C3).
REBINDING = (
    [[PUBLIC], ["127.0.0.1"]],
    [[PUBLIC], [PUBLIC], [METADATA]],
    [[PUBLIC], ["::1"]],
    [["2606:4700:4700::1111"], ["10.0.0.1"]],
    [[PUBLIC, "127.0.0.1"], [PUBLIC], ["fd00::1"]],
)
TARGETS = (
    f"http://{METADATA}/latest/meta-data/",
    "http://127.0.0.1/",
    "http://[::1]/",
    "https://localhost/",
    "http://2130706433/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "//10.0.0.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://0/",
)
Fetch = Callable[[str], Awaitable[object]]


@dataclass
class Case:
    """One row of the corpus."""

    id: str
    url: str
    expect: str
    dns: list[list[str]] = field(default_factory=list)
    redirect: tuple[int, str] | None = None


class Network:
    """What the loop sees of the world: scripted names, recorded dials."""

    def __init__(self, origin_port: int) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.dials: list[tuple[str, int]] = []
        self.look_ups = 0
        self._origin = ("127.0.0.1", origin_port)
        loop = asyncio.get_running_loop()
        self._sock_connect = loop.sock_connect
        loop.sock_connect = self._connect  # type: ignore[method-assign]
        loop.getaddrinfo = self._getaddrinfo  # type: ignore[method-assign]

    async def resolve(self, host: str, port: int) -> list[str]:
        """The next scripted answer; literals in any spelling the C library knows; never a real look-up."""
        self.look_ups += 1
        host = host.rstrip(".").lower()
        if host in self.answers:
            answers = self.answers[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if host in ("localhost", "ip6-localhost", "ip6-loopback"):
            return ["127.0.0.1"]
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in found]

    async def _getaddrinfo(self, host: Any, port: Any, **_: Any) -> list[Any]:
        text = host.decode() if isinstance(host, bytes) else host
        infos: list[Any] = []
        for address in await self.resolve(text, int(port)):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            infos.append((family, socket.SOCK_STREAM, 6, "", (address, int(port))))
        return infos

    async def _connect(self, sock: socket.socket, address: Any) -> None:
        self.dials.append((address[0], address[1]))
        if address[0] != PUBLIC:
            raise ConnectionRefusedError("recorded, not made")
        await self._sock_connect(sock, self._origin)


class Opened:
    """What ``socket.connect`` was really called with; an audit hook stays for the life of the process."""

    def __init__(self) -> None:
        self.elsewhere: list[Any] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and args[1][0] != "127.0.0.1":
            self.elsewhere.append(args[1])


def load(path: Path) -> list[Case]:
    """The corpus, one case a line."""
    cases = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        redirect = tuple(row["redirect"]) if "redirect" in row else None
        cases.append(Case(row["id"], row["url"], row["expect"], row.get("dns", []), redirect))
    return cases


def guarded(network: Network, clients: list[Clients]) -> Fetch:
    """The service's own fetcher, allowed nothing special."""
    clients.append(Clients(Guard(resolver=network.resolve), idle_seconds=0.05))
    fetcher = Fetcher(clients[-1], "Quietwatch/bench (+https://example.org/contact)", 5)
    return lambda url: fetcher.send(Request(url), now=lambda: datetime.now(UTC))


def plain(network: Network) -> Fetch:
    """httpx2 as it comes, following redirects; one TLS context for all clients, which are costly to make."""
    context = ssl.create_default_context()

    async def fetch(url: str) -> object:
        async with httpx2.AsyncClient(follow_redirects=True, trust_env=False, timeout=2, verify=context) as client:
            return (await client.get(url)).status_code

    return fetch


def naive(network: Network) -> Fetch:
    """Resolve, ask ``is_private``, then let httpx2 resolve again and follow redirects: what many services do."""
    unguarded = plain(network)

    async def fetch(url: str) -> object:
        parts = urlsplit(url)
        for address in await network.resolve(parts.hostname or "", parts.port or 80):
            if ip_address(address).is_private:
                return None
        return await unguarded(url)

    return fetch


def named(case: Case) -> list[str]:
    """The addresses of a case that may be dialled: its answers, or the literal in its URL."""
    texts = [text for answer in case.dns for text in answer] or [urlsplit(case.url).hostname or ""]
    return [str(ip_address(text)) for text in texts]


async def judge(cases: list[Case], network: Network, fetch: Fetch, origin: dict[str, bytes]) -> dict[str, int]:
    """Count violations (a forbidden dial) among the hostile cases and successes among the allowed."""
    public = {address for case in cases if case.expect == "allow" for address in named(case)}
    counts = {"hostile": 0, "violations": 0, "allowed": 0, "reached": 0}
    for case in cases:
        name = (urlsplit(case.url).hostname or "").lower() if case.dns else ""
        network.answers = {name: [list(answer) for answer in case.dns]} if case.dns else {}
        origin["answer"] = answer("200 OK") if case.redirect is None else moved(*case.redirect)
        network.dials.clear()
        for _ in range(max(1, len(case.dns))):
            with suppress(Exception):  # a peer may fail in any way; what it dialled is what counts
                await asyncio.wait_for(fetch(case.url), 5)
        dialled = [str(ip_address(address)) for address, _ in network.dials]
        if case.expect == "allow":
            counts["allowed"] += 1
            counts["reached"] += bool(dialled) and set(dialled) <= public
        else:
            bad = dialled if case.expect == "block" else [one for one in dialled if one not in public]
            counts["hostile"] += 1
            counts["violations"] += bool(bad)
    return counts


def moved(status: int, location: str) -> bytes:
    """A redirect."""
    return answer(f"{status} Moved", f"Location: {location}")


async def rebinding(network: Network, rounds: int) -> dict[str, int]:
    """C3: name servers that change their mind; one look-up per dial, and only vetted addresses are dialled."""
    counts = {"requests": 0, "forbidden": 0, "dials": 0, "look_ups_beyond_one": 0}
    guard = Guard(resolver=network.resolve)
    for script in REBINDING:
        for turn in range(rounds):
            network.answers = {"turn.test": [script[turn % len(script)]]}
            network.dials.clear()
            before = network.look_ups
            with suppress(NetworkError):
                (await guard.dial("turn.test", 80)).close()
            vetted = network.answers["turn.test"][0]
            counts["requests"] += 1
            counts["dials"] += len(network.dials)
            counts["look_ups_beyond_one"] += network.look_ups - before - 1
            counts["forbidden"] += sum(
                address not in vetted or address not in (PUBLIC, "2606:4700:4700::1111") for address, _ in network.dials
            )
    return counts


async def redirects(network: Network, fetch: Fetch, origin: dict[str, bytes]) -> dict[str, int]:
    """C4: five codes to ten forbidden targets; only the first, public hop may be dialled."""
    counts = {"redirects": 0, "forbidden": 0}
    network.answers = {"public.test": [[PUBLIC]]}
    for status in (301, 302, 303, 307, 308):
        for target in TARGETS:
            origin["answer"] = moved(status, target)
            network.dials.clear()
            result = await fetch("http://public.test/")
            counts["redirects"] += 1
            counts["forbidden"] += not isinstance(result, Failure) or any(one[0] != PUBLIC for one in network.dials)
    return counts


async def environment(network: Network, fetch: Fetch, origin: dict[str, bytes], heads: list[bytes]) -> dict[str, int]:
    """C5: proxies and netrc of the environment have no effect."""
    network.answers = {"public.test": [[PUBLIC]]}
    origin["answer"] = answer("200 OK")
    with tempfile.NamedTemporaryFile("w", suffix=".netrc") as netrc:
        netrc.write("machine public.test login a password b\n")
        netrc.flush()
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        changed = dict.fromkeys(names, "http://127.0.0.1:9/") | {"NETRC": netrc.name, "NO_PROXY": ""}
        before = dict(os.environ)
        os.environ.update(changed)
        try:
            network.dials.clear()
            result = await fetch("http://public.test/environment")
        finally:
            os.environ.clear()
            os.environ.update(before)
    direct = isinstance(result, Response) and network.dials in ([], [(PUBLIC, 80)])
    return {"effects": int(not direct or b"authorization" in heads[-1].lower())}


async def ports(network: Network, fetch: Fetch) -> dict[str, int]:
    """C6: a public address at a port that is not the web's."""
    network.dials.clear()
    for port in (22, 25, 5432, 6379, 8080):
        await fetch(f"http://{PUBLIC}:{port}/")
    return {"dials": len(network.dials)}


@asynccontextmanager
async def world() -> AsyncIterator[tuple[Network, dict[str, bytes], list[bytes]]]:
    """The recorded network, the origin's next answer, and the request heads it saw."""
    current: dict[str, bytes] = {"answer": answer("200 OK")}

    async def script(head: bytes, writer: asyncio.StreamWriter) -> bool:
        return await always(current["answer"])(head, writer)

    async with serve(script) as server:
        yield Network(server.port), current, server.requests


async def measure(path: Path, rounds: int, peers: bool = True) -> dict[str, Any]:
    """All figures. ``rounds``: requests per rebinding script."""
    opened, cases = Opened(), load(path)
    async with world() as (network, origin, heads):
        clients: list[Clients] = []
        fetch = guarded(network, clients)
        figures: dict[str, Any] = {"corpus": await judge(cases, network, fetch, origin)}
        figures["rebinding"] = await rebinding(network, rounds)
        figures["redirects"] = await redirects(network, fetch, origin)
        figures["environment"] = await environment(network, fetch, origin, heads)
        figures["ports"] = await ports(network, fetch)
        clients[0].close()
        figures["opened_beyond_loopback"] = len(opened.elsewhere)
        if peers:
            figures["peer_is_private"] = await judge(cases, network, naive(network), origin)
            figures["peer_plain"] = await judge(cases, network, plain(network), origin)
    return figures


def good(figures: dict[str, Any]) -> bool:
    """Whether every figure is what it must be."""
    corpus = figures["corpus"]
    zeros = (
        corpus["violations"],
        corpus["allowed"] - corpus["reached"],
        figures["rebinding"]["forbidden"],
        figures["rebinding"]["look_ups_beyond_one"],
        figures["redirects"]["forbidden"],
        figures["environment"]["effects"],
        figures["ports"]["dials"],
        figures["opened_beyond_loopback"],
    )
    return corpus["hostile"] > 0 and corpus["allowed"] > 0 and not any(zeros)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--small", action="store_true", help="100 instead of 10,000 requests per rebinding script")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.corpus, 100 if options.small else 10_000))
    report(good(figures), figures, options.json)


if __name__ == "__main__":
    main()
