"""A feed server that scores its readers: it speaks HTTP itself, keeps every byte it was sent, and notes each offence.

One server stands for any number of hosts (by the Host header). Time is the caller's clock. A feed is a policy: what it
answers, and what a polite reader may send it. The criteria are those of the corpus, ``politeness/criteria.json``.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

AGENT = re.compile(rb"[\w.-]+/\d[\w.]* \(\+\S+\)")
_NEVER = (b"cookie", b"referer", b"range", b"if-range", b"authorization", b"cache-control", b"pragma")
FLOOR = timedelta(minutes=15)


@dataclass(slots=True)
class Asked:
    """One request as it came over the wire."""

    at: datetime
    host: str
    path: str
    headers: dict[bytes, bytes]
    """Lower-case names; values byte for byte."""


@dataclass(slots=True)
class Reply:
    """One answer as it goes over the wire."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


@dataclass
class Feed:
    """One feed and what it remembers of its reader. Subclasses change ``reply``."""

    name: str
    start: datetime
    every: timedelta = timedelta(hours=20)
    """A new item appears this often."""
    asked: list[datetime] = field(default_factory=list)
    unconditional: int = 0
    given: dict[str, tuple[bytes | None, bytes | None]] = field(default_factory=dict)
    """ETag and Last-Modified of the last answer that could carry them, by path."""
    not_before: datetime | None = None
    """The reader was told to wait until then."""
    paths: frozenset[str] = frozenset({"/feed"})

    def edition(self, now: datetime) -> int:
        """How many items have appeared."""
        return max(int((now - self.start) / self.every), 0)

    def body(self, now: datetime) -> bytes:
        """The ten newest items."""
        last = self.edition(now)
        items = b"".join(
            b"<item><guid isPermaLink='false'>%s-%d</guid><pubDate>%s</pubDate></item>"
            % (self.name.encode(), n, format_datetime(self.start + n * self.every).encode())
            for n in range(last, last - 10, -1)
        )
        return b"<rss version='2.0'><channel><title>t</title>" + self.extra() + items + b"</channel></rss>"

    def extra(self) -> bytes:
        """Elements of the channel."""
        return b""

    def versions(self, now: datetime) -> tuple[bytes | None, bytes | None]:
        """ETag and Last-Modified of the edition."""
        edition = self.edition(now)
        modified = format_datetime((self.start + edition * self.every).astimezone(UTC), usegmt=True)
        return b'"%d"' % edition, modified.encode()

    def reply(self, asked: Asked) -> Reply:
        """The whole feed or "not modified", as RFC 9110 has it."""
        etag, modified = self.versions(asked.at)
        named = [(b"ETag", etag), (b"Last-Modified", modified)]
        headers = [(name, value) for name, value in named if value is not None]
        self.given[asked.path] = (etag, modified)
        if self.is_known(asked, etag, modified):
            return Reply(304, headers=headers)
        return Reply(200, self.body(asked.at), headers)

    def is_known(self, asked: Asked, etag: bytes | None, modified: bytes | None) -> bool:
        """Whether the reader has this edition: If-None-Match goes before If-Modified-Since."""
        if b"if-none-match" in asked.headers:
            return asked.headers[b"if-none-match"] == etag
        return modified is not None and asked.headers.get(b"if-modified-since") == modified


class ScoringServer:
    """Serves feeds by host name; ``offences`` counts what a reader did wrong, by criterion."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.feeds: dict[str, Feed] = {}
        self.offences: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.requests = 0
        self.bytes_in = 0
        self.by_minute: Counter[int] = Counter()
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self._now = now
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on loopback; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop, and drop what is open."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    def note(self, criterion: str, asked: Asked, what: str) -> None:
        """One offence."""
        self.offences[criterion] += 1
        self.examples.setdefault(criterion, f"{asked.host}{asked.path} at {asked.at}: {what}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                self.bytes_in += len(raw)
                writer.write(self._answer(raw))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, raw: bytes) -> bytes:
        line, *rows = raw[:-4].split(b"\r\n")
        method, path, _ = line.split(b" ")
        pairs = [row.partition(b": ") for row in rows]
        headers = {name.lower(): value for name, _, value in pairs}
        host = headers[b"host"].decode()
        asked = Asked(self._now(), host, path.decode(), headers)
        self.requests += 1
        self.by_minute[int(asked.at.timestamp()) // 60] += 1
        self._score(method, asked, [name.lower() for name, _, _ in pairs])
        feed = self.feeds.get(host)
        if feed is None:
            return _wire(Reply(404), asked.at)
        self._score_feed(feed, asked)
        return _wire(feed.reply(asked), asked.at)

    def _score(self, method: bytes, asked: Asked, names: list[bytes]) -> None:
        if method != b"GET":
            self.note("A13", asked, f"method {method!r}")
        if len(set(names)) != len(names) or any(name in _NEVER for name in names):
            self.note("A13", asked, f"headers {names}")
        if not AGENT.search(asked.headers.get(b"user-agent", b"")):
            self.note("A13", asked, "no product, version and contact in User-Agent")
        if asked.headers.get(b"accept-encoding") != b"gzip":
            self.note("P15", asked, "Accept-Encoding is not gzip")

    def _score_feed(self, feed: Feed, asked: Asked) -> None:
        if asked.path not in feed.paths:
            self.note("A13", asked, "a URL nobody named")
        etag, modified = asked.headers.get(b"if-none-match"), asked.headers.get(b"if-modified-since")
        if etag is None and modified is None:
            feed.unconditional += 1
        known_etag, known_modified = feed.given.get(asked.path, (None, None))
        if etag is not None and etag != known_etag:
            self.note("A4" if known_etag else "A5", asked, f"If-None-Match {etag!r}, last given {known_etag!r}")
        if modified is not None and modified != known_modified:
            self.note("A3" if known_modified else "A5", asked, f"If-Modified-Since {modified!r} for {known_modified!r}")
        if feed.not_before is not None and asked.at < feed.not_before:
            self.note("A7", asked, f"asked {feed.not_before - asked.at} too early")
        if asked.path != "/feed":
            return  # a hop, not a poll of its own
        if feed.asked and asked.at - feed.asked[-1] < FLOOR:
            self.note("A6", asked, f"only {asked.at - feed.asked[-1]} after the last request")
        feed.asked.append(asked.at)


def _wire(reply: Reply, at: datetime) -> bytes:
    date = format_datetime(at, usegmt=True).encode()
    headers = [(b"Date", date), *reply.headers]
    if reply.status != 304:
        headers.append((b"Content-Length", str(len(reply.body)).encode()))
    lines = b"".join(b"%s: %s\r\n" % pair for pair in headers)
    return b"HTTP/1.1 %d X\r\n%s\r\n%s" % (reply.status, lines, reply.body)
