"""CPU per feed against lemon24/reader on the same local feeds: first fetch, nothing changed, one new item each.

nginx serves the files with ETag and gzip. Each side runs in a process of its own; ours counts its own CPU and that of
every process of its PostgreSQL, reader has SQLite within. Both store what they read. The host is one, and asked one
request at a time; our pause between two requests to one host is set to nothing, because only CPU is measured here.
``--feeds`` changes the size, ``--items`` the items a feed shows, ``--rounds`` how often the rounds after the first run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import uvloop

from app import logs
from app.commands.serving import settle_memory
from app.domain.models import Identity
from app.platforms import platforms
from app.storage import accounts
from app.storage.engine import create_engine
from app.storage.migrate import upgrade
from app.worker.clients import Clients
from app.worker.clock import VirtualClock
from app.worker.context import Context, Options
from app.worker.fetch import Fetcher
from app.worker.guard import Guard
from app.worker.poll import run_once
from bench import harness

TARGETS = {"first": 20.0, "unchanged": 3.0, "one_new": 15.0}
AGENT = "Quietwatch/0.1 (+https://quietwatch.example/contact)"
_NGINX = """
worker_processes 1; daemon off; pid {root}/nginx.pid; error_log {root}/error.log crit; {user}
events {{ worker_connections 256; }}
http {{
  access_log off; etag on; gzip on; gzip_types application/rss+xml text/xml; gzip_min_length 500; gzip_proxied any;
  keepalive_requests 1000000; types {{ application/rss+xml xml; }}
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4;
  scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}/www; }}
}}
"""
#: Items as WordPress writes them, the most common shape of feeds: three names, some categories, a text with markup.
_ITEM = """<item><title>Item {i} of feed {n}</title><link>http://127.0.0.1/{n}/{i}/</link>
<comments>http://127.0.0.1/{n}/{i}/#respond</comments><dc:creator><![CDATA[Ann Author]]></dc:creator>
<pubDate>{date}</pubDate><category><![CDATA[News]]></category><category><![CDATA[Town &amp; country]]></category>
<guid isPermaLink="false">http://127.0.0.1/?p={n}{i:06d}</guid>
<description><![CDATA[<p>Lorem ipsum dolor sit amet, <em>consectetur</em> adipiscing elit, sed do eiusmod tempor
incididunt ut labore et dolore magna aliqua. [&#8230;]</p>]]></description>
<content:encoded><![CDATA[<p>Lorem ipsum dolor sit amet, <em>consectetur</em> adipiscing elit, sed do eiusmod tempor
<a href="http://127.0.0.1/{n}/{i}/more?a=1&amp;b=2">incididunt</a> ut labore.</p><figure><img src="/i/{i}.jpg" alt="x"/>
</figure><p>Ut enim ad minim veniam, quis <strong>nostrud</strong> exercitation.</p>]]></content:encoded></item>"""
_HEAD = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"
xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>Feed {n}</title>
<atom:link href="http://127.0.0.1/{n}.xml" rel="self" type="application/rss+xml"/><link>http://127.0.0.1/{n}</link>
<description>d</description><language>en-US</language>{items}</channel></rss>"""


def write_feeds(folder: Path, number: int, items: int, newest: int) -> None:
    """``number`` feeds that show the ``items`` items up to ``newest``; about 15 KB each with 12."""
    start = datetime.now(UTC) - timedelta(days=30)
    for n in range(number):
        rows = "\n".join(
            _ITEM.format(n=n, i=i, date=format_datetime(start + timedelta(hours=6 * i)))
            for i in range(newest, newest - items, -1)
        )
        path = folder / f"{n}.xml"
        path.with_suffix(".new").write_text(_HEAD.format(n=n, items=rows))
        path.with_suffix(".new").replace(path)


@contextmanager
def nginx(root: Path) -> Iterator[str]:
    """nginx on loopback, serving ``root/www``."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    (root / "nginx.conf").write_text(_NGINX.format(root=root, port=port, user=user))
    process = subprocess.Popen([program, "-p", str(root), "-c", str(root / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx does not start; is it installed?")


class Ours:
    """The worker, round by round, in the process that makes it."""

    def __init__(self, database: str, base: str, number: int) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # as the service runs
        settle_memory()  # as the service does
        self.engine = create_engine(database)
        self.clock = VirtualClock(datetime.now(UTC))
        self.runner.run(self._open(base, number))

    async def _open(self, base: str, number: int) -> None:
        self.clients = Clients(Guard(allow_networks=["127.0.0.0/8"]))
        known = platforms()
        known["feed"].spacing = timedelta(0)
        self.ctx = Context(self.engine, Fetcher(self.clients, AGENT), known, self.clock, options=Options())
        host = base.removeprefix("http://")
        async with self.engine.begin() as conn:
            for n in range(number):
                url = f"{base}/{n}.xml"
                await accounts.add(conn, Identity("feed", url, url, host, url), now=self.clock.now())

    def round(self) -> dict[str, int]:
        """Look at every feed once; the outcomes."""
        self.clock.advance_to(self.clock.now() + timedelta(hours=5))
        return dict(self.runner.run(run_once(self.ctx, self.clock.now())).outcomes)


class Reader:
    """lemon24/reader, round by round."""

    def __init__(self, path: str, base: str, number: int) -> None:
        from reader import make_reader

        self.reader = make_reader(path)
        for n in range(number):
            self.reader.add_feed(f"{base}/{n}.xml")

    def round(self) -> dict[str, int]:
        """Update every feed; how many changed and how many did not."""
        found = {"page": 0, "unchanged": 0, "failed": 0}
        for result in self.reader.update_feeds_iter(scheduled=False):
            if isinstance(result.value, Exception):
                found["failed"] += 1
            else:
                found["page" if result.value is not None else "unchanged"] += 1
        return found


_SIDE: Any = None


def _open(make: Callable[..., Any], *args: Any) -> None:
    global _SIDE  # noqa: PLW0603 - one side per process
    _SIDE = make(*args)


def _round() -> tuple[float, float, dict[str, int]]:
    cpu, wall = time.process_time(), time.perf_counter()
    outcomes = _SIDE.round()
    return time.process_time() - cpu, time.perf_counter() - wall, outcomes


def postgres_cpu(root: int) -> float:
    """CPU seconds of the server with this process id and of all below it, the ended ones included."""
    rows: dict[int, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            rows[int(stat.parent.name)] = stat.read_text().rpartition(")")[2].split()
    ours = {root}
    while more := {pid for pid, fields in rows.items() if int(fields[1]) in ours} - ours:
        ours |= more
    return sum(sum(map(int, rows[pid][11:15])) for pid in ours if pid in rows) / os.sysconf("SC_CLK_TCK")


def compare(number: int, items: int, rounds: int) -> dict[str, Any]:
    """Both sides in turn, round by round; figures per feed in milliseconds of CPU."""
    figures: dict[str, Any] = {"feeds": number, "items": items}
    context = get_context("spawn")
    with harness.scratch() as root, harness.database() as server, nginx_ready(root) as base:
        asyncio.run(upgrade(server.url))
        write_feeds(root / "www", number, items, items)
        with ProcessPoolExecutor(1, context) as ours, ProcessPoolExecutor(1, context) as theirs:
            theirs.submit(_open, Reader, str(root / "reader.sqlite"), base, number).result()
            ours.submit(_open, Ours, server.url, base, number).result()
            newest = items
            for name in ["first", *["unchanged", "one_new"] * rounds]:
                if name == "one_new":
                    newest += 1
                    write_feeds(root / "www", number, items, newest)
                    time.sleep(1.1)  # nginx's ETag has the second of the change in it
                _measure(figures, name, number, ours, theirs, server.pid or 0)
    for name in TARGETS:
        figures[name] = _summary(figures[name])
    return figures


@contextmanager
def nginx_ready(root: Path) -> Iterator[str]:
    """nginx over an empty ``www``."""
    (root / "www").mkdir()
    root.chmod(0o755)
    with nginx(root) as base:
        yield base


def _measure(
    figures: dict[str, Any], name: str, number: int, ours: ProcessPoolExecutor, theirs: ProcessPoolExecutor, pid: int
) -> None:
    before = postgres_cpu(pid)
    cpu, wall, outcomes = ours.submit(_round).result()
    database = postgres_cpu(pid) - before
    peer_cpu, peer_wall, peer_outcomes = theirs.submit(_round).result()
    expected = {"unchanged": number} if name == "unchanged" else {"page": number}
    if outcomes != expected or {k: v for k, v in peer_outcomes.items() if v} != expected:
        raise SystemExit(f"round {name} went wrong: ours {outcomes}, reader {peer_outcomes}")
    row = {"worker": cpu, "database": database, "reader": peer_cpu, "wall": wall, "reader_wall": peer_wall}
    figures.setdefault(name, []).append({key: seconds * 1000 / number for key, seconds in row.items()})


def _summary(runs: list[dict[str, float]]) -> dict[str, float]:
    found = {f"{key}_ms": harness.median([run[key] for run in runs]) for key in runs[0]}
    return found | {"times": harness.median([run["reader"] / (run["worker"] + run["database"]) for run in runs])}


def main() -> None:
    """The command."""
    parser = harness.parser(__doc__)
    parser.add_argument("--feeds", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    logs.configure("json", "error")
    figures = compare(given.feeds, given.items, given.rounds)
    harness.report(all(figures[name]["times"] >= least for name, least in TARGETS.items()), figures, given.json)


if __name__ == "__main__":
    main()
