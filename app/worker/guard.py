"""The guard: judged where the socket is opened, below redirects, rebinding and spellings of addresses.

Assumes that every outgoing connection of the service is opened by ``Guard.dial``. Promises: a name is resolved once
per connection; every address of that answer is vetted, and one that is forbidden spoils the whole answer; then exactly
one vetted address is dialled, by number. The name stays what it was for TLS and the Host header.

Ports: 80 and 443, and those the operator adds. Within a network that the operator allows every port is allowed: who
opens a network to this service means the services in it. Proxies, environment and netrc play no part.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from app.worker.addresses import is_special, networks, parse_address

#: Host name and port to address texts. Raises OSError where there are none.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

WEB_PORTS = frozenset({80, 443})
#: Seconds a name may take to resolve, and an address to accept a connection.
RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 10.0
#: Look-ups under way at once; a name server that never answers holds a thread for longer than we wait.
_RESOLVER_THREADS = 64


class NetworkError(Exception):
    """No whole answer came. ``reason`` is a stable code; the message holds no address and nothing from outside."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Guard:
    """Opens the service's connections. Safe for concurrent use within one event loop.

    ``allow_networks``: CIDR texts of special networks that may be reached. ``allow_ports``: ports besides 80 and 443.
    ``own_hosts``: names of this service, refused so that it never watches itself. Raises ValueError for a bad network.
    """

    def __init__(
        self,
        allow_networks: Collection[str] = (),
        allow_ports: Collection[int] = (),
        resolver: Resolver | None = None,
        own_hosts: Collection[str] = (),
    ) -> None:
        self._allowed = networks(allow_networks)
        self._any_network_allowed = bool(allow_networks)
        self._ports = WEB_PORTS.union(allow_ports)
        self._resolve = resolver or SystemResolver()
        self._own_hosts = frozenset(name.lower().rstrip(".") for name in own_hosts)

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connected, non-blocking TCP socket. Raises NetworkError: ``forbidden_address``, ``dns`` or ``connect``."""
        address = (await self.vet(host, port))[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except OSError as error:  # TimeoutError is one
            sock.close()
            raise NetworkError("connect") from error
        except BaseException:
            sock.close()
            raise
        return sock

    async def vet(self, host: str, port: int) -> Sequence[str]:
        """The addresses of ``host``, every one of them allowed at ``port``. Raises NetworkError."""
        if not self.knows_no_reason_against(host, port):
            raise NetworkError("forbidden_address")
        addresses = await self._answer(host, port)
        if not all(self.allows(address, port) for address in addresses):
            raise NetworkError("forbidden_address")
        return addresses

    def knows_no_reason_against(self, host: str, port: int) -> bool:
        """Whether its addresses may be asked for at all: not a name of ours, not a port that is never allowed."""
        return host.lower().rstrip(".") not in self._own_hosts and (port in self._ports or self._any_network_allowed)

    def allows(self, address: str, port: int) -> bool:
        """Whether a connection to this very address and port may be opened."""
        try:
            version, number = parse_address(address)
        except ValueError:
            return False
        if number in self._allowed[version]:
            return True
        return port in self._ports and not is_special(version, number) and not _is_own(address)

    async def _answer(self, host: str, port: int) -> Sequence[str]:
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NetworkError("dns") from error
        if not addresses:
            raise NetworkError("dns")
        return addresses


class SystemResolver:
    """The machine's own resolver, in threads of its own so that one dead name server starves nobody."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_own(address: str) -> bool:
    """Whether this machine itself has the address: only then can a socket be bound to it. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return True
    return False
