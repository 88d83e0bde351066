"""The cases of ``corpora/http/hostile_http.json`` that are about connections and HTTP; ``hostile_pages`` has the rest.

Every function is named by the case it plays and returns what was wrong, or nothing. Where the numbers of a published
corpus have gaps, cases of our own of the same group fill them; those have a docstring that says what they play. A look
goes the whole way: guard, connection, limits, conversation, platform.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence

import trustme

from app.domain.models import Failure, Page
from app.platforms.base import Request, Response
from app.worker.fetch import Validators
from app.worker.guard import Guard
from bench import hostile_pages
from bench.hostile_ground import GOOD, Ground, coded, moved, page, tls
from bench.hostile_load import OK, drip, now
from bench.rawserver import LOOPBACK, Script, always, answer, serve

Played = Callable[[Ground], Awaitable[str | None]]
#: Cases that mostly wait; they are played at once, the others one after the other.
WAITING = frozenset({"H06", "H07", "H12", "H19", "H47"})


async def h01(ground: Ground) -> str | None:
    return await ground.fails(coded("gzip", (ground.corpus / "http/bomb.gzip").read_bytes()), among=["too_large"])


async def h02(ground: Ground) -> str | None:
    return await ground.fails(coded("br", (ground.corpus / "http/bomb.br").read_bytes()), among=["content_coding"])


async def h03(ground: Ground) -> str | None:
    return await ground.fails(coded("zstd", (ground.corpus / "http/bomb.zstd").read_bytes()), among=["content_coding"])


async def h04(ground: Ground) -> str | None:
    thrice = gzip.compress(gzip.compress(gzip.compress(GOOD)))
    return await ground.fails(coded("gzip, gzip, gzip", thrice), among=["content_coding"])


async def h05(ground: Ground) -> str | None:
    return await ground.fails(coded("gzip", GOOD), among=["content_coding"])


async def h06(ground: Ground) -> str | None:
    slow = ground.deadline_seconds / 10
    began = asyncio.get_running_loop().time()
    wrong = await ground.fails(drip(OK + b"X: ", slow), among=["timeout"])
    took = asyncio.get_running_loop().time() - began
    return wrong or (f"took {took:.1f} s" if took > ground.deadline_seconds + ground.slack_seconds else None)


async def h07(ground: Ground) -> str | None:
    """A body that drips, each byte sooner than any limit on a single read would notice."""
    drops = drip(OK + b"Content-Length: 100000\r\n\r\n", ground.deadline_seconds * 0.3)
    return await ground.fails(drops, among=["timeout"])


async def h08(ground: Ground) -> str | None:
    endless = drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", 0, b"8000\r\n" + b"x" * 32_768 + b"\r\n")
    return await ground.fails(endless, among=["too_large"])


async def h09(ground: Ground) -> str | None:
    return await ground.fails(
        drip(OK, 0, b"X-Header: value\r\n"), drip(OK + b"X: ", 0, b"x" * 4096), among=["too_large"]
    )


async def h10(ground: Ground) -> str | None:
    """One header line of 10 MB, and one just beyond the limit."""
    lines = [OK + b"X: " + b"x" * size + b"\r\nContent-Length: 0\r\n\r\n" for size in (10_000_000, 65_536)]
    return await ground.fails(*(always(line) for line in lines), among=["too_large"])


async def h11(ground: Ground) -> str | None:
    return await ground.fails(page(GOOD, *["Set-Cookie: a=b"] * 10_000), among=["too_large"])


async def h12(ground: Ground) -> str | None:
    lies = OK + b"Content-Length: %d\r\n\r\n" + b"x" * 1024
    return await ground.fails(drip(lies % 10**10, 60), drip(lies % 10**6, 60), among=["too_large", "timeout"])


async def h13(ground: Ground) -> str | None:
    body = GOOD[:-10] + b" " * 10
    fetcher, asked = ground.fetcher(), 3
    padded = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body + answer("200 OK", body=b"poison") * 20_000
    async with serve(always(padded)) as server:
        for _ in range(asked):
            result = await fetcher.send(Request(server.url), now=now)
            if not isinstance(result, Response) or result.body != body:
                return "extra bytes were read as an answer"
        return None if server.connections == asked else "the connection was used again"


async def h14(ground: Ground) -> str | None:
    both = OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    return await ground.fails(always(both), among=["protocol"])


async def h15(ground: Ground) -> str | None:
    lengths = (b"-3", b"three", b"3\r\nContent-Length: 4", b"3, 4", b"+3", b"0x3", b"9" * 30)
    scripts = [always(OK + b"Content-Length: " + length + b"\r\n\r\nabc") for length in lengths]
    return await ground.fails(*scripts, among=["protocol"])


async def h16(ground: Ground) -> str | None:
    """Chunks whose sizes are no sizes, or do not fit what follows."""
    sizes = (
        b"-1\r\nx\r\n",
        b"0x3\r\nabc\r\n",
        b"zz\r\n",
        b"\r\n",
        b"f" * 20 + b"\r\nx",
        b"1\r\nabc\r\n",
        b"3 4\r\nabc\r\n",
    )
    scripts = [always(OK + b"Transfer-Encoding: chunked\r\n\r\n" + size) for size in sizes]
    return await ground.fails(*scripts, among=["protocol"])


async def h17(ground: Ground) -> str | None:
    """A reset in the middle of the body, with and without a length."""

    def reset(start: bytes) -> Script:
        async def script(head: bytes, writer: asyncio.StreamWriter) -> bool:
            writer.write(start + GOOD[:40])
            await asyncio.sleep(0.05)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False

        return script

    return await ground.fails(reset(OK + b"Content-Length: 5000\r\n\r\n"), reset(OK + b"\r\n"), among=["incomplete"])


async def h18(ground: Ground) -> str | None:
    """Chunks without the last one, and an end before the headers' end."""
    started = OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(GOOD) + GOOD
    starts = (started, started + b"\r\n", started + b"\r\n0\r\n", OK, OK[:9], b"")
    return await ground.fails(*(always(start, close=True) for start in starts), among=["incomplete"])


