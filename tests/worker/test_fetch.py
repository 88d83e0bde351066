"""The fetcher against servers that lie, stall, cut and wander; on both event loops."""

from __future__ import annotations

import asyncio
import gzip
from datetime import timedelta

import pytest

from app.domain.models import Failure, OutcomeName
from app.platforms.base import Request, Response
from app.worker.clients import Clients
from app.worker.fetch import REASONS, Fetcher, Validators, validators_of
from app.worker.guard import Guard
from bench.rawserver import LOOPBACK, always, answer, loopback_fetcher, serve
from tests.worker.fetching import CHUNKED, NOW, OK, look, on_both_loops, on_skipping_loop, reason


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([answer(body=b"abc")], b"abc"),
        ([CHUNKED, b"3\r\nabc\r\n", b"1;x=y\r\nd\r\n0\r\nTrailer: 1\r\n\r\n"], b"abcd"),
        ([OK + b"\r\nabc"], b"abc"),  # its end is the end of the connection
        ([b"HTTP/1.0 200 OK\r\n\r\nabc"], b"abc"),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3, answer(body=b"abc")], b"abc"),
        ([b"HTTP/1.1 200 \xff\r\nContent-Length: 3\r\n\r\nabc"], b"abc"),
        ([answer("200 OK", "Content-Encoding: gzip", body=gzip.compress(b"abc") * 2)], b"abcabc"),
        ([OK + b"Content-Length: 3\r\n\r\nabc and what nobody asked for"], b"abc"),
        ([OK + b"Content-Length: 3\r\n\r\nabc" + answer("404 Not Found", body=b"x")], b"abc"),
        ([answer("200 OK", *(f"X-{n}: 1" for n in range(99)))], b""),  # with Content-Length 100 lines
    ],
)
@on_both_loops
async def test_whole_answers(parts: list[bytes], body: bytes) -> None:
    result, _ = await look(always(*parts, close=True))
    assert isinstance(result, Response)
    assert (result.status, result.body, result.requested_at, result.redirects) == (200, body, NOW, ())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], "incomplete"),
        ([OK], "incomplete"),
        ([OK + b"Content-Length: 10\r\n\r\nabc"], "incomplete"),
        ([CHUNKED, b"3\r\nabc\r\n"], "incomplete"),
        ([CHUNKED, b"3\r\nabc\r\n0\r\n"], "incomplete"),
        ([CHUNKED, b"-3\r\nabc\r\n0\r\n\r\n"], "protocol"),
        ([CHUNKED, b"zz\r\n"], "protocol"),
        ([OK + b"Content-Length: -3\r\n\r\nabc"], "protocol"),
        ([OK + b"Content-Length: three\r\n\r\nabc"], "protocol"),
        ([OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"], "protocol"),
        ([OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], "protocol"),
        ([OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"], "protocol"),
        ([OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"], "protocol"),
        ([OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"], "protocol"),
        ([b"<html>HTTP/0.9</html>"], "protocol"),
        ([b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"], "protocol"),
        ([b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"], "protocol"),
        ([OK + b"X: a\r\n folded\r\nContent-Length: 0\r\n\r\n"], "protocol"),
        ([OK + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n"], "protocol"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], "protocol"),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 5_000, "too_large"),
        ([OK + b"Content-Length: 10000000000\r\n\r\nabc"], "too_large"),
        ([answer(body=bytes(2 * 1024 * 1024))], "too_large"),
        ([CHUNKED, *([b"10000\r\n" + bytes(65_536) + b"\r\n"] * 33)], "too_large"),
        ([CHUNKED + b"3\r\nabc\r\n0\r\n", *([b"Trailer: x\r\n"] * 200)], "too_large"),
        ([answer("200 OK", "X: " + "a" * 65_536)], "too_large"),
        ([OK, *([b"X: " + bytes(1000).replace(b"\0", b"a") + b"\r\n"] * 99)], "too_large"),
        ([answer("200 OK", *(["Set-Cookie: a=b"] * 10_000))], "too_large"),
        ([answer("200 OK", "Content-Encoding: gzip", body=gzip.compress(bytes(8 * 1024 * 1024 + 1)))], "too_large"),
        ([answer("200 OK", "Content-Encoding: gzip", body=b"<rss/>")], "content_coding"),
        ([answer("200 OK", "Content-Encoding: gzip, gzip", body=gzip.compress(gzip.compress(b"x")))], "content_coding"),
        ([answer("200 OK", "Content-Encoding: gzip", "Content-Encoding: gzip", body=b"x")], "content_coding"),
        ([answer("200 OK", "Content-Encoding: br", body=b"x")], "content_coding"),
        ([answer("200 OK", "Content-Encoding: gzip", body=gzip.compress(b"x")[:-1])], "incomplete"),
        ([answer("304 Not Modified")], "unasked_304"),
        ([answer("206 Partial Content", body=b"x")], "partial"),
        ([answer("204 No Content")], "204"),
        ([answer("205 Reset Content")], "205"),
        ([answer("999 Request denied")], "999"),
        ([answer("302 Found")], "bad_redirect"),
        ([answer("302 Found", "Location: ")], "bad_redirect"),
        ([answer("302 Found", "Location: /a", "Location: /b")], "bad_redirect"),
        ([answer("302 Found", "Location: " + "x" * 9_000)], "bad_redirect"),
        ([answer("302 Found", "Location: http://user@127.0.0.1/")], "bad_redirect"),
        ([answer("302 Found", "Location: file:///etc/passwd")], "bad_redirect"),
        ([answer("302 Found", "Location: http://169.254.169.254/")], "forbidden_address"),
        ([answer("302 Found", "Location: /again")], "too_many_redirects"),
        ([answer("300 Multiple Choices", "Location: /a")], "300"),
    ],
)
@on_both_loops
async def test_hostile_answers(parts: list[bytes], expected: str) -> None:
    result, _ = await look(always(*parts, close=True))
    assert reason(result) == expected
    if isinstance(result, Failure):
        assert (result.outcome, result.detail) == REASONS[result.reason]


@on_both_loops
async def test_every_truncation_is_an_error() -> None:
    whole = answer("200 OK", "Content-Type: application/json", body=b'{"posts": [1, 2, 3]}')
    fetcher, clients = loopback_fetcher()
    cuts = iter(range(len(whole)))

    async def cut(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(whole[: next(cuts)])
        return False

    async with serve(cut) as server:
        for _ in range(len(whole)):
            result = await fetcher.send(Request(server.url), now=lambda: NOW)
            assert reason(result) == "incomplete"
    clients.close()


@pytest.mark.parametrize(
    "part", [b"", OK, OK + b"Content-Length: 9\r\n\r\n", CHUNKED], ids=["head", "line", "body", "chunk"]
)
@on_skipping_loop
async def test_one_deadline_for_all(part: bytes) -> None:
    """A byte now and then never puts it off. (``bench.hostile`` shows the same on uvloop, in real time.)"""
    loop = asyncio.get_running_loop()

    async def drip(head: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(part)
        while True:
            writer.write(b"1")
            await writer.drain()
            await asyncio.sleep(4)

    began = loop.time()
    result, _ = await look(drip, seconds=30)
    assert reason(result) in ("timeout", "protocol")  # a line of digits is soon no header
    assert reason(result) == "protocol" or loop.time() - began == pytest.approx(30, abs=0.1)


SHAPES = [
    *(b'"x"', b'W/"x"', b'w/"x"', b'"x-gzip"', b'"x;gzip"', b"x", b'""', b'W/""', b'"a,b"', b'"a b"', b'"a"b"', b"'x'"),
    *(
        b'"\xe9\xff"',
        b'"\xe4\xb8\xad"',
        b'"' + b"e" * 8_000 + b'"',
        b"0",
        b'"\\"',
        b'W/"a", W/"b"',
        b'"x" ',
        b'"<>"',
        b'"%00"',
    ),
]
DATES = [
    *(
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
        b"sun, 06 nov 1994",
    ),
    *(
        b"Sun, 06 Nov 1994 08:49:37 GMT ",
        b"1994-11-06T08:49:37Z",
        b"0",
        b"yesterday",
        b"\xe9t\xe9",
        b"Sun, 32 Nov 1994 25:61:61",
    ),
]


@pytest.mark.parametrize("etag", SHAPES)
@pytest.mark.parametrize("modified", [DATES[0], None])
@on_both_loops
async def test_validators_return_byte_for_byte(etag: bytes, modified: bytes | None) -> None:
    await check_validators(etag, modified)


@pytest.mark.parametrize("modified", DATES)
@on_both_loops
async def test_dates_return_byte_for_byte(modified: bytes) -> None:
    await check_validators(None, modified)


async def check_validators(etag: bytes | None, modified: bytes | None) -> None:
    pairs = [(b"ETag", etag), (b"Last-Modified", modified)]
    head = OK + b"".join(name + b": " + value + b"\r\n" for name, value in pairs if value is not None)
    script, request = always(head + b"Content-Length: 0\r\n\r\n"), Request("/", conditional=True)
    fetcher, clients = loopback_fetcher()
    async with serve(script) as server:
        there = Request(server.url, conditional=True)
        first = await fetcher.send(there, now=lambda: NOW)
        assert isinstance(first, Response)
        await fetcher.send(there, validators=validators_of(first), now=lambda: NOW)
        await fetcher.send(Request(server.url), validators=validators_of(first), now=lambda: NOW)
        await fetcher.send(Request(server.url + "b", (), True), validators=validators_of(first), now=lambda: NOW)
        clients.close()
    sent = [
        head for name, value in pairs if value is not None for head in [conditional(name) + b": " + value + b"\r\n"]
    ]
    assert all(server.requests[1].count(line) == 1 for line in sent)
    assert server.requests[1].count(b"\r\nIf-") == len(sent)
    assert not any(b"\r\nIf-" in server.requests[turn] for turn in (0, 2, 3))  # first, unconditional, another address
    assert request.conditional


def conditional(name: bytes) -> bytes:
    return {b"ETag": b"If-None-Match", b"Last-Modified": b"If-Modified-Since"}[name]


@on_both_loops
async def test_an_answer_without_validators_has_none() -> None:
    result, _ = await look(always(answer()))
    assert isinstance(result, Response)
    assert validators_of(result) is None


@on_both_loops
async def test_what_a_request_says_and_what_it_never_says() -> None:
    cookie = answer("200 OK", "Set-Cookie: a=b; Path=/", 'ETag: "x"')
    result, heads = await look(always(cookie), Request("/p?q=1", (("Accept", "application/rss+xml"),)), times=2)
    assert isinstance(result, Response)
    lines = heads[1].decode().split("\r\n")
    assert lines[0] == "GET /p?q=1 HTTP/1.1"
    assert [line.partition(":")[0] for line in lines[1:-2]] == ["Host", "User-Agent", "Accept-Encoding", "Accept"]
    assert "Accept-Encoding: gzip" in lines
    assert heads[0] == heads[1]


@on_both_loops
async def test_answered_304_to_a_question() -> None:
    fetcher, clients = loopback_fetcher()
    async with serve(always(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n")) as server:
        known = Validators(server.url, etag=b'"x"')
        for _ in range(2):
            result = await fetcher.send(Request(server.url, (), True), validators=known, now=lambda: NOW)
            assert reason(result) == "304"
        assert server.connections == 1  # the length it names has no body behind it
        clients.close()


@on_both_loops
async def test_redirects_are_followed_and_told() -> None:
    async def wander(head: bytes, writer: asyncio.StreamWriter) -> bool:
        path = head.split(b" ")[1].decode()
        following = {"/1": ("301", "2"), "/2": ("308", "/3?x"), "/3?x": ("302", "//127.0.0.1:{}/4")}.get(path)
        if following is None:
            writer.write(answer("200 OK", 'ETag: "4"', body=b"there"))
        else:
            writer.write(answer(f"{following[0]} Moved", "Location: " + following[1].format(server.port)))
        return True

    fetcher, clients = loopback_fetcher()
    clock = iter(NOW + timedelta(seconds=turn) for turn in range(99))
    async with serve(wander) as server:
        result = await fetcher.send(Request(server.url + "1"), now=lambda: next(clock))
        assert isinstance(result, Response)
        assert result.url == server.url + "4"
        assert result.redirects == ((301, server.url + "2"), (308, server.url + "3?x"), (302, server.url + "4"))
        assert result.requested_at == NOW + timedelta(seconds=3)  # the hop that was answered
        known = validators_of(result)
        again = await fetcher.send(Request(server.url + "1", (), True), validators=known, now=lambda: NOW)
        assert isinstance(again, Response)
        assert [b"If-None-Match" in head for head in server.requests[4:]] == [False, False, False, True]
        clients.close()


@on_both_loops
async def test_another_origin_learns_nothing() -> None:
    async with serve(always(answer(body=b"x"))) as other:
        secret = (("Authorization", "Bearer x"), ("X-Key", "y"), ("Accept", "application/json"))
        result, heads = await look(always(answer("302 Found", f"Location: {other.url}")), Request("/", secret))
        assert isinstance(result, Response)
        assert b"Authorization: Bearer x" in heads[0]
        assert b"X-Key: y" in heads[0]
        assert b"Authorization" not in other.requests[0]
        assert b"X-Key" not in other.requests[0]
        assert b"Accept: application/json" in other.requests[0]
        assert b"Referer" not in other.requests[0]


@pytest.mark.parametrize("header", [("X", "a\r\nB: c"), ("X y", "a"), ("X", "\u0100"), ("", "a"), ("Xé", "a")])
@on_both_loops
async def test_headers_that_cannot_be_written(header: tuple[str, str]) -> None:
    result, heads = await look(always(answer()), Request("/", (header,)))
    assert (reason(result), heads) == ("bad_url", [])


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "http://", "feed:x", "http://user@a.example/", "http://a.example/\r\n"]
)
@on_both_loops
async def test_addresses_that_cannot_be_fetched(url: str) -> None:
    fetcher, _ = loopback_fetcher()
    assert reason(await fetcher.send(Request(url), now=lambda: NOW)) == "bad_url"


@on_both_loops
async def test_a_forbidden_address_is_not_named() -> None:
    fetcher = Fetcher(Clients(Guard()), "Quietwatch/test")
    result = await fetcher.send(Request("http://169.254.169.254/latest/meta-data/"), now=lambda: NOW)
    assert isinstance(result, Failure)
    assert (result.outcome, result.reason) == (OutcomeName.REFUSED, "forbidden_address")
    assert "169" not in result.detail


@on_both_loops
async def test_guard_stands_before_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    result, heads = await look(always(answer(body=b"x")))
    assert (reason(result), len(heads)) == ("200", 1)
    assert Guard(allow_networks=[LOOPBACK]).allows("127.0.0.1", 9)


@pytest.mark.parametrize("name", ["a\r\nCookie: b", "\u0100"])
def test_a_name_that_no_header_can_hold(name: str) -> None:
    with pytest.raises(ValueError, match=r"header|encode"):
        Fetcher(Clients(Guard()), name)
