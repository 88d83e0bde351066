"""Watchlists: five formats, one result per row, good rows kept."""

from __future__ import annotations

import json

import httpx2
import pytest

CSV = {"Content-Type": "text/csv"}


def five_hundred() -> str:
    """500 rows of which 7 are bad, each in another way."""
    rows = [f"u{number}.bsky.example,Person {number},press;tech,official" for number in range(493)]
    bad = [
        "nobody at all,,,",
        ",No link,,",
        "bad1.bsky.example,,,king",
        f"bad2.bsky.example,{'x' * 300},,",
        "bad3.bsky.example,a\x00b,,",
        f"bad4.bsky.example,,{'t' * 70},",
        "https://feeds.nowhere/,,,",
    ]
    for place, row in enumerate(bad):
        rows.insert(place * 70, row)
    return "\n".join(["account,subject,tags,role", *rows])


@pytest.mark.long
async def test_of_500_rows_7_bad_ones_fail_alone(client: httpx2.AsyncClient) -> None:
    dry = await client.post("/v1/accounts/import?dry_run=true", content=five_hundred(), headers=CSV)
    assert dry.json()["totals"] == {"rows": 500, "would_add": 493, "failed": 7}, dry.text[:500]
    assert (await client.get("/v1/accounts")).json()["items"] == []
    done = (await client.post("/v1/accounts/import", content=five_hundred(), headers=CSV)).json()
    assert done["totals"] == {"rows": 500, "added": 493, "failed": 7}
    failed = [row for row in done["items"] if row["result"] == "failed"]
    assert [row["row"] for row in failed] == [1 + place * 70 for place in range(7)]
    assert all(row["problem"]["detail"] for row in failed)
    assert failed[0]["problem"]["tried"] == ["looked for a feed", "asked the PLC directory"]
    assert failed[2]["problem"]["field"] == "role"
    again = (await client.post("/v1/accounts/import", content=five_hundred(), headers=CSV)).json()
    assert again["totals"] == {"rows": 500, "known": 493, "failed": 7}
    first = (await client.get("/v1/accounts?limit=1")).json()["items"][0]
    assert (first["subject"], first["tags"]) == ("Person 0", ["press", "tech"])


OPML = """<?xml version="1.0"?><opml version="2.0"><body><outline text="World News">
<outline text="A" type="rss" xmlUrl="https://feeds.example/a"/></outline>
<outline title="B" xmlUrl="https://feeds.example/b"/></body></opml>"""


@pytest.mark.parametrize(
    ("media", "text"),
    [
        ("text/x-opml", OPML),
        (
            "application/json",
            json.dumps(["https://feeds.example/a", {"url": "https://feeds.example/b", "tags": "x y"}]),
        ),
        (
            "application/json",
            json.dumps({"accounts": [{"link": "https://feeds.example/a"}, "https://feeds.example/b"]}),
        ),
        (
            "application/yaml",
            "- https://feeds.example/a\n- url: https://feeds.example/b\n  tags: [x, y]\n  subject: 12\n",
        ),
        ("text/plain; charset=utf-8", "# mine\nhttps://feeds.example/a\n\nhttps://feeds.example/b\n"),
        ("text/csv", "https://feeds.example/a\nhttps://feeds.example/b\n"),
        (
            "text/csv",
            "\ufeffURL;Name;Time zone\nhttps://feeds.example/a;A;Europe/Paris\nhttps://feeds.example/b;B;UTC\n",
        ),
    ],
)
async def test_every_format_is_read(client: httpx2.AsyncClient, media: str, text: str) -> None:
    done = (await client.post("/v1/accounts/import", content=text.encode(), headers={"Content-Type": media})).json()
    assert [row["account"]["handle"] for row in done["items"]] == ["https://feeds.example/a", "https://feeds.example/b"]


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {"abcdefgh"[n + 1]} "{("&" + "abcdefgh"[n] + ";") * 10}">' for n in range(7)
)


@pytest.mark.parametrize(
    ("media", "text", "status"),
    [
        ("text/x-opml", "<opml><body>", 400),
        ("text/x-opml", LAUGHS + "]><opml><body><outline xmlUrl='&h;'/></body></opml>", 400),
        ("text/x-opml", "<a>" * 5000, 400),
        ("application/json", '{"accounts": 3}', 400),
        ("application/json", "[" * 20 + "]" * 20, 200),
        ("application/yaml", "a: &a [x]\nb: [*a, *a]", 400),
        ("application/yaml", "[" * 5000, 400),
        ("application/yaml", "!!python/object/apply:os.system [ls]", 200),
        ("text/csv", "", 422),
        ("text/csv", "https://feeds.example/a\n" * 1001, 413),
        ("text/csv", b"\xff\xfe", 400),
        ("image/png", "x", 415),
    ],
)
async def test_what_is_no_watchlist_is_refused(
    client: httpx2.AsyncClient, media: str, text: str | bytes, status: int
) -> None:
    body = text if isinstance(text, bytes) else text.encode()
    answer = await client.post("/v1/accounts/import", content=body, headers={"Content-Type": media})
    assert answer.status_code == status, answer.text
    if status == 200:
        assert {row["result"] for row in answer.json()["items"]} == {"failed"}
    else:
        assert answer.headers["content-type"] == "application/problem+json"


async def test_an_import_may_be_repeated(client: httpx2.AsyncClient) -> None:
    headers = {**CSV, "Idempotency-Key": "list-1"}
    first = await client.post("/v1/accounts/import", content=b"https://feeds.example/a\n", headers=headers)
    second = await client.post("/v1/accounts/import", content=b"https://feeds.example/a\n", headers=headers)
    assert first.json()["items"][0]["result"] == "added"
    assert first.content == second.content
