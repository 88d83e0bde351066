"""One message, in a process of its own: ``python -m app.worker.messenger_process``, a task on standard input.

Apprise opens its connections itself, so the guard is laid beneath it: names resolve only by ``Guard.vet`` (one
forbidden address spoils the whole answer, one vetted address is given out), and an audit hook, which Python code cannot
take away again, judges every connection, every file and every attempt to start something. May assume to be killed at
its limit by ``messenger``; it also ends by itself. Promises: reads no environment, no netrc and no proxy; follows no
redirect; writes no file; what it prints holds nothing of the address or the answer.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import signal
import socket
import sys
import sysconfig
from collections.abc import Callable, Sequence
from typing import Any

from app.domain.messages import Message
from app.domain.services import Service, service_of
from app.worker.guard import Guard, NetworkError

#: Address space of the process, seconds of processor time.
MEMORY, CPU_SECONDS = 1 << 30, 20
#: How a task can end besides well. ``unreachable`` does not say whether an address was forbidden, closed or silent.
BAD_ADDRESS, UNREACHABLE, REFUSED = "bad_address", "unreachable", "refused"
_NEVER = (
    "ctypes.dlopen",
    "os.chmod",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "pty.spawn",
    "shutil.copyfile",
    "shutil.rmtree",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
    "socket.sendto",
    "subprocess.Popen",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Confined:
    """What the process may do from ``begin`` on. ``met`` is whether any connection was made."""

    def __init__(self, guard: Guard) -> None:
        self.met = False
        self._guard = guard
        self._resolving = False
        self._readable = tuple(sorted({os.path.realpath(path) + os.sep for path in _code()}))
        self._look_up = socket.getaddrinfo
        self._connect = socket.socket.connect

    def begin(self) -> None:
        """From here on."""
        confined = self

        def connect(sock: socket.socket, address: Any) -> None:
            confined._connect(sock, address)
            confined.met = True

        socket.getaddrinfo = self.resolve
        socket.getfqdn = lambda name="": (
            "localhost.localdomain"
        )  # what mail servers are greeted with: our name is not theirs
        socket.socket.connect = connect  # type: ignore[method-assign,assignment]  # a method of C
        sys.addaudithook(self.judge)

    def resolve(self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        """In place of ``getaddrinfo``: one vetted address. Raises socket.gaierror."""
        name = host.decode("ascii") if isinstance(host, bytes) else str(host or "")
        try:
            address = asyncio.run(self._guard.vet(name, int(port)))[0]
        except (NetworkError, ValueError, TypeError):
            raise socket.gaierror(socket.EAI_NONAME, "not reachable") from None
        return self._numbers(address, int(port), family, type or socket.SOCK_STREAM, proto, socket.AI_NUMERICHOST)

    async def answer(self, host: str, port: int) -> Sequence[str]:
        """The guard's resolver: the machine's own."""
        found = self._numbers(host, port, 0, socket.SOCK_STREAM, 0, 0)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _numbers(self, *asked: Any) -> Any:
        self._resolving = True
        try:
            return self._look_up(*asked)
        finally:
            self._resolving = False

    def judge(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook. Raises PermissionError for what the process may not do."""
        if event == "open":
            self._judge_file(args)
        elif event == "socket.connect":
            self._judge_address(args[1])
        elif event in _NEVER or self._goes_round(event, args):
            raise PermissionError("not allowed here")

    def _goes_round(self, event: str, args: tuple[Any, ...]) -> bool:
        """A name that is not asked through ``resolve``, a datagram with an address of its own."""
        return (event == "socket.getaddrinfo" and not self._resolving) or (event == "socket.sendmsg" and bool(args[1]))

    def _judge_address(self, address: Any) -> None:
        fits = isinstance(address, tuple) and len(address) >= 2
        if not fits or not self._guard.allows(str(address[0]), int(address[1])):
            raise PermissionError("not allowed here")

    def _judge_file(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args[0], args[1], args[2]
        if isinstance(path, int) or path == os.devnull:
            return
        writes = bool((flags or 0) & _WRITES) or (isinstance(mode, str) and not set(mode).isdisjoint("wax+"))
        if writes or not os.path.realpath(os.fsdecode(path)).startswith(self._readable):
            raise PermissionError("not allowed here")


def _code() -> list[str]:
    """Where code and its data lie; certificates and time zones among them."""
    paths = sysconfig.get_paths()
    here = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [*here, *(path for path in sys.path if path), "/etc/ssl", "/usr/share/zoneinfo"]


def maker(service: Service, address: str) -> Callable[[], Any]:
    """What makes Apprise's object for the address, or None where Apprise cannot read it.

    Everything is imported here, so that the limits may follow.
    """
    from apprise import AppriseAsset

    # No pictures: they would be loaded from a third place by everybody who reads the message.
    asset = AppriseAsset(
        app_id="Quietwatch",
        app_desc="Quietwatch",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
    )
    kind = getattr(importlib.import_module(f"apprise.plugins.{service.module}"), service.plugin)

    def make() -> Any:
        pasted = address.startswith(service.pasted) if service.pasted else False
        found = kind.parse_native_url(address) if pasted else kind.parse_url(address.replace("/#", "/%23"))
        if not found:
            return None
        made = kind(asset=asset, **found)
        made.redirects = False
        return made

    return make


def perform(task: dict[str, Any]) -> str | None:
    """Check an address, or send a message to it. The reason where it failed."""
    try:
        service = service_of(task["address"])
    except ValueError:
        return BAD_ADDRESS
    make = maker(service, task["address"])
    _ignore_environment()
    confined: Confined

    async def answer(host: str, port: int) -> Sequence[str]:
        return await confined.answer(host, port)

    ports = {*task["allow_ports"], *service.ports}
    confined = Confined(Guard(task["allow_networks"], ports, resolver=answer, own_hosts=task["own_hosts"]))
    confined.begin()
    try:
        made = make()
    except Exception:  # Apprise raises TypeError and ValueError of its own, a plugin whatever it meets
        made = None
    if made is None:
        return BAD_ADDRESS
    message = task.get("message")
    if message is None or _send(made, Message(**message)):
        return None
    return REFUSED if confined.met else UNREACHABLE


def _send(service: Any, message: Message) -> bool:
    """One request's worth: a service that takes little is told less, not several times."""
    beside = 0 if service.title_maxlen else len(message.title) + 10
    service.overflow_mode = "truncate"
    try:
        return bool(
            service.notify(body=message.body(service.body_maxlen - beside), title=message.title, body_format="text")
        )
    except Exception:
        return False


def _ignore_environment() -> None:
    """No proxies, no netrc, no certificates from elsewhere, for every session of requests."""
    import requests

    begin = requests.Session.__init__

    def closed(session: requests.Session) -> None:
        begin(session)
        session.trust_env = False

    requests.Session.__init__ = closed  # type: ignore[method-assign,assignment]  # meant


def main() -> None:
    """Read the task, do it, print the reason as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service; it kills this process itself
    task = json.load(sys.stdin.buffer)
    signal.alarm(int(task["seconds"]) + 5)  # should the service have been killed meanwhile
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    print(json.dumps({"reason": perform(task)}))


if __name__ == "__main__":
    main()
