"""The feeds of the politeness bench: ordinary ones, and a policy for each habit of servers that readers get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

from bench.scoring import Asked, Feed, Reply

#: ETags as servers send them: weak, suffixed, unquoted, empty, with commas, blanks, bytes beyond ASCII, and long.
ETAGS: tuple[bytes, ...] = (
    *(b'W/"x"', b'w/"x"', b'"x-gzip"', b'"x;gzip"', b'W/"x-gzip"', b"x", b"W/x", b'""', b'W/""', b'"a,b"', b'"a, b"'),
    *(b'"a b"', b"x/W", b'"x" ', b'"\xe9"', b'"\xff\xfe"', b"'x'", b'"x', b'x"', b'"x""y"', b'"x", "y"', b"*", b'"*"'),
    *(b'"{1-2}"', b'"<x>"', b'"a\\"b"', b'"a\tb"', b"0", b"-1", b"null", b'"null"', b'"%22"', b'"=="', b'"/:@"'),
    *(b'"' + b"x" * 8000 + b'"', b"x" * 4000, b'"' + b"ab " * 1000 + b'"', b'"1";v="2"', b'W/ "x"', b'"\xc3\xa9"'),
)
#: Last-Modified as servers send them; nobody may read, repair or invent one.
DATES: tuple[bytes, ...] = (
    *(b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"),
    *(b"sun, 06 nov 1994 08:49:37 gmt", b"Sun, 06 Nov 1994 08:49:37 GMT ", b"Sun, 6 Nov 1994 08:49:37 +0000"),
    *(b"1994-11-06T08:49:37Z", b"Mon, 06 Nov 1994 08:49:37 GMT", b"0", b"never", b"Thu, 01 Jan 1970 00:00:00 GMT"),
    *(b"Sun, 06 Nov 2094 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 CEST", b"784111777"),
)


@dataclass
class OneSign(Feed):
    """Only an ETag (``which`` 0) or only a date (1)."""

    which: int = 0

    def versions(self, now: datetime) -> tuple[bytes | None, bytes | None]:
        etag, modified = super().versions(now)
        return (etag, None) if self.which == 0 else (None, modified)


@dataclass
class NoSign(Feed):
    """No validators at all."""

    def versions(self, now: datetime) -> tuple[bytes | None, bytes | None]:
        return None, None


@dataclass
class OddSigns(Feed):
    """Fixed odd validators; every answer is whole, so that the reader must send them again and again."""

    etag: bytes | None = None
    modified: bytes | None = None

    def versions(self, now: datetime) -> tuple[bytes | None, bytes | None]:
        return self.etag, self.modified

    def is_known(self, asked: Asked, etag: bytes | None, modified: bytes | None) -> bool:
        return False


@dataclass
class MovingSigns(Feed):
    """The validators of an unchanged body move with every answer, on 200 and on 304."""

    turn: int = 0

    def versions(self, now: datetime) -> tuple[bytes | None, bytes | None]:
        self.turn += 1
        return b'"%d"' % self.turn, b"turn %d" % self.turn

    def is_known(self, asked: Asked, etag: bytes | None, modified: bytes | None) -> bool:
        return self.turn % 3 != 1


@dataclass
class ForgettingSigns(Feed):
    """Every other whole answer carries no validators: those of before are void."""

    turn: int = 0

    def versions(self, now: datetime) -> tuple[bytes | None, bytes | None]:
        self.turn += 1
        return (b'"%d"' % self.turn, None) if self.turn % 2 else (None, None)

    def is_known(self, asked: Asked, etag: bytes | None, modified: bytes | None) -> bool:
        return False


@dataclass
class Paced(Feed):
    """Says how often it wants to be asked: by header or by element."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    element: bytes = b""
    wait: timedelta = timedelta(0)

    def extra(self) -> bytes:
        return self.element

    def reply(self, asked: Asked) -> Reply:
        answer = super().reply(asked)
        answer.headers += self.headers
        self.not_before = asked.at + self.wait
        return answer


@dataclass
class Limiting(Feed):
    """Every fifth answer asks to wait, in one of the ways servers do it."""

    status: int = 429
    value: bytes | None = None
    date: bool = False
    wait: timedelta = timedelta(0)
    turn: int = 0

    def reply(self, asked: Asked) -> Reply:
        self.turn += 1
        self.not_before = None
        if self.turn % 5:
            return super().reply(asked)
        self.not_before = asked.at + self.wait
        value = format_datetime(self.not_before, usegmt=True).encode() if self.date else self.value
        return Reply(self.status, headers=[] if value is None else [(b"Retry-After", value)])


