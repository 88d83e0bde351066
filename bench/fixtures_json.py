"""Every recorded JSON answer of Bluesky and Mastodon, through the platforms' own readers.

    python -m bench.fixtures_json --data FIXTURES [--json]

Each answer must be read as a plain walk over the same JSON reads it, or be refused with the outcome its status calls
for; nothing may break. Files that are no answers (schemas, records, frames) are thrown at every reader.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.domain.models import DateNote, Failure, Identity, Look, OutcomeName, Page
from app.platforms import platforms
from app.platforms.base import CounterMissing, CounterMoved, Platform, Request, ResolveError, Response, Target
from bench.fixtures_walk import Seen, bluesky_walk, mastodon_counter, mastodon_status, owner_of_feed, restored

AT = datetime(2026, 8, 2, tzinfo=UTC)
NOBODY = "did:plc:" + "z" * 24
BY_STATUS = {
    401: OutcomeName.AUTH_REQUIRED,
    403: OutcomeName.REFUSED,
    404: OutcomeName.GONE,
    410: OutcomeName.SUSPENDED,
    429: OutcomeName.RATE_LIMITED,
}


@dataclass
class Tally:
    """What was seen, for the report."""

    files: int = 0
    exchanges: int = 0
    parsed: int = 0
    compared: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)

    def refuse(self, look: object) -> None:
        """Count a refusal by its reason."""
        if isinstance(look, Failure):
            self.refused[f"{look.outcome}:{look.reason}"] += 1

    def compare(self, where: str, found: object, expected: object) -> None:
        """Count a comparison; keep a difference, shortened."""
        self.compared += 1
        if found != expected:
            self.differing.append(f"{where}: {str(found)[:300]} instead of {str(expected)[:300]}")


def check(path: Path) -> dict[str, Any]:
    """All JSON under ``path``/bluesky and ``path``/mastodon (``path`` is the folder of fixtures)."""
    tally = Tally()
    table = platforms()
    for name, judge in (("bluesky", _judge_bluesky), ("mastodon", _judge_mastodon)):
        for file in sorted(p for p in (path / name).rglob("*") if p.suffix in (".json", ".jsonl")):
            tally.files += 1
            _check_file(file, file.relative_to(path).as_posix(), table[name], judge, tally)
    return {
        "files": tally.files,
        "exchanges": tally.exchanges,
        "parsed": tally.parsed,
        "refused": dict(sorted(tally.refused.items())),
        "compared": tally.compared,
        "differing": tally.differing,
    }


Judge = Callable[[str, Platform, Response, Any, Tally], None]


def _check_file(file: Path, where: str, platform: Platform, judge: Judge, tally: Tally) -> None:
    raw = file.read_bytes()
    try:
        exchanges = list(_exchanges(file, json.loads(raw)))
    except json.JSONDecodeError:
        exchanges = []
    try:
        if not exchanges:
            _throw_at_readers(where, platform, raw, tally)
        for number, (response, body) in enumerate(exchanges):
            tally.exchanges += 1
            judge(f"{where}[{number}]", platform, response, body, tally)
    except Exception as error:  # the very thing that is looked for: any reader that breaks
        tally.differing.append(f"{where}: broke: {error!r}")


def _exchanges(file: Path, content: Any) -> Iterator[tuple[Response, Any]]:
    """The answers in a cassette, or the author feeds in a file of the network's own test results."""
    if isinstance(content, dict) and file.parent.name == "atproto-appview-snapshots":
        for value in content.values():
            if isinstance(value, list) and value and isinstance(value[0], dict) and "post" in value[0]:
                body = {"feed": restored(value)}
                yield _response("https://host.test/xrpc/app.bsky.feed.getAuthorFeed", 200, {}, body), body
    elif isinstance(content, list):
        for exchange in content:
            if isinstance(exchange, dict) and "request" in exchange and "response" in exchange:
                answer = exchange["response"]
                url = exchange["request"]["url"]
                yield _response(url, answer["status"], answer["headers"], answer["body"]), answer["body"]


def _response(url: str, status: int, headers: dict[str, str], body: Any) -> Response:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Response(url, status, headers, raw, AT)


def _judge_bluesky(where: str, platform: Platform, response: Response, body: Any, tally: Tally) -> None:
    method = urlsplit(response.url).path.rsplit("/", 1)[-1]
    if method in ("app.bsky.feed.getAuthorFeed", "app.bsky.feed.getListFeed"):
        did = owner_of_feed(body)
        expected = bluesky_walk(body, did)
        _judge_page(where, platform, Target(1, did, "a.test", "host"), response, expected, tally)
    elif method == "app.bsky.actor.getProfiles":
        counts = {profile["did"]: profile.get("postsCount") for profile in body["profiles"]}
        targets = [Target(n, did, "a.test", "host") for n, did in enumerate([*counts, NOBODY])]
        found = platform.read_count(targets, response)
        expected_counts = {n: CounterMoved(count) for n, count in enumerate(counts.values())}
        tally.parsed += 1
        tally.compare(where, found, {**expected_counts, len(counts): CounterMissing()})
    elif method == "com.atproto.identity.resolveHandle":
        handle = parse_qs(urlsplit(response.url).query)["handle"][0]
        profile = _response("", 200, {}, {"did": body["did"], "handle": handle})
        identity = _resolve(platform, "@" + handle, [response, profile])
        tally.parsed += 1
        tally.compare(where, identity and identity.native_id, body["did"])
    else:
        _throw_at_readers(where, platform, response.body, tally)


