"""The sources of ``bench.faults``: what each shows is a function of time alone, so that every process sees the same.

Sources 0 to 8 are feeds, the others accounts of one server with a batch counter.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
from sqlalchemy import text

from app.domain.models import Failure, Identity, OutcomeName
from app.platforms.base import Request, Response
from app.storage import accounts, tables
from app.storage.engine import create_engine
from app.worker.fetch import Validators

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROUND = timedelta(hours=5)
#: The second look of a round comes this much later: everybody with a counter is due again.
AGAIN = timedelta(minutes=20)
FEEDS = 9
SOURCES = 12
SERVER = "m.example"
HUNDRED = 100
#: The newest post of each of its accounts that a page has shown or a moved counter has betrayed; shared with the
#: processes that are killed.
_told = mmap.mmap(-1, 8 * SOURCES)


@dataclass(frozen=True, slots=True)
class Script:
    """A feed."""

    n: int

    def posts(self, now: datetime) -> list[tuple[str, datetime]]:
        """The 15 newest, newest first. Sources 2 and 3 delete a post now and then, source 4 names its posts anew."""
        every = HOUR * (1 + self.n)
        last = int((now - START) / every)
        found = [(f"{self.n}-{i}", START + i * every) for i in range(last, last - 15, -1)]
        if self.n in (2, 3):
            found = [post for post in found if int(post[0].rsplit("-", 1)[1]) % 7]
        return found

    def show(self, request: Request, validators: Validators | None, now: datetime) -> Response | Failure:
        """The answer: source 5 fails now and then, 6 and 8 share a host that asks to wait, 7 knows versions."""
        turn = int((now - START) / ROUND)
        if self.n == 5 and turn % 3 == 1:
            return Failure(OutcomeName.UNREACHABLE, "connect", "no connection")
        if self.n in (6, 8) and (now - START - HOUR) % ROUND < timedelta(minutes=10):
            return Response(request.url, 429, {"retry-after": "600"}, b"", now)
        posts = self.posts(now)
        etag = f'"{posts[0][0]}"'
        if self.n == 7 and validators is not None and validators.etag == etag.encode():
            return Response(request.url, 304, {"etag": etag}, b"", now)
        rows = "".join(
            f"<item><guid isPermaLink='false'>{name}</guid><link>http://s{self.n}.example/{name}</link>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for name, at in posts
        )
        body = f"<rss version='2.0'><channel><title>t</title>{rows}</channel></rss>".encode()
        return Response(request.url, 200, {"etag": etag}, body, now)


@dataclass(frozen=True, slots=True)
class Counted:
    """An account with a counter that moves and moves back.

    In every third round a post stands there at the first look, and before the second one a post from long ago, which no
    page shows any more, is deleted. In the other rounds nothing happens, so that the counter is believed again.
    """

    n: int

    def posts(self, now: datetime) -> list[tuple[str, datetime]]:
        """The 40 newest, newest first."""
        made = self._made(now)
        return [(str(1000 * self.n + i), self._time(i)) for i in range(made, made - 40, -1)]

    def count(self, now: datetime) -> int:
        """What the counter says: a hundred posts, and one more until the deletion."""
        return HUNDRED + self._made(now) - self._made(now - timedelta(minutes=15))

    def _made(self, now: datetime) -> int:
        """The number of the newest post."""
        return max(HUNDRED, HUNDRED + (now - self._time(HUNDRED)) // (3 * ROUND))

    def _time(self, number: int) -> datetime:
        """Ten minutes before the first look of the round."""
        return START + HOUR - timedelta(minutes=10) + ROUND * (3 * (number - HUNDRED) + self.n % 3 - 3)


class Scripted:
    """The network: every source by its address."""

    async def send(
        self, request: Request, *, validators: Validators | None = None, now: Callable[[], datetime]
    ) -> Response | Failure:
        """The scripted answer, after others had their turn."""
        await asyncio.sleep(0)
        parts = urlsplit(request.url)
        if parts.netloc != SERVER:
            return Script(int(parts.path[1:])).show(request, validators, now())
        at = now()
        rows: list[dict[str, object]]
        if parts.path.endswith("/statuses"):
            n = int(parts.path.split("/")[4])
            rows = [
                {"id": i, "created_at": made.isoformat(), "visibility": "public", "account": _account(n, at)}
                for i, made in Counted(n).posts(at)
            ]
            _note(n, at)
        else:
            asked = [int(n) for n in parse_qs(parts.query)["id[]"]]
            rows = [_account(n, at) for n in asked]
            for n in asked:
                if Counted(n).count(at) > HUNDRED:
                    _note(n, at)
        return Response(request.url, 200, {"content-type": "application/json"}, msgspec.json.encode(rows), at)


def posts_of(n: int, now: datetime) -> list[tuple[str, datetime]]:
    """What source ``n`` shows: (id, time), newest first."""
    return Script(n).posts(now) if n < FEEDS else Counted(n).posts(now)


def _note(n: int, at: datetime) -> None:
    struct.pack_into("q", _told, 8 * n, int(Counted(n).posts(at)[0][0]))


def answered(n: int, now: datetime) -> set[str]:
    """The posts that source ``n`` shows and of which an answer has told: none of them may be missing.

    What came and went between two counts no answer has told (docs/truth.md, "Unchanged").
    """
    shown = {name for name, _ in posts_of(n, now)}
    if n < FEEDS:
        return shown
    [newest] = struct.unpack_from("q", _told, 8 * n)
    return {name for name in shown if int(name) <= newest}


async def watch_sources(database: str) -> None:
    """Watch every source; source ``n`` becomes account ``n + 1``."""
    engine = create_engine(database)
    async with engine.begin() as conn:
        for n in range(SOURCES):
            await accounts.add(conn, _identity(n), now=START)
    await engine.dispose()


async def forget_sources(database: str) -> None:
    """As if no source had ever been watched."""
    engine = create_engine(database)
    async with engine.begin() as conn:
        names = ", ".join(table.name for table in tables.metadata.sorted_tables)
        await conn.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    await engine.dispose()
    _told[:] = bytes(len(_told))


def _identity(n: int) -> Identity:
    if n >= FEEDS:
        return Identity("mastodon", f"{SERVER}/{n}", f"@u{n}@{SERVER}", SERVER, f"https://{SERVER}/@u{n}")
    host = f"s{6 if n == 8 else n}.example"
    url = f"http://{host}/{n}"
    return Identity("feed", url, url, host, url)


def _account(n: int, now: datetime) -> dict[str, object]:
    return {"id": str(n), "username": f"u{n}", "acct": f"u{n}", "statuses_count": Counted(n).count(now)}
