"""Servers, loops and looks for the tests of the fetcher."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import trustme
import uvloop

from app.domain.models import Failure
from app.platforms.base import Request, Response
from app.worker.fetch import Validators
from bench.rawserver import Script, loopback_fetcher, serve
from tests.waiting import SkippingLoop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CERTAINTY = trustme.CA()


Test = Callable[..., Coroutine[Any, Any, None]]


def on_loops(**loops: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Test], Callable[..., None]]:
    """Run a coroutine test on each of these loops."""

    def decorate(test: Test) -> Callable[..., None]:
        @pytest.mark.parametrize("new_loop", loops.values(), ids=loops.keys())
        @functools.wraps(test)
        def run(new_loop: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(test(**arguments))

        own = inspect.signature(test)
        loop = inspect.Parameter("new_loop", inspect.Parameter.KEYWORD_ONLY)
        vars(run)["__signature__"] = own.replace(parameters=[*own.parameters.values(), loop])  # what pytest looks at
        return cast(Callable[..., None], run)

    return decorate


#: asyncio's own loop, and uvloop, which the service uses.
on_both_loops = on_loops(asyncio=asyncio.new_event_loop, uvloop=uvloop.new_event_loop)
#: A loop on which waiting takes no time.
on_skipping_loop = on_loops(skipping=SkippingLoop)


async def look(
    script: Script,
    request: Request = Request("/"),  # noqa: B008  # frozen
    validators: Validators | None = None,
    seconds: float = 5.0,
    times: int = 1,
) -> tuple[Response | Failure, list[bytes]]:
    """The last of some answers to one request, its path taken to be on the server; and what the server was asked."""
    fetcher, clients = loopback_fetcher(deadline_seconds=seconds)
    async with serve(script) as server:
        there = Request(server.url + request.url.removeprefix("/"), request.headers, request.conditional)
        for _ in range(times):
            result = await fetcher.send(there, validators=validators, now=lambda: NOW)
        clients.close()
        return result, server.requests


def reason(result: Response | Failure) -> str:
    return result.reason if isinstance(result, Failure) else str(result.status)