def _judge_mastodon(where: str, platform: Platform, response: Response, body: Any, tally: Tally) -> None:
    parts = urlsplit(response.url)
    owner = re.fullmatch(r"/api/v1/accounts/(\d+)/statuses", parts.path)
    if response.status != 200:
        _judge_refusal(where, platform, response, body, tally)
    elif owner:
        target = Target(1, f"{parts.netloc}/{owner[1]}", _handle(body, parts.netloc), parts.netloc)
        _judge_page(where, platform, target, response, _walk(body, owner[1], parts.netloc), tally)
    elif _is_list_of_statuses(body):
        _judge_statuses(where, platform, response, body, tally)
    elif parts.path.endswith("/lookup"):
        closed = _response("", 404, {}, {"error": "x"})
        identity = _resolve(platform, f"@{body['username']}@{parts.netloc}", [closed, response])
        tally.parsed += 1
        tally.compare(where, identity and identity.native_id, f"{parts.netloc}/{body['id']}")
    elif parts.path == "/api/v1/accounts":
        targets = [Target(n, f"{parts.netloc}/{a['id']}", f"@x@{parts.netloc}", "") for n, a in enumerate(body)]
        tally.parsed += 1
        expected = {n: CounterMoved(mastodon_counter(account)) for n, account in enumerate(body)}
        tally.compare(where, platform.read_count(targets, response), expected)
    else:
        _throw_at_readers(where, platform, response.body, tally)


def _judge_statuses(where: str, platform: Platform, response: Response, body: list[Any], tally: Tally) -> None:
    """A list of many authors is nobody's page; each of its posts alone is read as its author's."""
    host = urlsplit(response.url).netloc
    authors = {status["account"]["id"] for status in body}
    if len(authors) > 1:
        look = platform.read(Target(1, f"{host}/{body[0]['account']['id']}", "@a@b.test", host), response)
        tally.refuse(look)
        tally.compare(where, isinstance(look, Failure) and look.reason, "another_account")
    for number, status in enumerate(body):
        author = status["account"]["id"]
        target = Target(1, f"{host}/{author}", _handle([status], host), host)
        single = _response(response.url, 200, {}, [status])
        _judge_page(f"{where}.{number}", platform, target, single, _walk([status], author, host), tally)


def _judge_refusal(where: str, platform: Platform, response: Response, body: Any, tally: Tally) -> None:
    look = platform.read(Target(1, "host/1", "@a@b.test", "host"), response)
    tally.refuse(look)
    expected = BY_STATUS[response.status]
    if response.status == 404 and not isinstance(body, dict):
        expected = OutcomeName.UNREADABLE
    tally.compare(where, isinstance(look, Failure) and look.outcome, expected)


def _judge_page(
    where: str, platform: Platform, target: Target, response: Response, expected: list[Seen] | None, tally: Tally
) -> None:
    """``expected`` is None where the page shows posts of another account."""
    look = platform.read(target, response)
    tally.refuse(look)
    if expected is None:
        tally.compare(where, isinstance(look, Failure) and look.reason, "another_account")
        return
    tally.parsed += 1
    tally.compare(where, _seen(look, platform, target), expected)


def _seen(look: Look, platform: Platform, target: Target) -> object:
    """The page's posts in the words of the plain walk."""
    if not isinstance(look, Page):
        return look
    return [
        Seen(
            post.native_id,
            post.kind,
            None if post.note & (DateNote.MISSING | DateNote.UNREADABLE) else post.posted_at,
            post.url or platform.post_url(post.native_id, target.handle, target.native_id),
        )
        for post in look.posts
    ]


def _throw_at_readers(where: str, platform: Platform, body: bytes, tally: Tally) -> None:
    """A body that is no answer to the question: every reader refuses it, or finds nothing in it."""
    target = Target(1, NOBODY if platform.name == "bluesky" else "host.test/1", "@a@host.test", "host.test")
    for status in (200, 400, 404):
        response = Response("https://host.test/x", status, {}, body, AT)
        look = platform.read(target, response)
        tally.refuse(look)
        if not (isinstance(look, Failure) or (isinstance(look, Page) and not look.posts)):
            tally.compare(where, look, "a refusal")
        counted = platform.read_count([target], response)[1]
        if not isinstance(counted, Failure | CounterMissing):
            tally.compare(where, counted, "no counter")
        _resolve(platform, "@a.test" if platform.name == "bluesky" else "@a@host.test", [response] * 6)


def _resolve(platform: Platform, text: str, answers: list[Response]) -> Identity | None:
    talk = platform.resolve(text)
    try:
        step: Request | None = next(talk)
        for answer in answers:
            step = talk.send(answer)
        assert step is not None
    except ResolveError:
        return None
    except StopIteration as end:
        found: Identity = end.value
        return found
    return None


def _walk(body: list[Any], account_id: str, host: str) -> list[Seen] | None:
    if any(status["account"]["id"] != account_id for status in body):
        return None
    public = [status for status in body if status["visibility"] in ("public", "unlisted")]
    return [mastodon_status(status, host) for status in public]


def _handle(body: list[Any], host: str) -> str:
    return f"@{body[0]['account']['username'] if body else 'a'}@{host}"


def _is_list_of_statuses(body: Any) -> bool:
    return isinstance(body, list) and bool(body) and all(isinstance(s, dict) and "reblog" in s for s in body)


def main() -> None:
    """Run over the fixtures and report."""
    from bench.harness import report

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds bluesky/ and mastodon/")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = check(options.data)
    report(figures["compared"] > 0 and not figures["differing"], figures, options.json)


if __name__ == "__main__":
    main()
