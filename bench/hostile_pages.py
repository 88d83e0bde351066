"""The cases of ``corpora/http/hostile_http.json`` that are about what an answer says; see ``hostile_cases``."""

from __future__ import annotations

import asyncio
import json

from app.domain.models import DateNote, Failure, Page, Unchanged
from app.platforms.mastodon import Mastodon
from bench.hostile_documents import cut_json, ids, item, look, rss, xml_attacks
from bench.hostile_ground import FEED_TYPE, Ground, page
from bench.hostile_load import OK
from bench.rawserver import always


async def h26(ground: Ground) -> str | None:
    wall = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Something went wrong</body></html>"
    scripts = [page(wall, f"Content-Type: {kind}") for kind in ("text/html", "application/rss+xml", "application/json")]
    return await ground.fails(*scripts, page(wall, "Content-Type: text/html", status="500 Oops"))


async def h27(ground: Ground) -> str | None:
    return await ground.fails(page(b"", FEED_TYPE), page(b" \r\n", FEED_TYPE), always(OK + b"\r\n", close=True))


async def h29(ground: Ground) -> str | None:
    """The type says one thing and the body is another."""
    wall = page(b"<html><body>Not here</body></html>", FEED_TYPE)
    image, script = page(b"\x89PNG\r\n\x1a\n" + bytes(99), FEED_TYPE), page(b"alert(1)", FEED_TYPE)
    wrong = await ground.fails(wall, image, script, page(b"<svg xmlns='http://www.w3.org/2000/svg'/>", FEED_TYPE))
    found = await ground.look(page(rss(item(1)), "Content-Type: image/png"))
    return wrong or (None if isinstance(found, Page) else "a feed was refused for its label")


async def h31(ground: Ground) -> str | None:
    wall = json.dumps({"error": "This method requires an authenticated user"}).encode()
    wrong = await ground.fails(page(wall, "Content-Type: application/json"))
    found = await ground.look(page(wall, "Content-Type: application/json"), Mastodon())
    return wrong or (None if isinstance(found, Failure) else "a login wall was taken for a page")


async def h32(ground: Ground) -> str | None:
    body = b"<html><title>Just a moment...</title><script>window._cf_chl_opt={}</script></html>"
    served = page(body, "Content-Type: text/html", "cf-mitigated: challenge", status="403 Forbidden")
    return await ground.fails(served, page(body, "Content-Type: text/html"), among=["challenge"])


async def h33(ground: Ground) -> str | None:
    """The account's own feed is seen first, then an empty or a full one of another account at its address."""

    def feed_of(name: str, items: str) -> bytes:
        me = f"http://a.example/{name}/rss"
        link = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='{me}'/>"
        return rss(items, channel=f"<link>http://a.example/{name}</link>{link}")

    first = await ground.look(page(feed_of("alice", item(1) + item(2)), FEED_TYPE))
    if not isinstance(first, Page):
        return "the account's own feed was refused"
    for items in ("", item(8) + item(9)):
        found = await ground.look(page(feed_of("bob", items), FEED_TYPE), memory=first.memory)
        if not isinstance(found, Failure):
            return "another account's feed was taken for this one's"
    return None


async def h34(ground: Ground) -> str | None:
    text = rss(item(1, "<title>café</title>")).decode()
    declared = "<?xml version='1.0' encoding='utf-8'?>" + text
    bodies = (
        text.encode("cp1252"),
        declared.encode("cp1252"),
        declared.encode("utf-16"),
        b"\xef\xbb\xbf" + text.encode("utf-16"),
    )
    for body in bodies:
        for kind in ("text/xml; charset=utf-8", "text/xml; charset=nonsense", "application/rss+xml"):
            found = await ground.look(page(body, f"Content-Type: {kind}"))
            if isinstance(found, Page) and ids(found) != ids(look(rss(item(1)))):
                return "an id was misread"
    return None


async def h35(ground: Ground) -> str | None:
    items = [{"id": f"{n}\x00\ud800", "url": "http://a.example/\x00", "title": "\ud800"} for n in range(3)]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "a\x00\ud800", "items": items}
    found = await ground.look(page(json.dumps(feed).encode(), "Content-Type: application/feed+json"))
    texts = [one for post in getattr(found, "posts", ()) for one in (post.native_id, post.url or "", post.alias or "")]
    try:
        storable = all("\x00" not in one and one.encode() is not None for one in texts)
    except UnicodeEncodeError:
        storable = False
    return None if storable else "what a database cannot hold got through"


