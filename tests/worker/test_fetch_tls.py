"""The fetcher and TLS: who is trusted, and when a body has ended; on both event loops."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme

from app.domain.models import Failure
from app.platforms.base import Request, Response
from app.worker import clients as clients_module
from app.worker.clients import verified_tls
from app.worker.connection import Connection
from app.worker.fetch import Fetcher
from bench.rawserver import Script, always, answer, loopback_fetcher, serve
from tests.worker.fetching import CERTAINTY, NOW, OK, on_both_loops, reason


def server_tls(name: str = "127.0.0.1", authority: trustme.CA = CERTAINTY, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **options).configure_cert(context)
    return context


def trusting(authority: trustme.CA = CERTAINTY) -> Fetcher:
    context = verified_tls()
    authority.configure_trust(context)
    return loopback_fetcher(tls=context)[0]


async def secure_look(script: Script, context: ssl.SSLContext) -> tuple[Response | Failure, int]:
    async with serve(script, tls=context) as server:
        return await trusting().send(Request(server.url), now=lambda: NOW), len(server.requests)


@on_both_loops
async def test_tls() -> None:
    result, asked = await secure_look(always(answer(body=b"x" * 200_000)), server_tls())
    assert (reason(result), asked) == ("200", 1)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@on_both_loops
async def test_tls_that_cannot_be_trusted() -> None:
    old = server_tls()
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    expired = server_tls(not_after=datetime(2020, 1, 1, tzinfo=UTC), not_before=datetime(2019, 1, 1, tzinfo=UTC))
    for context in (server_tls("elsewhere.example"), server_tls(authority=trustme.CA()), expired, old):
        result, asked = await secure_look(always(answer()), context)
        assert (reason(result), asked) == ("tls", 0)


@on_both_loops
async def test_tls_on_a_plain_port_and_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "HANDSHAKE_SECONDS", 0.3)
    async with serve(always(answer())) as plain:
        secure = plain.url.replace("http:", "https:")
        assert reason(await trusting().send(Request(secure), now=lambda: NOW)) == "tls"
    async with serve(always(answer()), tls=server_tls()) as server:
        insecure = server.url.replace("https:", "http:")
        assert reason(await trusting().send(Request(insecure), now=lambda: NOW)) in ("incomplete", "protocol")


@on_both_loops
async def test_a_body_that_ends_without_saying_so_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """No length and no close_notify: nobody can tell the end of such a body from a cut."""
    heard = asyncio.Event()
    take = Connection.data_received

    def hear(connection: Connection, data: bytes) -> None:
        take(connection, data)
        heard.set()

    monkeypatch.setattr(Connection, "data_received", hear)

    async def rip(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(OK + b"\r\n<rss>half")
        await heard.wait()
        writer.transport.abort()
        return False

    async def end(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(OK + b"\r\n<rss/>")
        return False

    assert reason((await secure_look(rip, server_tls()))[0]) == "incomplete"
    assert reason((await secure_look(end, server_tls()))[0]) == "200"
