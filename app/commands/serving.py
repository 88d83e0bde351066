"""``serve``, ``worker`` and ``demo``: the processes that stay.

Promises: a stop by SIGINT or SIGTERM ends within 20 s and loses nothing; an admin key is made and printed exactly once,
when the database has none.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app import config, logs
from app.commands import compose, demonstration, output, runtime
from app.commands.options import DataDir
from app.config import Settings
from app.errors import Unavailable
from app.main import create_app, sign_in_link
from app.storage import audit, keys
from app.storage.engine import create_engine
from app.worker.loop import work
from app.worker.messenger import REACH_SECONDS

Host = Annotated[str | None, typer.Option(help="The address to listen on.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on.")]
#: How long open requests may take to end after the request to stop.
_DRAIN_S = 5
#: How long a client may leave what was sent to it untaken.
_STALLED_MS = 60_000


def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """API, pages and worker in one process, on the embedded database where no URL is set.

    The first start prints an admin key and a sign-in link, once.
    """
    settings = runtime.settings(host=host, port=port, data_dir=data_dir)
    _announce_warnings(settings)
    runtime.run(lambda: _serve(settings))


def worker(data_dir: DataDir = None) -> None:
    """Only the polling: as many of these as you like on one database."""
    settings = runtime.settings(data_dir=data_dir)
    _announce_warnings(settings)

    async def main() -> None:
        stop = stop_on_signal()
        async with runtime.database(settings) as engine, compose.worker_context(settings, engine) as ctx:
            settle_memory()
            await work(ctx, stop)

    runtime.run(main)


def demo(host: Host = None, port: Port = None) -> None:
    """A self-made world on loopback, watched for real: every state shows within a minute. Nothing is kept.

    Leave it running and try, in another terminal: quietwatch silence --data-dir DIR (the directory it prints).
    """
    with tempfile.TemporaryDirectory(prefix="quietwatch-demo-", ignore_cleanup_errors=True) as directory:
        settings = demonstration.settings(Path(directory), host, port)
        logs.configure(settings.log_format, "error")
        runtime.run(lambda: _demo(settings))


async def _demo(settings: Settings) -> None:
    stop = stop_on_signal()
    async with (
        demonstration.stage(runtime.now()) as links,
        runtime.database_address(settings, exclusive=True) as address,
        engines(address) as (api, working),
        bound(settings) as listener,
        compose.worker_context(settings, working) as ctx,
    ):
        app = create_app(settings, api, resolver=compose.resolver(ctx), pages_open=True)
        show = demonstration.watch_all(settings, working, ctx, links)
        await together([listen(listener, app, stop), work(ctx, stop), _then_wait(show, stop)], stop)


async def _then_wait(job: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    await job
    await stop.wait()


async def _serve(settings: Settings) -> None:
    stop = stop_on_signal()
    async with (
        runtime.database_address(settings, exclusive=True) as address,
        engines(address) as (api, working),
        bound(settings) as listener,
        compose.worker_context(settings, working) as ctx,
    ):
        await _welcome(settings, api)
        app = create_app(
            settings, api, resolver=compose.resolver(ctx), messenger=compose.messenger(settings, REACH_SECONDS)
        )
        await together([listen(listener, app, stop), *(work(ctx, stop) for _ in range(settings.workers))], stop)


@asynccontextmanager
async def engines(address: str) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """One pool for answers, whose statements are cut off after 5 s, and one for the work."""
    api, working = create_engine(address), create_engine(address, statement_timeout=None)
    try:
        yield api, working
    finally:
        await api.dispose()
        await working.dispose()


async def listen(listener: socket.socket, app: Any, stop: asyncio.Event) -> None:
    """Serve HTTP until ``stop`` is set. ``app`` is one of ``create_app``, or any that keeps no answer open."""
    server = _Server(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
    settle_memory()
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if isinstance(app, FastAPI):
        app.state.context.live.close()  # streams end by themselves: nothing has to be cut off
    server.should_exit = True
    stopped.cancel()
    await serving


def settle_memory() -> None:
    """Spare the collector what lives as long as the process: else answers of a thousand rows, and looks, make it walk
    through all of that again and again (a third of an answer's time, a tenth of a look's)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _Server(uvicorn.Server):
    """Signals belong to the whole process, not to its web part."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def bound(settings: Settings) -> AsyncIterator[socket.socket]:
    """The port, taken before anything is printed or polled. Raises Unavailable where somebody else has it."""
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # a client that takes nothing is not kept for ever
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)
        listener.bind(address)
    except OSError as error:
        hint = "choose another with --port, or stop what listens there"
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
    with listener:
        yield listener


async def together(jobs: list[Any], stop: asyncio.Event) -> None:
    """Run until one ends or ``stop`` is set, then let all end; the first error is raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def _welcome(settings: Settings, engine: AsyncEngine) -> None:
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    output.aside.print(f"Quietwatch on {base}  API documentation: {base}/docs")
    now = runtime.now()
    async with engine.begin() as conn:
        if await keys.list_all(conn):
            return
        made, secret = await keys.create(conn, "first admin", ["admin"], now)
        await audit.append(conn, actor="serve", action="key.create", object=made.prefix, now=now)
    output.aside.print("First start. This link opens the pages, within the hour:", style="bold")
    output.aside.print(output.plain(sign_in_link(settings, now)), soft_wrap=True)
    output.aside.print("This admin key is shown once, keep it:", style="bold")
    output.console.print(output.plain(secret))


def stop_on_signal(event: asyncio.Event | None = None) -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = event or asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    return stop


def _announce_warnings(settings: Settings) -> None:
    logs.configure(settings.log_format, settings.log_level)
    for warning in config.check(settings):
        output.aside.print(output.plain(f"{warning.code} {warning.setting}: {warning.message}"))