async def h36(ground: Ground) -> str | None:
    """Names and links of a megabyte, marks of direction, and characters that combine without end."""
    texts = ("x" * 1_000_000, "\u202e\u2066\ufeff", "e" + "\u0301" * 100_000)
    for text in texts:
        inner = f"<title>{text}</title><author>{text}</author><link>http://a.example/{text}</link>"
        found = await ground.look(page(rss(item(1, inner), channel=f"<description>{text}</description>"), FEED_TYPE))
        kept = [
            one for post in getattr(found, "posts", ()) for one in (post.native_id, post.url or "", post.alias or "")
        ]
        if any(len(one) > 8_192 for one in kept):
            return "a megabyte was kept"
    return None


async def h37(ground: Ground) -> str | None:
    start = '{"version":"https://jsonfeed.org/version/1","items":[],"items":['
    values = ("NaN", "1e400", "1" + "0" * 5000, '"a"', "[" * 5000)
    for value in values:
        await ground.look(page(f'{start}{{"id":{value}}}]}}'.encode(), "Content-Type: application/json"))
    return await ground.fails(page((start + '{"id":NaN}]}').encode(), "Content-Type: application/json"))


async def h38(ground: Ground) -> str | None:
    counts = cut_json()
    return None if counts["errors"] == counts["offsets"] else f"{counts}"


async def h39(ground: Ground) -> str | None:
    """Time and what is opened are measured in group ``xml``; here the same documents go the whole way."""
    for name, body in xml_attacks():
        if len(body) < 500_000 and isinstance(await ground.look(page(body, FEED_TYPE)), Unchanged):
            return f"{name} was taken for no change"
    return None


async def h40(ground: Ground) -> str | None:
    began = asyncio.get_running_loop().time()
    await ground.look(page(rss(item(1, f"<author>{'a' * 40_000}</author>")), FEED_TYPE))
    return None if asyncio.get_running_loop().time() - began < 2 + ground.slack_seconds else "the parser hung"


async def h41(ground: Ground) -> str | None:
    """100,000 levels of XML and of JSON."""
    levels = "<a>" * 100_000
    documents = (
        rss(levels),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"version":"https://jsonfeed.org/version/1","items":' + b"[" * 99_999,
    )
    return await ground.fails(*(page(document, FEED_TYPE) for document in documents))


async def h42(ground: Ground) -> str | None:
    guids = ("1", "1", "A", "a", "a ", "x" * 10_000, "")
    dated = "<pubDate>Sun, 22 Nov 2026 1{}:00:00 GMT</pubDate>"
    items = "".join(f"<item><guid>{one}</guid>{dated.format(n)}</item>" for n, one in enumerate(guids))
    served = page(rss(items), FEED_TYPE)
    first, second = ids(await ground.look(served)), ids(await ground.look(served))
    distinct = len(first) == len(set(first)) and all(0 < len(one) <= 512 for one in first)
    return None if first and first == second and distinct else "ids are not stable, distinct and bounded"


async def h43(ground: Ground) -> str | None:
    """Items in another order, and items that stand there twice: the same posts."""
    items = [item(n) for n in range(20)]
    straight = await ground.look(page(rss("".join(items)), FEED_TYPE))
    shuffled = await ground.look(page(rss("".join(items[::-1] + items[5:9])), FEED_TYPE))
    same = sorted(ids(straight)) == sorted(ids(shuffled)) and len(ids(straight)) == len(items)
    return None if same else "the order changed the posts"


async def h44(ground: Ground) -> str | None:
    dates = ("9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "-0001-01-01T00:00:00Z")
    more = ("2026-11-22T10:00:00+99:99", "2026-11-22T24:00:00Z", "2026-06-30T23:59:60Z", "2026-11-22T10:00:00")
    rest = ("2026-02-30T10:00:00Z", "1795428000000", "1795428000", "yesterday", "")
    items = "".join(
        f"<item><guid>{n}</guid><pubDate>{one}</pubDate></item>" for n, one in enumerate(dates + more + rest)
    )
    found = await ground.look(page(rss(items), FEED_TYPE))
    if not isinstance(found, Page) or len(found.posts) != 13:
        return "a date broke the page"
    said = [post for post in found.posts if post.posted_at is None and post.note == DateNote.NONE]
    naive = [post for post in found.posts if post.posted_at is not None and post.posted_at.tzinfo is None]
    return "a date was dropped without a note" if said or naive else None
