"""Hostile documents: what the feed and JSON readers make of them, in time, memory and sight of the network."""

from __future__ import annotations

import asyncio
import importlib
import io
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from app.domain.models import Failure, Look, Page
from app.platforms.base import Request, Response, Target
from app.platforms.feed.platform import FEED
from app.platforms.jsonapi import read_json
from app.worker.parse_pool import SMALL, ParseKilled, ParsePool
from bench.harness import percentile

URL = "https://a.example/feed"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TARGET = Target(1, URL, URL, "a.example", has_posts=True)


def respond(body: bytes, content_type: str = "application/rss+xml") -> Response:
    """A whole 200 with this body."""
    return Response(URL, 200, {"content-type": content_type}, body, AT)


def look(body: bytes, content_type: str = "application/rss+xml", target: Target = TARGET) -> Look:
    """What the platform ``feed`` makes of a body."""
    talk = FEED.look(target)
    assert isinstance(next(talk), Request)
    try:
        talk.send(respond(body, content_type))
    except StopIteration as end:
        result: Look = end.value
        return result
    raise AssertionError("the feed platform asks once")


def rss(items: str, prologue: str = "", channel: str = "") -> bytes:
    """An RSS document around these items."""
    return f"{prologue}<rss version='2.0'><channel><title>t</title>{channel}{items}</channel></rss>".encode()


def item(number: int, inner: str = "") -> str:
    """One dated item."""
    return f"<item><guid>{number}</guid><pubDate>Sun, 22 Nov 2026 10:00:00 GMT</pubDate>{inner}</item>"


def xml_attacks() -> Iterator[tuple[str, bytes]]:
    """B5, each within the limits of a fetch (2 MiB on the wire, 8 MiB decoded)."""
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    yield "billion laughs", rss(item(1, "<title>&l9;</title>"), f"<!DOCTYPE x [<!ENTITY l0 'lol'>{laughs}]>")
    big = "a" * 100_000
    yield "quadratic", rss(item(1, f"<title>{'&a;' * 50_000}</title>"), f"<!DOCTYPE x [<!ENTITY a '{big}'>]>")
    for name, target in (("file", "file:///etc/passwd"), ("network", "http://127.0.0.1:9/x"), ("plain", "/etc/passwd")):
        doctype = f"<!DOCTYPE x [<!ENTITY e SYSTEM '{target}'>]>"
        yield f"external entity, {name}", rss(item(1, "<title>&e;</title>"), doctype)
        yield f"external subset, {name}", rss(item(1), f"<!DOCTYPE x SYSTEM '{target}'>")
        yield f"parameter entity, {name}", rss(item(1), f"<!DOCTYPE x [<!ENTITY % p SYSTEM '{target}'> %p;]>")
        yield f"inclusion, {name}", rss(f"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{target}'/>")
    yield "100,000 levels", rss("<a>" * 100_000)
    yield "100,000 levels, closed", rss(item(1, "<a>" * 100_000 + "</a>" * 100_000))
    yield "an attribute of 7 MB", rss(item(1, f"<a b='{'x' * 7_000_000}'/>"))
    yield "100,000 attributes", rss(item(1, "<a " + " ".join(f"a{n}='1'" for n in range(100_000)) + "/>"))
    yield "100,000 names", rss("".join(f"<a{n}/>" for n in range(100_000)))
    yield "100,000 namespaces", rss("".join(f"<a xmlns:n{n}='urn:{n}'/>" for n in range(100_000)))
    yield "100,000 items", rss("".join(item(n) for n in range(60_000)))
    yield "7 MB of text", rss(item(1, f"<title>{'x' * 7_000_000}</title>"))
    yield "7 MB of openers", rss("<" * 7_000_000)
    yield "7 MB of ampersands", rss(item(1, f"<title>{'&' * 7_000_000}</title>"))
    yield "7 MB of comment starts", rss("<!--" * 1_700_000)
    yield "7 MB of CDATA starts", rss("<![CDATA[" * 700_000)
    yield "7 MB of blanks", b" " * 7_000_000
    yield "7 MB of blanks before HTML", b" " * 7_000_000 + b"<html>"
    yield "author of 40 KB", rss(item(1, f"<author>{'a' * 40_000}</author>"))
    yield "author of 80 KB", rss(item(1, f"<author>{'a@' * 40_000}</author>"))
    yield "date of 1 MB", rss(f"<item><guid>1</guid><pubDate>{'1 ' * 500_000}</pubDate></item>")
    yield "date of commas", rss(f"<item><guid>1</guid><pubDate>{'(' * 500_000}</pubDate></item>")
    yield "link of 1 MB", rss(f"<item><link>http://a.example/{'%' * 1_000_000}</link></item>")
    yield "cut in the middle", rss("".join(item(n) for n in range(10_000)))[:400_000]


