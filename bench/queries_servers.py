"""The servers of ``bench.queries``, each in a process of its own: ours, and FastAPI with asyncpg and nothing else."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import asyncpg
import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI, Response

from app.commands.serving import bound, listen
from app.config import Settings
from app.main import create_app
from app.storage.engine import create_engine
from bench.world import NOW

STATE = "select * from account_state where account_id = $1"


def serve_ours(url: str, port: int, data_dir: str) -> None:
    """The service's web process as ``serve`` runs it, its clock standing at the moment of the made-up world."""
    settings = Settings(data_dir=Path(data_dir), host="127.0.0.1", port=port, rate_limit=100_000_000)
    app = create_app(settings, create_engine(url), clock=lambda: NOW, secret=b"bench" * 8)

    async def serve() -> None:
        async with bound(settings) as listener:
            await listen(listener, app, asyncio.Event())

    uvloop.run(serve())


def serve_bare(url: str, port: int, data_dir: str) -> None:
    """One row by its primary key, as bytes: the least that any HTTP answer from a database costs here."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=1) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/state/{account_id}")
    async def read(account_id: int) -> Response:
        row = await app.state.pool.fetchrow(STATE, account_id)
        return Response(msgspec.json.encode(dict(row)), media_type="application/json")

    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


@contextmanager
def running(serve: Callable[[str, int, str], None], url: str, data_dir: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of a server that answers; it ends with the block."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(url, port, str(data_dir)), daemon=True)
    process.start()
    try:
        _wait_until_open(port, process)
        yield port, process.pid or 0
    finally:
        process.terminate()
        process.join(10)


def _wait_until_open(port: int, process: BaseProcess) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if not process.is_alive():
                raise RuntimeError("a server of the bench did not start") from None
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("a server of the bench does not answer")
