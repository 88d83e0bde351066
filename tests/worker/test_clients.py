"""Kept connections: reused, bounded, never leaked, never confused."""

from __future__ import annotations

import asyncio
import contextlib

from app.worker.clients import Clients
from app.worker.connection import Connection
from app.worker.guard import Guard
from app.worker.urls import split_url
from bench.rawserver import LOOPBACK, always, answer, serve
from tests.worker.fetching import on_skipping_loop


async def ask(clients: Clients, url: str) -> int:
    parts = split_url(url)
    head = f"GET / HTTP/1.1\r\nHost: {parts.origin.authority}\r\n\r\n".encode()
    return (await clients.exchange(parts.origin, head)).status


def made(most_idle: int = 500, idle_seconds: float = 60.0) -> Clients:
    return Clients(Guard(allow_networks=[LOOPBACK]), most_idle=most_idle, idle_seconds=idle_seconds)


async def test_one_connection_for_many_questions() -> None:
    clients = made()
    async with serve(always(answer(body=b"x"))) as server:
        assert [await ask(clients, server.url) for _ in range(5)] == [200] * 5
        assert (server.connections, clients.idle) == (1, 1)
        clients.close()
        assert clients.idle == 0


async def test_a_connection_closed_meanwhile_costs_one_more_dial() -> None:
    clients, turns = made(), iter(range(99))

    async def second_is_late(head: bytes, writer: asyncio.StreamWriter) -> bool:
        if next(turns) % 2 == 0:
            writer.write(answer(body=b"x"))
            return True
        return False  # read the question, then closed without a word

    async with serve(second_is_late) as server:
        assert [await ask(clients, server.url) for _ in range(3)] == [200] * 3
        assert len(server.requests) == 5
        clients.close()


@on_skipping_loop
async def test_no_more_idle_than_allowed_and_no_longer() -> None:
    clients = made(most_idle=2, idle_seconds=60)
    async with serve(always(answer())) as a, serve(always(answer())) as b, serve(always(answer())) as c:
        for server in (a, b, c):
            await ask(clients, server.url)
        assert clients.idle == 2
        await ask(clients, a.url)  # the oldest had to go
        assert (a.connections, c.connections) == (2, 1)
        await asyncio.sleep(59)
        assert clients.idle == 2
        await asyncio.sleep(2)
        assert clients.idle == 0


async def test_bytes_nobody_asked_for_end_the_connection() -> None:
    clients = made()
    answered, ended = asyncio.Event(), asyncio.Event()

    async def chatty(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(body=b"x"))
        await answered.wait()
        with contextlib.suppress(ConnectionError):
            while True:  # until the other side has hung up
                writer.write(answer("500 Not yours", body=b"poison"))
                await writer.drain()
                await asyncio.sleep(0)
        ended.set()
        return False

    async with serve(chatty) as server:
        assert await ask(clients, server.url) == 200
        assert clients.idle == 1
        answered.set()
        await ended.wait()
        assert await ask(clients, server.url) == 200
        assert server.connections == 2
        clients.close()


async def test_a_closed_connection_says_so() -> None:
    connection = Connection()
    connection.close()
    assert not connection.reusable
