"""A connection whose answers matter for their status: of a body only the beginning is read, and not for long.

Assumes what ``Connection`` assumes. Promises: once the head of an answer is whole, its status counts, whatever becomes
of the body; at most ``most_wire`` bytes are read and ``BODY_SECONDS`` waited for it; a connection on which anything
was left unread is not used again.
"""

from __future__ import annotations

import asyncio

from app.worker.connection import Answer, Connection
from app.worker.guard import NetworkError

#: How long a body may take after its head.
BODY_SECONDS = 2.0
#: Bytes of an answer that are read at most.
MOST_READ = 64 * 1024
_IN_THE_BODY = frozenset({"too_large", "incomplete"})


class Receipt(Connection):
    """As ``Connection``, for answers to what was sent out."""

    most_wire = MOST_READ
    _timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        self._stop_timer()
        super().close()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._head_done:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BODY_SECONDS, self._fail, NetworkError("incomplete"))

    def _begin(self) -> None:
        self._stop_timer()
        super()._begin()

    def _finish(self) -> None:
        self._stop_timer()
        super()._finish()

    def _fail(self, error: NetworkError) -> None:
        waiter = self._waiter
        if self._head_done and error.reason in _IN_THE_BODY and waiter is not None and not waiter.done():
            waiter.set_result(Answer(self._status, self._headers, b"".join(self._pieces)))
            self.close()
            return
        super()._fail(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
