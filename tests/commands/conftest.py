"""The program as people start it, every command a process of its own, on a world of made-up accounts on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from app.demo.faults import Fault, FaultWindow, Schedule
from app.demo.origin import Origin
from app.demo.world import Event, Persona, World, snowflake
from app.domain.models import Interval
from tests.waiting import LIMIT_S, until

ROOT = Path(__file__).parent.parent.parent
KEY = re.compile(r"\bqw_[A-Za-z0-9_-]{20,}")
#: Good rows of the long import.
MANY = 493


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on standard output. Raises ValueError where there is more or less."""
        return json.loads(self.out)


class Forks:
    """A process of ``tests.commands.forks``."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> Done:
        """Run a command to its end."""
        assert self._process.stdin
        assert self._process.stdout
        out, err = self._home / "out", self._home / "err"
        wish = {"words": words, "environment": environment, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Done(code, out.read_text(), err.read_text())

    def stop(self) -> None:
        self._process.communicate()


@dataclass(frozen=True)
class Program:
    """``quietwatch`` with these settings and no others."""

    settings: dict[str, str]
    forks: Forks | None = None
    """None: every command is a fresh interpreter, as a person starts it."""

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUIETWATCH_")}
        return kept | {f"QUIETWATCH_{name.upper()}": value for name, value in self.settings.items()}

    def but(self, **settings: str) -> Program:
        """The same with other settings."""
        return replace(self, settings=self.settings | settings)

    def __call__(self, *words: str) -> Done:
        """Run a command to its end."""
        done = self.forks.run(words, self.environment()) if self.forks else self._fresh(words)
        assert "Traceback" not in done.err, done.err
        return done

    def _fresh(self, words: Sequence[str]) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "app", *words],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            text=True,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self) -> Serving:
        """``serve``, without waiting for it."""
        port = free_port()
        return Serving(self, ("serve", "--port", str(port)), port)

    def work(self) -> Serving:
        """``worker``, likewise."""
        return Serving(self, ("worker",), 0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Serving:
    """A running ``serve`` or ``worker``. What it prints goes to files, so that nothing blocks it."""

    program: Program
    words: tuple[str, ...]
    port: int
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="qw-serve-")))

    def __post_init__(self) -> None:
        with (self.home / "out").open("wb") as out, (self.home / "err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", *self.words],
                cwd=ROOT,
                env=self.program.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(LIMIT_S)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def out(self) -> str:
        return (self.home / "out").read_text()

    @property
    def err(self) -> str:
        return (self.home / "err").read_text()

    def wait(self, path: str = "/health/ready") -> None:
        """Until ``path`` answers 200."""
        until(lambda: self.ask(path)[0] == 200 or self.process.poll() is not None, lambda: self.err)
        assert self.process.poll() is None, self.err

    def ask(self, path: str, key: str | None = None) -> tuple[int, bytes]:
        """Status and body of a GET; status 0 while nothing listens."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with urlopen(Request(f"http://127.0.0.1:{self.port}{path}", headers=headers), timeout=10) as answer:
                return answer.status, answer.read()
        except HTTPError as answer:
            with answer:
                return answer.code, answer.read()
        except OSError:
            return 0, b""

    def kill(self) -> None:
        """As a power cut of the process: no farewell."""
        self.process.kill()
        self.process.wait(LIMIT_S)

    def stop(self) -> float:
        """SIGTERM; the seconds it took to end."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT_S)
        return time.monotonic() - begun


@dataclass(frozen=True, slots=True)
class Town:
    """Where the made-up accounts are: each on a host of its own, which then need not be asked slowly."""

    bases: dict[str, str]

    def feed(self, name: str, form: str = "rss") -> str:
        return f"{self.base(name)}/feed/{name}.{form}"

    def profile(self, name: str) -> str:
        return f"{self.base(name)}/@{name}"

    def base(self, name: str) -> str:
        """The host of this account."""
        return self.bases.get(name, self.bases["many"])


def origins() -> dict[str, Origin]:
    """Who posted one, two and nine days ago and never; one whose posts cannot be seen; many for a long list."""
    now = datetime.now(UTC).replace(microsecond=0)
    people = [
        Persona("daily", "mastodon", _events(now, 1, 12)),
        Persona("weekly", "rss", _events(now, 9, 12)),
        Persona("pages", "atom", _events(now, 1, 12)),
        Persona("notes", "json", _events(now, 2, 12)),
        Persona("mute", "mastodon", []),
        Persona("lost", "mastodon", _events(now, 1, 12)),
    ]
    worlds = {persona.name: World.of([persona]) for persona in people}
    worlds["many"] = World.of(Persona(f"many{n}", "rss", _events(now, 1 + n % 20, 3)) for n in range(MANY))
    always = Interval(now - timedelta(days=1), now + timedelta(days=365))
    faults = {"lost": Schedule([FaultWindow(always, Fault.ERROR, path="/statuses")])}
    return {name: Origin(world, lambda: datetime.now(UTC), faults.get(name)) for name, world in worlds.items()}


def _events(now: datetime, last: int, count: int) -> list[Event]:
    moments = [now - timedelta(days=last + n) for n in range(count)]
    return [Event(snowflake(at, n), at, at) for n, at in enumerate(reversed(moments))]


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    """The world, served from a thread of the test process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def there(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(LIMIT_S)

    served = origins()
    yield Town({name: there(origin.start()) for name, origin in served.items()})
    for origin in served.values():
        there(origin.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(LIMIT_S)
    loop.close()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    running = Forks(tmp_path_factory.mktemp("forks"))
    yield running
    running.stop()


@pytest.fixture
def program(new_database: Callable[[], str], data_dir: Path, forks: Forks) -> Program:
    """The program on an empty database of this test's own, allowed to ask loopback."""
    return on(new_database(), data_dir, forks)


@pytest.fixture(scope="module")
def watching(
    new_database: Callable[[], str], town: Town, forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> Program:
    """The program on a database in which six accounts are watched. Tests that use it change nothing in it."""
    program = on(new_database(), tmp_path_factory.mktemp("data"), forks)
    done = program(
        *("watch", town.profile("daily"), town.feed("weekly"), town.feed("pages", "atom")),
        *(town.feed("notes", "json"), town.profile("mute"), town.profile("lost"), "--tag", "board", "--json"),
    )
    assert done.code == 0, done.err
    return program


def on(database_url: str, data_dir: Path, forks: Forks) -> Program:
    settings = {
        "database_url": database_url,
        "data_dir": str(data_dir),
        "allow_networks": "127.0.0.0/8",
        "contact": "tests@example.org",
        "margins": "feed=60,mastodon=60",
    }
    return Program(settings, forks)
