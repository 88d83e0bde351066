"""What the benches share: how a result is told, where the time went, and processes that end with the bench.

A bench says what it measured on standard output for a person, and with ``--json`` one line last that a program reads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from app.storage.embedded import EmbeddedServer
from app.storage.migrate import upgrade

T = TypeVar("T")


def parser(module_doc: str | None) -> argparse.ArgumentParser:
    """A parser with ``--json``; its description is the first line of the bench's docstring."""
    found = argparse.ArgumentParser(description=(module_doc or "").strip().splitlines()[0] if module_doc else None)
    found.add_argument("--json", action="store_true", help="print one JSON line last")
    return found


def report(ok: bool, figures: Mapping[str, Any], as_json: bool) -> NoReturn:
    """Print the figures and end: 0 where every figure is as promised, 1 where one falls short."""
    if as_json:
        print(json.dumps({"ok": ok, **figures}, default=str), flush=True)
    else:
        width = max(map(len, figures), default=0)
        for name, value in figures.items():
            print(f"{name:<{width}}  {_shown(value)}")
        print("as promised" if ok else "SHORT OF THE PROMISE", flush=True)
    sys.exit(0 if ok else 1)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie (nearest rank); ``share`` in (0, 1]."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered)) - 1))]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


class Stopwatch:
    """Wall time and this process's CPU time of a ``with`` block, in seconds."""

    wall: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> Stopwatch:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._began[0]
        self.cpu = time.process_time() - self._began[1]


@contextmanager
def scratch(prefix: str = "qw-bench-") -> Iterator[Path]:
    """An empty directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as path:
        yield Path(path)


@contextmanager
def database(settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedServer]:
    """A PostgreSQL of the bench's own, durable unless ``settings`` say otherwise. Not migrated."""
    with scratch("qw-pg-") as path:
        server = EmbeddedServer.start(path, settings=settings)
        try:
            yield server
        finally:
            server.stop()


def on_fresh_database(measure: Callable[[str, Path], Coroutine[Any, Any, T]]) -> T:
    """What ``measure`` finds on an empty, migrated database of its own and in an empty directory."""
    with database() as server, scratch() as directory:

        async def run() -> T:
            await upgrade(server.url)
            return await measure(server.url, directory)

        return asyncio.run(run())


async def until(condition: Callable[[], object], seconds: float, every: float = 0.02) -> bool:
    """Return as soon as ``condition`` (which may have to be awaited) holds, or after ``seconds``; whether it did."""
    ends = time.monotonic() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found or time.monotonic() > ends:
            return bool(found)
        await asyncio.sleep(every)


def cpu_of(pid: int, *, ended_children: bool = False) -> float:
    """CPU seconds that a living process has used so far, where asked with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / os.sysconf("SC_CLK_TCK")
