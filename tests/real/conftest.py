"""A real nginx on loopback, with static feeds, and the service's ordinary parts to watch it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec
import pytest

from app import config
from app.commands import compose
from app.commands.local import LocalApi, local_api
from app.config import Settings
from app.storage import accounts, names
from app.storage.engine import create_engine
from app.worker import poll
from app.worker.clock import Clock
from app.worker.context import Context
from app.worker.intake import Report
from tests.waiting import LIMIT_S, listens, until

#: One process in the foreground, as whoever runs the tests; nothing outside its directory is written.
CONFIG = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 64; }}
http {{
  types {{
    text/html html;
    application/rss+xml rss;
    application/atom+xml atom;
    application/feed+json json;
  }}
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  log_format asked escape=json '{{"path":"$request_uri","status":$status,"none_match":"$http_if_none_match",'
    '"since":"$http_if_modified_since","coding":"$sent_http_content_encoding","etag":"$sent_http_etag",'
    '"agent":"$http_user_agent","accepts":"$http_accept_encoding","modified":"$sent_http_last_modified"}}';
  access_log {home}/asked.log asked;
  etag on;
  gzip on;
  gzip_min_length 0;
  gzip_types application/rss+xml application/atom+xml application/feed+json;
  server {{
    listen 127.0.0.1:{port};
    root {home}/site;
    location = /gone.rss {{ if (-f {home}/switch/gone) {{ return 410; }} }}
    location = /old.rss {{ if (-f {home}/switch/moved) {{ return 301 /new.rss; }} }}
    location = /here.rss {{ if (-f {home}/switch/elsewhere) {{ return 302 /there.rss; }} }}
    location = /busy.rss {{
      if (-f {home}/switch/busy) {{ add_header Retry-After 7200 always; return 429; }}
    }}
    location = /down.rss {{
      if (-f {home}/switch/down) {{ add_header Retry-After 10800 always; return 503; }}
    }}
    location = /wall.rss {{ if (-f {home}/switch/wall) {{ rewrite ^ /blog.html break; }} }}
  }}
}}
"""


def find() -> str:
    """nginx, where Debian puts it or on the path; without one the test is skipped, or fails where CI promises one."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        message = "no nginx on this machine (Debian: apt-get install nginx-light)"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


@dataclass
class Nginx:
    """The running server. ``site`` is what it serves; a file in ``switch`` turns a fault on."""

    home: Path
    base: str

    def write(self, name: str, body: bytes) -> str:
        """Publish a file as an editor would, in one step; returns its address."""
        (self.home / "unfinished").write_bytes(body)
        (self.home / "unfinished").rename(self.home / "site" / name)
        return f"{self.base}/{name}"

    def remove(self, name: str) -> None:
        (self.home / "site" / name).unlink()

    def turn_on(self, fault: str) -> None:
        (self.home / "switch" / fault).touch()

    def turn_off(self, fault: str) -> None:
        (self.home / "switch" / fault).unlink()

    def asked(self, path: str) -> list[dict[str, Any]]:
        """What was asked of this path, from nginx's own log."""
        lines = (self.home / "asked.log").read_text("utf-8").splitlines()
        return [line for line in map(json.loads, lines) if line["path"] == path]

    def let_a_second_begin(self) -> None:
        """nginx's clock shows whole seconds, and a look proves nothing beyond them."""
        before = self._date()
        while self._date() == before:
            pass

    def _date(self) -> str:
        try:
            with urlopen(f"{self.base}/nothing") as answer:
                return str(answer.headers["Date"])
        except HTTPError as answer:
            with answer:
                return str(answer.headers["Date"])


