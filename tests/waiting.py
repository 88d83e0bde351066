"""How tests wait: for a condition where another process is waited for, or not at all where only time would pass.

Promises: a wait that was in vain fails within its limit and says what for; on a ``SkippingLoop`` no wait takes real
time, whatever its length.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

#: Seconds after which a wait was in vain. Far more than anything takes: a busy machine is no failure.
LIMIT_S = 60.0


def until(condition: Callable[[], object], why: Callable[[], str] | str, seconds: float = LIMIT_S) -> None:
    """Return as soon as ``condition`` holds. For what another process does and tells nobody."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why if isinstance(why, str) else why()
        time.sleep(0.01)


async def blocked(engine: AsyncEngine) -> None:
    """Until somebody waits for a lock."""
    waiting = "select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"
    async with asyncio.timeout(10), engine.connect() as conn:
        while not (await conn.execute(text(waiting))).scalar_one():
            await conn.rollback()


def listens(port: int) -> bool:
    """Whether somebody accepts connections at this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything can be done, and then leaps to the next timer.

    Its clock begins at 0 and shows exactly what was waited. Not for work in threads: nobody waits for them.
    """

    def __init__(self) -> None:
        self._patience = _Patience()
        super().__init__(self._patience)

    def time(self) -> float:
        return self._patience.skipped


class _Patience(selectors.DefaultSelector):
    """Gives loopback a millisecond; where nothing comes in it, the time to the next timer is taken as passed."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(0.001)
        if not found:
            self.skipped += timeout
        return found
