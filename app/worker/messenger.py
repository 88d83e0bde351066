"""Messages to people: each in a process of its own that is killed at its limit.

May assume the policy of the process's guard. Promises: an attempt ends within ``SECONDS``; at most ``AT_ONCE`` run, so
that one that hangs delays nobody but itself; an address, which may hold passwords, is handed over by a pipe: it stands
in no command line and no environment, and its process never sees another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

from app.domain.messages import Message

SECONDS = 30.0
#: For whoever asks over the API, all that is ``unreachable`` is so after as many seconds. Apprise gives a connection 4.
REACH_SECONDS = 10.0
AT_ONCE = 4
_PROGRAM = "app.worker.messenger_process"
#: The process ended without an answer.
FAILED, UNREACHABLE = "failed", "unreachable"


@dataclass(frozen=True, slots=True)
class Messenger:
    """``allow_networks``, ``allow_ports`` and ``own_hosts`` as of the guard.

    Where ``reach_seconds`` is set, that no connection came about is told neither earlier nor later for one reason than
    for another: who may name an address must not learn what our network holds (as in ``post``).
    """

    allow_networks: Collection[str] = ()
    allow_ports: Collection[int] = ()
    own_hosts: Collection[str] = ()
    seconds: float = SECONDS
    reach_seconds: float | None = None
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def check(self, address: str) -> str | None:
        """Why this address cannot be used, None where it can as far as it can be told without sending."""
        return await self._perform({"address": address})

    async def send(self, address: str, message: Message) -> str | None:
        """None where the service took it, else ``bad_address``, ``unreachable``, ``refused`` or ``failed``."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        reason = await self._perform({"address": address, "message": asdict(message)})
        if reason == UNREACHABLE and self.reach_seconds is not None:
            # Too late for the one moment: at the other one, that of a service which never answers.
            passed = loop.time() - began
            await asyncio.sleep((self.reach_seconds if passed <= self.reach_seconds else self.seconds) - passed)
        return reason

    async def _perform(self, task: dict[str, Any]) -> str | None:
        policy = {
            "allow_networks": list(self.allow_networks),
            "allow_ports": list(self.allow_ports),
            "own_hosts": list(self.own_hosts),
            "seconds": self.seconds,
        }
        async with self.slots:
            return await self._run(json.dumps(task | policy).encode())

    async def _run(self, task: bytes) -> str | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-PsB",
            "-m",
            _PROGRAM,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # Apprise's log, which may name addresses
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            async with asyncio.timeout(self.seconds):
                answer, _ = await process.communicate(task)
        except TimeoutError:
            return UNREACHABLE
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        try:
            reason: str | None = json.loads(answer)["reason"]
        except (ValueError, KeyError):
            return FAILED
        return reason