class Watch:
    """Counts what one thread opens and connects while it looks; an audit hook cannot be taken away again."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._thread = 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self._thread == threading.get_ident() and event in ("open", "socket.connect", "socket.getaddrinfo"):
            self.seen.append(f"{event} {args[0]!r}")

    @contextmanager
    def looking(self) -> Iterator[None]:
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = 0


_watch: list[Watch] = []


def watched_look(body: bytes) -> tuple[float, list[str]]:
    """CPU seconds of a look, and what was opened meanwhile. Runs here or in the parse pool."""
    if not _watch:
        look(rss(item(1)))  # loads what is loaded once
        _watch.append(Watch())
    seen = len(_watch[0].seen)
    began = time.thread_time()
    with _watch[0].looking():
        look(body)
    return time.thread_time() - began, _watch[0].seen[seen:]


async def xml(pool: ParsePool) -> dict[str, Any]:
    """B5: small bodies are read in place, large ones in the pool, and cut to a small size in place too."""
    figures: dict[str, Any] = {"documents": 0, "crashed": 0, "opened": 0, "killed": []}
    slowest = {"small": ("", 0.0), "large": ("", 0.0)}
    await pool.parse_bounded(watched_look, rss(item(1)))
    for name, whole in xml_attacks():
        for body in {whole, whole[:SMALL]}:
            size = "small" if len(body) <= SMALL else "large"
            began = time.monotonic()
            try:
                took, seen = await pool.parse_bounded(watched_look, body) if size == "large" else watched_look(body)
            except ParseKilled:
                took, seen = time.monotonic() - began, []
                figures["killed"].append(name)
            except Exception as error:
                took, seen = 0.0, []
                figures["crashed"] += 1
                print(f"{name}: {error!r}", file=sys.stderr)
            figures["documents"] += 1
            figures["opened"] += len(seen)
            slowest[size] = max(slowest[size], (name, round(took, 3)), key=lambda one: one[1])
    return {**figures, "slowest_small_s": slowest["small"], "slowest_large_s": slowest["large"]}


def json_suite(folder: Path) -> dict[str, int]:
    """B8: JSONTestSuite through the platforms' JSON reader, and a few more."""
    decoder = msgspec.json.Decoder(object)
    counts = {"rejected": 0, "accepted": 0, "either": 0, "wrong": 0}
    for path in sorted(folder.glob("*.json")):
        refused = isinstance(read_json(decoder, respond(path.read_bytes(), "application/json")), Failure)
        look(path.read_bytes(), "application/feed+json")
        kind = path.name[0]
        counts["wrong"] += (kind == "n" and not refused) or (kind == "y" and refused)
        counts[{"n": "rejected", "y": "accepted"}.get(kind, "either")] += 1
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b"[NaN]", b"[Infinity]", b"-"):
        counts["wrong"] += not isinstance(read_json(decoder, respond(body)), Failure)
    for body in (b"[" + b"9" * 100_000 + b"]", b'{"a":1,"a":2}', b"[1e400]"):
        read_json(decoder, respond(body))
    return counts


def charsets(folder: Path, rounds: int) -> dict[str, int]:
    """B7: feeds that lie about or hide their charset; ids are the same every time."""
    paths = sorted(folder.rglob("*.xml"))
    unstable = 0
    for path in paths:
        body = path.read_bytes()
        first = ids(look(body))
        unstable += any(ids(look(body)) != first for _ in range(rounds))
    return {"documents": len(paths), "rounds": rounds, "unstable": unstable}


def ids(found: Look) -> list[str]:
    """The ids of a page; none for what is no page."""
    return [post.native_id for post in found.posts] if isinstance(found, Page) else []


def cut_json(size: int = 4096) -> dict[str, int]:
    """H38: a JSON Feed cut at every byte but sent as a whole answer: no cut may be a page."""
    text = b'{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{"id":"1","content_text":"'
    end = b'","date_published":"2026-11-22T10:00:00Z"}]}'
    body = text + b"x" * (size - len(text) - len(end)) + end
    assert isinstance(look(body, "application/feed+json"), Page)
    errors = sum(isinstance(look(body[:cut], "application/feed+json"), Failure) for cut in range(size))
    return {"offsets": size, "errors": errors}


def mutated(rounds: int) -> dict[str, int]:
    """Seeded damage to good documents: every look ends in a page or a failure."""
    chance = random.Random(7)
    atom = (
        b"<feed xmlns='http://www.w3.org/2005/Atom'><id>a</id><entry><id>1</id><updated>2026-11-22T10:00:00Z</updated>"
    )
    seeds = [
        rss(item(1) + item(2)),
        atom + b"</entry></feed>",
        b'{"version":"https://jsonfeed.org/version/1","items":[]}',
    ]
    crashed = 0
    for _ in range(rounds):
        body = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 8)):
            body[chance.randrange(len(body))] = chance.choice(b"<>&;'\"\x00\xff[]{}!?-/ %x")
        try:
            look(bytes(body))
        except Exception as error:
            crashed += 1
            print(f"{bytes(body)!r}: {error!r}", file=sys.stderr)
    return {"rounds": rounds, "crashed": crashed}


def by_feedparser(body: bytes) -> int:
    """A parser that can hang: feedparser, the oracle of our tests. Runs in the parse pool only."""
    parse: Callable[[Any], Any] = importlib.import_module("feedparser").parse
    return len(parse(io.BytesIO(body)).entries)


async def killed(pool: ParsePool) -> dict[str, Any]:
    """B6: a parser that hangs is killed, and the event loop does not notice."""
    await pool.parse_bounded(by_feedparser, rss(item(1)))
    attack = rss(item(1, f"<author>{'a' * 300_000}</author>"))
    lags: list[float] = []
    began = time.monotonic()
    attempt = asyncio.create_task(pool.parse_bounded(by_feedparser, attack))
    while not attempt.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        lags.append(time.monotonic() - before - 0.01)
    try:
        await attempt
        ended = "returned"
    except ParseKilled:
        ended = "killed"
    return {
        "ended": ended,
        "after_s": round(time.monotonic() - began, 2),
        "loop_lag_p99_ms": round(percentile(lags, 0.99) * 1000, 1),
    }