@dataclass
class Redirecting(Feed):
    """Redirects by a script of (status, path), one step a request, the last one for ever; status 200 serves."""

    script: tuple[tuple[int, str], ...] = ()
    believed: str | None = None
    """Where the reader should ask in the end; None: still here."""
    turn: int = 0
    paths: frozenset[str] = frozenset({"/feed", "/a", "/b", "/c"})

    def reply(self, asked: Asked) -> Reply:
        if asked.path != "/feed":
            return super().reply(asked)
        status, path = self.script[min(self.turn, len(self.script) - 1)]
        self.turn += 1
        if status == 200:
            return super().reply(asked)
        if status == 404:
            return Reply(404)
        return Reply(status, headers=[(b"Location", path.encode())])


@dataclass
class Ending(Feed):
    """Ends after ``lives`` answers with ``status``."""

    status: int = 410
    lives: int = 30
    ended_at: datetime | None = None
    after: list[datetime] = field(default_factory=list)

    def reply(self, asked: Asked) -> Reply:
        if len(self.asked) <= self.lives:
            return super().reply(asked)
        self.ended_at = self.ended_at or asked.at
        self.after.append(asked.at)
        return Reply(self.status)


def _paced(name: str, start: datetime) -> Iterator[Feed]:
    hours = timedelta(hours=1)
    yield Paced(name, start, headers=((b"Cache-Control", b"public, max-age=21600"),), wait=6 * hours)
    yield Paced(name, start, headers=((b"Cache-Control", b"max-age=0, must-revalidate"),), wait=hours / 4)
    yield Paced(name, start, headers=((b"Expires", b"0"),), wait=hours / 4)
    yield Paced(name, start, element=b"<ttl>240</ttl>", wait=4 * hours)
    sy = b"<u:updatePeriod xmlns:u='http://purl.org/rss/1.0/modules/syndication/'>hourly</u:updatePeriod>"
    often = sy + sy.replace(b"updatePeriod", b"updateFrequency").replace(b"hourly", b"1")
    yield Paced(name, start, element=often, wait=hours)
    yield Paced(name, start, element=sy.replace(b"hourly", b"daily"), wait=23 * hours)


def _limiting(name: str, start: datetime) -> Iterator[Feed]:
    hour = timedelta(hours=1)
    for status in (429, 503):
        yield Limiting(name, start, status=status, value=b"7200", wait=2 * hour)
        yield Limiting(name, start, status=status, date=True, wait=5 * hour)
        yield Limiting(name, start, status=status, value=b"1000000000000", wait=timedelta(days=7))
        for value in (b"-5", b"soon", None):
            yield Limiting(name, start, status=status, value=value, wait=hour / 2)


def redirects() -> list[tuple[tuple[tuple[int, str], ...], str | None]]:
    """Thirty scripts, each with where the reader should end up."""
    found: list[tuple[tuple[tuple[int, str], ...], str | None]] = []
    for status in (301, 308):
        found += [(((status, target),), target) for target in ("/a", "/b", "/c")]
        found += [(((200, ""), (200, ""), (status, target)), target) for target in ("/a", "/b", "/c")]
    for status in (302, 303, 307):
        found += [(((status, target),), None) for target in ("/a", "/b", "/c")]
    for status in (301, 308):
        flip = ((status, "/a"), (status, "/b"))
        found += [(flip * 5000, None), (((status, "/a"), (200, "")) * 5000, None)]
        found += [(((status, "/a"), (302, "/a")) * 5000, None)]
    return [
        *found,
        (((301, "/a"), (404, "")) * 5000, None),
        (((301, "/a"), (301, "/a"), (200, "")), None),
        (((308, "/b"), (308, "/b"), (302, "/b")), None),
    ]


def make_feeds(number: int, start: datetime) -> list[Feed]:
    """A mixed crowd: one of every special policy, then half with both validators, the rest with one or none."""
    every: list[Feed] = [OddSigns("x", start, etag=etag) for etag in ETAGS]
    every += [OddSigns("x", start, modified=date) for date in DATES]
    every += [MovingSigns("x", start), ForgettingSigns("x", start)]
    every += [*_paced("x", start), *_limiting("x", start)]
    every += [Redirecting("x", start, script=script, believed=target) for script, target in redirects()]
    every += [Ending("x", start, status=410), Ending("x", start, status=404)]
    plain = [Feed, Feed, OneSign, NoSign]
    while len(every) < number:
        every.append(plain[len(every) % 4]("x", start))
    for place, feed in enumerate(every):
        feed.name = f"f{place}.example"
        feed.start = start - timedelta(minutes=7 * place % 1200)
        if isinstance(feed, OneSign):
            feed.which = place // 4 % 2
    return every
