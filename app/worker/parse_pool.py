"""Parsing that can be stopped: large bodies are read in processes of their own, which are killed at their limits.

Assumes functions and arguments that pickle (module-level functions, frozen values) and have no effects. Promises: the
event loop never waits for a hostile document; a parse ends within ``SECONDS`` and ``MEMORY`` or as ParseKilled, and
the process is replaced while others go on. Small bodies are for the caller to parse in place: no shape of a document
below ``SMALL`` bytes may cost a parser of ours noticeable time, which the hostile bench checks.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

#: Bodies up to this many bytes are parsed in place.
SMALL = 256 * 1024
#: Limits of one parse: seconds of wall clock, bytes of address space beyond what its process begins with.
SECONDS = 2.0
MEMORY = 256 * 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class ParseKilled(Exception):
    """The document took more than it may. Its source is unreadable, for the reason ``parse_limit``."""


class ParsePool:
    """A few warm processes; they start with the first large body. ``close`` at the end."""

    def __init__(self, processes: int = 2, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._pool = ProcessPool(
            max_workers=processes,
            max_tasks=1_000,  # a slow leak in a parser ends with its process
            initializer=_confine,
            initargs=(memory,),
            context=get_context("spawn"),
        )

    async def parse_bounded(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(*args)`` in a process; what it raises is raised here. Raises ParseKilled at a limit."""
        future = self._pool.schedule(_run, (self._seconds, function, args, kwargs), timeout=self._seconds)
        try:
            result: T = await asyncio.wrap_future(future)
        except (FutureTimeoutError, ProcessExpired, MemoryError) as error:
            raise ParseKilled from error
        return result

    def close(self) -> None:
        """Kill the processes, whatever they are doing."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble does not annotate it
        self._pool.join()


def _run(seconds: float, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
    """In the process: it also ends by itself, should the service have been killed meanwhile."""
    most = int(time.process_time() + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    return function(*args, **kwargs)


def _confine(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service; it stops this process itself
    most = _address_space() + memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int:
    """What this process occupies before its first parse: the interpreter and what the service's start imports."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # a system without /proc
        return 0
