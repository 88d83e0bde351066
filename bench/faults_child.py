"""A process that is killed at a named point: what the benches of crashes share.

Assumes that nothing of the parent's runs beside the fork (no event loop, no thread that holds a lock). Promises: the
child runs what it is given and nothing of the parent; a child that fails by itself is an error of the bench.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

#: A module or class, and the name of the coroutine function in it.
Place = tuple[Any, str]


def arm(place: Place, after: bool, call: int) -> None:
    """Kill this process at the ``call``-th passing of the place, before or after it."""
    owner, name = place
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)
    passed = 0

    @functools.wraps(original)
    async def fatal(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        passed += 1
        fatal_one = passed == call
        if not after and fatal_one:
            kill()
        result = await original(*args, **kwargs)
        if after and fatal_one:
            kill()
        return result

    setattr(owner, name, fatal)


def kill() -> None:
    """End this process as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def child(
    work: Callable[[], Coroutine[Any, Any, object]],
    prepare: Callable[[], None] | None = None,
    kill_after: float | None = None,
) -> bool:
    """Run ``work`` in a forked process; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
            if prepare is not None:
                prepare()
            asyncio.run(work())
            os._exit(0)
        except BaseException:  # the child must not run the parent code
            traceback.print_exc()
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1:
        raise RuntimeError("a round failed by itself")
    return os.WIFSIGNALED(status)