@pytest.fixture(scope="module")
def running_nginx() -> Iterator[Nginx]:
    program = find()
    home = Path(tempfile.mkdtemp(prefix="qw-nginx-"))
    for name in ("site", "switch"):
        (home / name).mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (home / "nginx.conf").write_text(CONFIG.format(home=home, port=port))
    words = [program, "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "nginx.conf")]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait(process, port, home)
        yield Nginx(home, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        shutil.rmtree(home, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    until(lambda: listens(port) or process.poll() is not None, "nginx does not answer")
    assert process.poll() is None, f"nginx did not start: {(home / 'error.log').read_text()}"


@pytest.fixture
def nginx(running_nginx: Nginx) -> Nginx:
    """The module's server with an empty site, all faults off and an empty log."""
    for name in ("site", "switch"):
        for path in (running_nginx.home / name).iterdir():
            path.unlink()
    os.truncate(running_nginx.home / "asked.log", 0)
    return running_nginx


@dataclass
class Service:
    """The worker and the API on one database, as ``serve`` puts them together."""

    settings: Settings
    ctx: Context
    api: LocalApi

    async def watch(self, address: str) -> str:
        """Add what a person pasted; returns the account's path in the API."""
        body = msgspec.json.encode({"url": address})
        account = await self.api.post("/v1/accounts", body, "application/json")
        return f"/v1/accounts/{account['id']}"

    async def look(self, path: str) -> Report:
        """Look at the account now, due or not."""
        now = self.ctx.clock.now()
        async with self.ctx.engine.begin() as conn:
            found = await names.find(conn, path.rsplit("/", 1)[1])
            assert found is not None
            await accounts.poll_now(conn, [found.id], now)
        return await poll.run_once(self.ctx, now)

    async def items(self, path: str) -> list[dict[str, Any]]:
        return [item async for item in self.api.items(path)]

    async def coverage(self, path: str) -> dict[str, tuple[datetime, datetime]]:
        """What has been seen: how, from when, until when."""
        found = [item for item in await self.items(f"{path}/coverage") if item["seen"] != "not"]
        assert len({item["seen"] for item in found}) == len(found), "there is a hole"
        return {i["seen"]: (datetime.fromisoformat(i["start"]), datetime.fromisoformat(i["end"])) for i in found}

    async def last_look(self, path: str) -> dict[str, Any]:
        return (await self.items(f"{path}/polls"))[0]

    def under(self, clock: Clock) -> Service:
        """The same worker under another clock."""
        return replace(self, ctx=replace(self.ctx, clock=clock))


@pytest.fixture
async def service(new_database: Callable[[], str], data_dir: Path) -> AsyncIterator[Service]:
    url = new_database()
    settings = config.load(
        database_url=url, data_dir=data_dir, allow_networks="127.0.0.0/8", margins="feed=1", contact="tests"
    )
    engine = create_engine(url)
    async with (
        compose.worker_context(settings, engine) as ctx,
        local_api(settings, engine, compose.resolver(ctx)) as api,
    ):
        yield Service(settings, ctx, api)
    await engine.dispose()


def ago(**length: float) -> datetime:
    """A moment of the past, to the second, as feeds write them."""
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0)


def rss(posts: dict[str, datetime]) -> bytes:
    """Written by hand, not by the code under test."""
    rows = "".join(
        f'<item><guid isPermaLink="false">{name}</guid><link>https://news.example/{name}</link>'
        f"<title>{name}</title><pubDate>{format_datetime(at, usegmt=True)}</pubDate></item>"
        for name, at in sorted(posts.items(), key=lambda post: post[1], reverse=True)
    )
    head = "<title>News</title><link>https://news.example/</link><description>d</description>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{rows}</channel></rss>'.encode()


def atom(posts: dict[str, datetime]) -> bytes:
    """Likewise, Atom 1.0."""
    rows = "".join(
        f"<entry><id>tag:news.example,2026:{name}</id><title>{name}</title><published>{at.isoformat()}</published>"
        f'<updated>{at.isoformat()}</updated><link href="https://news.example/{name}"/></entry>'
        for name, at in sorted(posts.items(), key=lambda post: post[1], reverse=True)
    )
    head = f"<id>tag:news.example,2026:feed</id><title>News</title><updated>{max(posts.values()).isoformat()}</updated>"
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{head}{rows}</feed>'.encode()


def json_feed(posts: dict[str, datetime]) -> bytes:
    """Likewise, JSON Feed 1.1."""
    rows = [
        {"id": name, "url": f"https://news.example/{name}", "content_text": name, "date_published": at.isoformat()}
        for name, at in sorted(posts.items(), key=lambda post: post[1], reverse=True)
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "News", "items": rows}).encode()
