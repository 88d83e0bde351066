"""One attempt against servers that lie, stall, flood and hang up (battery C4, C9, D8, D10)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time

import pytest

from app.webhooks.attempts import ERRORS
from app.worker import receipt
from app.worker.guard import CONNECT_SECONDS, Guard, NetworkError
from app.worker.post import KEPT, REACH_SECONDS, Poster, Sent
from bench.rawserver import LOOPBACK, Script, always, answer, serve
from tests.worker.fetching import CHUNKED, OK, on_skipping_loop

HEADERS = (("webhook-id", "evt_1"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,x"))
BODY = b'{"a":1}'


def poster(**values: float) -> Poster:
    return Poster(Guard([LOOPBACK]), "Quietwatch/0.1", **{"reach_seconds": 5.0, "deadline_seconds": 10.0} | values)  # type: ignore[arg-type]


async def post(script: Script, **values: float) -> tuple[Sent, list[bytes]]:
    async with serve(script) as server:
        ours = poster(**values)
        try:
            return await ours.post(server.url + "x?y=1", HEADERS, BODY), server.requests
        finally:
            ours.close()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([answer("204 No Content")], Sent(204, answer=b"")),
        ([answer("200 OK", body=b"fine")], Sent(200, answer=b"fine")),
        ([answer("503 Busy", "Retry-After: 7", body=b"no")], Sent(503, None, "7", b"no")),
        ([answer("302 Found", "Location: http://127.0.0.1:1/")], Sent(302, "redirect", None, b"")),
        # The status counts, whatever becomes of the body.
        ([OK + b"Content-Length: 10\r\n\r\nabc"], Sent(200, answer=b"abc")),
        ([CHUNKED, b"3\r\nabc\r\n"], Sent(200, answer=b"abc")),
        ([OK + b"Content-Length: 10000000000\r\n\r\n"], Sent(200, answer=b"")),
        ([answer("200 OK", "Content-Encoding: gzip", body=b"x" * 2_000)], Sent(200, answer=b"x" * KEPT)),
        ([], Sent(error="incomplete")),
        ([b"HTTP/1.1 200"], Sent(error="incomplete")),
        ([b"nonsense\r\n\r\n"], Sent(error="protocol")),
        ([answer("200 OK", "X: " + "a" * 70_000)], Sent(error="too_large")),
    ],
)
async def test_what_comes_of_an_attempt(parts: list[bytes], expected: Sent) -> None:
    sent, requests = await post(always(*parts, close=True))
    assert sent == expected
    assert sent.error is None or sent.error in ERRORS
    assert requests[0].startswith(b"POST /x?y=1 HTTP/1.1\r\n")


async def test_a_flood_is_cut_off_after_64_kib(monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0

    async def flood(head: bytes, writer: asyncio.StreamWriter) -> bool:
        nonlocal written
        writer.write(OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        bomb = gzip.compress(bytes(10_000_000))
        for _ in range(10_000):
            writer.write(b"%x\r\n%s\r\n" % (len(bomb), bomb))
            written += len(bomb)
            await writer.drain()
        return False

    sent, _ = await post(flood)
    assert (sent.status, len(sent.answer or b"")) == (200, KEPT)
    assert written < 10_000_000  # what the sockets hold; far from all of it


async def test_a_slow_body_does_not_hold_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "BODY_SECONDS", 0.05)
    ended = asyncio.Event()

    async def drip(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(OK + b"Content-Length: 5\r\n\r\nab")
        await ended.wait()
        return False

    began = time.monotonic()
    sent, _ = await post(drip)
    ended.set()
    assert sent == Sent(200, answer=b"ab")
    assert time.monotonic() - began < 5


async def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    ended = asyncio.Event()

    async def hang(head: bytes, writer: asyncio.StreamWriter) -> bool:
        await ended.wait()
        return False

    sent, _ = await post(hang, deadline_seconds=0.1)
    ended.set()
    assert sent == Sent(error="timeout")


async def test_a_kept_connection_is_used_and_never_repeated_on() -> None:
    """The second request may have arrived before the server hung up: it must not be sent twice."""
    served = 0

    async def hang_up(head: bytes, writer: asyncio.StreamWriter) -> bool:
        nonlocal served
        served += 1
        if served == 2:
            return False
        writer.write(answer())
        await writer.drain()
        return True

    async with serve(hang_up) as server:
        ours = poster()
        found = [await ours.post(server.url, HEADERS, BODY) for _ in range(3)]
        ours.close()
        assert [sent.status for sent in found] == [200, None, 200]
        assert found[1].error == "incomplete"
        assert (served, server.connections) == (3, 2)


@on_skipping_loop
async def test_closed_filtered_and_forbidden_look_the_same() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    class Filtered(Guard):
        async def dial(self, host: str, port: int) -> socket.socket:
            await asyncio.sleep(CONNECT_SECONDS)
            raise NetworkError("connect")

    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    cases = {
        "closed": (Guard([LOOPBACK]), f"http://127.0.0.1:{port}/"),
        "filtered": (Filtered(), "http://192.0.2.1/"),
        "forbidden": (Guard(), "http://10.0.0.1/"),
        "forbidden port": (Guard(), "http://93.184.216.34:22/"),
        "no name": (Guard(resolver=nowhere), "http://nowhere.example/"),
        "no address": (Guard(), "gopher://x"),
    }
    loop = asyncio.get_running_loop()
    for name, (guard, url) in cases.items():
        began = loop.time()
        assert await Poster(guard, "Quietwatch/0.1").post(url, HEADERS, BODY) == Sent(error="unreachable"), name
        assert loop.time() - began == pytest.approx(REACH_SECONDS), name
