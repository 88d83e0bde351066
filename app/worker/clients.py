"""Connections kept alive: a few per host, bounded in number and age.

Assumes that the caller bounds the time of an exchange and how many run at once per host. Promises: a cancelled or
failed exchange closes its connection, so nothing leaks and no answer reaches the wrong question; at most ``most_idle``
connections wait, none longer than ``idle_seconds``; certificates are always verified.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict

from app.worker.connection import Answer, Connection, Unanswered
from app.worker.guard import Guard, NetworkError
from app.worker.urls import Origin

#: Seconds that a TLS handshake may take, and that a polite end of one is waited for.
HANDSHAKE_SECONDS = 10.0
SHUTDOWN_SECONDS = 1.0


class Clients:
    """Exchanges by origin. Use within one event loop; ``close`` at the end.

    ``repeats`` False: a request that may have arrived is never sent again by itself. ``open_seconds`` bounds names,
    connection and handshake together.
    """

    def __init__(
        self,
        guard: Guard,
        tls: ssl.SSLContext | None = None,
        most_idle: int = 500,
        idle_seconds: float = 60.0,
        *,
        connection: type[Connection] = Connection,
        repeats: bool = True,
        open_seconds: float | None = None,
    ) -> None:
        self._guard = guard
        self._tls = tls or verified_tls()
        self._most_idle = most_idle
        self._idle_seconds = idle_seconds
        self._connection = connection
        self._repeats = repeats
        self._open_seconds = open_seconds
        self._idle: dict[Origin, list[Connection]] = {}
        self._by_age: OrderedDict[Connection, tuple[Origin, asyncio.TimerHandle]] = OrderedDict()

    async def exchange(self, origin: Origin, request: bytes) -> Answer:
        """The answer to one request. Asks once more on a new connection where a kept one had been closed meanwhile.

        Raises NetworkError: ``forbidden_address``, ``dns``, ``connect``, ``tls``, ``incomplete``, ``protocol`` or
        ``too_large``.
        """
        kept = self._take(origin)
        if kept is not None:
            try:
                return await self._run(kept, origin, request)
            except Unanswered:
                if not self._repeats:
                    raise
        try:
            async with asyncio.timeout(self._open_seconds):
                connection = await self._open(origin)
        except TimeoutError as error:
            raise NetworkError("connect") from error
        return await self._run(connection, origin, request)

    def close(self) -> None:
        """Drop every idle connection."""
        while self._by_age:
            self._drop(next(iter(self._by_age)))

    @property
    def idle(self) -> int:
        """How many connections wait for their next exchange."""
        return len(self._by_age)

    async def _run(self, connection: Connection, origin: Origin, request: bytes) -> Answer:
        try:
            answer = await connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._keep(connection, origin)
        else:
            connection.close()
        return answer

    async def _open(self, origin: Origin) -> Connection:
        sock = await self._guard.dial(origin.host, origin.port)
        try:
            return await self._wrap(sock, origin)
        except ssl.SSLError as error:  # an OSError: must come first
            raise NetworkError("tls") from error
        except OSError as error:
            raise NetworkError("tls" if origin.secure else "connect") from error

    async def _wrap(self, sock: socket.socket, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            if not origin.secure:
                return (await loop.create_connection(self._connection, sock=sock))[1]
            _, connection = await loop.create_connection(
                self._connection,
                sock=sock,
                ssl=self._tls,
                server_hostname=origin.host,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
            return connection
        except BaseException:
            sock.close()
            raise

    def _take(self, origin: Origin) -> Connection | None:
        """A kept connection that still looks alive, the most recently used first."""
        waiting = self._idle.get(origin, [])
        while waiting:
            connection = waiting[-1]
            self._forget(connection)
            if connection.reusable:
                return connection
        return None

    def _keep(self, connection: Connection, origin: Origin) -> None:
        if len(self._by_age) >= self._most_idle:
            self._drop(next(iter(self._by_age)))
        timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop, connection)
        self._by_age[connection] = origin, timer
        self._idle.setdefault(origin, []).append(connection)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        origin, timer = self._by_age.pop(connection)
        timer.cancel()
        waiting = self._idle[origin]
        waiting.remove(connection)
        if not waiting:
            del self._idle[origin]


def verified_tls() -> ssl.SSLContext:
    """TLS 1.2 or newer with the machine's own authorities; only HTTP/1.1 is offered.

    An end of the connection that TLS did not announce is an error, so that a cut body does not pass for a whole one.
    """
    context = ssl.create_default_context()
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
