"""From an empty directory to the first answer: the service is started as a person starts it, and asked.

Each run begins with an empty data directory: PostgreSQL is initialised, the schema made, the first key printed. The
clock stops at the first authorised answer. The floor beside it is what the database alone takes. A second start on
the same directory is measured too.
"""

from __future__ import annotations

import argparse
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from app.storage.embedded import EmbeddedServer
from bench.harness import Stopwatch, median, parser, report, scratch

ROOT = Path(__file__).parent.parent
KEY = re.compile(r"\bqw_[A-Za-z0-9_-]{20,}")


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(url: str, key: str | None = None) -> bool:
    """Whether ``url`` answers 200."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Service:
    """``python -m app serve`` on a data directory, with what it printed."""

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUIETWATCH_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env={**kept, "QUIETWATCH_DATA_DIR": str(data_dir), "QUIETWATCH_PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.said = ""

    def listen(self, seconds: float) -> None:
        """Take in what it prints, for at most ``seconds``."""
        if self.selector.select(seconds) and self.process.stdout:
            self.said += (self.process.stdout.read() or b"").decode(errors="replace")

    def wait_for(self, path: str, deadline: float, key: str | None = None) -> None:
        """Ask for ``path`` until it answers 200. Raises TimeoutError at ``deadline`` (monotonic) or at its end."""
        while not answers(f"http://127.0.0.1:{self.port}{path}", key):
            self.listen(0.02)
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"no answer at {path}; it said:\n{self.said}")

    def key(self, deadline: float) -> str:
        """The admin key that a first start prints."""
        while not (found := KEY.search(self.said)):
            self.listen(0.02)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no key printed; it said:\n{self.said}")
        return found[0]

    def stop(self) -> float:
        """Stop it in good order; the seconds that took."""
        with Stopwatch() as watch:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.selector.close()
        if self.process.stdout:
            self.process.stdout.close()
        return watch.wall


def start(data_dir: Path, limit: float, key: str | None = None) -> tuple[float, float, float, str]:
    """Seconds to readiness, to the first authorised answer, to stop; and the key."""
    began = time.monotonic()
    service = Service(data_dir)
    try:
        deadline = began + limit * 6
        service.wait_for("/v1/health/ready", deadline)
        ready = time.monotonic() - began
        key = key or service.key(deadline)
        service.wait_for("/v1/accounts", deadline, key)
        answered = time.monotonic() - began
    except BaseException:
        service.stop()
        raise
    return ready, answered, service.stop(), key


def database_alone() -> float:
    """Seconds from an empty directory to a database that answers."""
    with scratch("qw-start-") as path:
        with Stopwatch() as watch:
            server = EmbeddedServer.start(path)
        server.stop()
    return watch.wall


def main() -> None:
    """Measure and tell."""
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--limit", type=float, default=5.0, help="seconds to the first answer, at most")
    given: argparse.Namespace = options.parse_args()
    first, ready, again, stops, floor = [], [], [], [], []
    for _ in range(given.runs):
        floor.append(database_alone())
        with scratch("qw-start-") as path:
            was_ready, answered, stopped, key = start(path, given.limit)
            ready.append(was_ready)
            first.append(answered)
            stops.append(stopped)
            again.append(start(path, given.limit, key)[1])
    figures = {
        "first_answer_s": median(first),
        "first_answer_worst_s": max(first),
        "ready_s": median(ready),
        "second_start_s": median(again),
        "stop_s": median(stops),
        "database_alone_s": median(floor),
        "limit_s": given.limit,
        "runs": given.runs,
    }
    report(max(first) <= given.limit, {name: round(value, 3) for name, value in figures.items()}, given.json)


if __name__ == "__main__":
    main()