async def h19(ground: Ground) -> str | None:
    async def rip(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(OK + b"\r\n" + GOOD)
        await asyncio.sleep(0.1)
        writer.transport.abort()
        return False

    result = await ground.fetch(rip, tls=tls())
    return None if isinstance(result, Failure) and result.reason == "incomplete" else "a cut body passed"


async def h20(ground: Ground) -> str | None:
    async def swing(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer("302 Found", "Location: " + ("/b" if head.startswith(b"GET /a") else "/a")))
        return True

    return await ground.fails(swing, among=["too_many_redirects"])


async def h21(ground: Ground) -> str | None:
    steps = iter(range(50))

    async def chain(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer("301 Moved", f"Location: /{next(steps)}"))
        return True

    wrong = await ground.fails(chain, among=["too_many_redirects"])
    return wrong or (None if next(steps) == 6 else "followed too far")


async def h22(ground: Ground) -> str | None:
    async with serve(page(GOOD)) as plain:
        result = await ground.fetch(moved(plain.url), tls=tls())
    told = isinstance(result, Response) and result.redirects == ((302, plain.url),)
    return None if told else "the step down to http is not told"


async def h23(ground: Ground) -> str | None:
    async with serve(page(GOOD)) as other:
        await ground.fetch(moved(other.url, 301), headers=(("Authorization", "Bearer x"), ("X-Api-Key", "y")))
        heads = b"".join(other.requests).lower()
    return None if heads and b"authorization" not in heads and b"x-api-key" not in heads else "credentials leaked"


async def h24(ground: Ground) -> str | None:
    """A relative Location is proper (RFC 9110, 10.2.2) and followed; here it leads in a circle."""
    bad = [moved(where) for where in ("", "http://a b/", "\\\\x", "x" * 9_000, "x" * 1_000_000, "http://[")]
    split = always(b"HTTP/1.1 302 Found\r\nLocation: /a\r\rb\r\nContent-Length: 0\r\n\r\n")
    reasons = ["bad_redirect", "too_large", "protocol"]
    return await ground.fails(*bad, split, among=reasons) or await ground.fails(
        moved("y"), among=["too_many_redirects"]
    )


async def h25(ground: Ground) -> str | None:
    targets = ("http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://10.0.0.1/")
    return await ground.fails(*(moved(one) for one in targets), among=["forbidden_address"])


async def h28(ground: Ground) -> str | None:
    flood = always(*([b"HTTP/1.1 102 Processing\r\n\r\n"] * 10_000), answer("200 OK", body=GOOD))
    statuses = ("204 No Content", "206 Partial Content", "999 Request denied", "205 Reset", "418 Teapot", "599 x")
    return await ground.fails(*(page(GOOD if status[0] != "2" else b"", status=status) for status in statuses), flood)


async def h30(ground: Ground) -> str | None:
    return await ground.fails(always(b"HTTP/1.1 304 Not Modified\r\n\r\n"), among=["unasked_304"])


async def h45(ground: Ground) -> str | None:
    old = b"HTTP/1.0 200 OK\r\n\r\n" + GOOD
    odd = b"HTTP/1.1 200 Pas de probl\xe8me\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD
    for accepted in (old, odd):
        if not isinstance(await ground.look(always(accepted, close=True)), Page):
            return "a proper answer was refused"
    folded = OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n"
    return await ground.fails(always(b"<html>0.9", close=True), always(OK.replace(b"\r", b"") + b"\n"), always(folded))


async def h46(ground: Ground) -> str | None:
    context, chosen = tls(), []
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def script(head: bytes, writer: asyncio.StreamWriter) -> bool:
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.write(answer("200 OK", body=GOOD))
        return True

    await ground.fetch(script, tls=context)
    return None if chosen == ["http/1.1"] else f"spoke {chosen}"


async def h47(ground: Ground) -> str | None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def broken(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_FAIL, "failed")

    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return ()

    async def many(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] * 4_095 + ["10.0.0.1"]

    for resolver, among in ((unknown, "dns"), (broken, "dns"), (silent, "dns timeout"), (many, "forbidden_address")):
        began = asyncio.get_running_loop().time()
        fetcher = ground.fetcher(Guard(allow_networks=[LOOPBACK], resolver=resolver))
        result = await fetcher.send(Request("http://a.example/"), now=now)
        if not isinstance(result, Failure) or result.reason not in among.split():
            return f"{resolver.__name__} came to {result}"
        if asyncio.get_running_loop().time() - began > 5 + ground.slack_seconds:
            return "waited too long for a name"
    return None


async def h48(ground: Ground) -> str | None:
    old = tls()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    for context in (tls(years=(2019, 2020)), tls("elsewhere.example"), tls(authority=trustme.CA()), old):
        result = await ground.fetch(page(GOOD), tls=context)
        if not isinstance(result, Failure) or result.reason != "tls":
            return "a connection that cannot be trusted was used"
    async with serve(page(GOOD), tls()) as server:
        result = await ground.fetcher(trust=False).send(Request(server.url), now=now)
    return None if isinstance(result, Failure) and result.reason == "tls" else "an unknown authority was trusted"


async def conditional_is_honoured(ground: Ground) -> str | None:
    """Beside the corpus: a 304 to a question that named a version is no failure."""
    async with serve(always(b"HTTP/1.1 304 Not Modified\r\n\r\n")) as server:
        known = Validators(server.url, etag=b'"x"')
        result = await ground.fetcher().send(Request(server.url, (), True), validators=known, now=now)
    return None if isinstance(result, Response) and result.status == 304 else "a proper 304 was refused"


def players() -> dict[str, Played]:
    """Every case that is played, by its id in the corpus."""
    found = {**vars(hostile_pages), **globals()}
    return {name.upper(): played for name, played in found.items() if name[0] == "h" and name[1:].isdigit()}


async def play(ground: Ground) -> dict[str, object]:
    """Every case of the corpus: which were not as expected, and which nobody plays."""
    listed = [row["id"] for row in json.loads((ground.corpus / "http/hostile_http.json").read_text())["cases"]]
    known = players()
    waiting = [one for one in listed if one in known and one in WAITING]
    others = [one for one in listed if one in known and one not in WAITING]
    said = dict(zip(waiting, await asyncio.gather(*(known[one](ground) for one in waiting)), strict=True))
    for one in [*others, *(known.keys() - set(listed))]:
        said[one] = await known[one](ground)
    said["304"] = await conditional_is_honoured(ground)
    return {
        "cases": len(listed),
        "beside_the_corpus": sorted(known.keys() - set(listed)),
        "not_played": [one for one in listed if one not in known],
        "wrong": {one: wrong for one, wrong in said.items() if wrong},
    }
