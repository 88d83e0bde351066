"""Recorded feeds against an independent reading: feedparser in a process that is killed after two seconds, and a plain
walk over the JSON for JSON Feeds.

Every difference is either of a known class (named in ``EXPLAINED``, with the reason) or listed as differing.
"""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from app.domain.models import Failure, SeenPost
from app.platforms.base import Response
from app.platforms.feed.document import Document, Entry
from app.platforms.feed.items import clean, posts_of
from app.platforms.feed.reading import read_document

_URL = "http://fixtures.invalid/feed"
_HEADER = re.compile(rb"^[ \t]*Header:[ \t]+([\w-]+):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_SECONDS = 2.0
_NO_FEEDS = (".html", "LICENSE", "README.md")

Theirs = dict[str, Any]
#: Known differences: what differs, why ours is kept, and how the case is told.
EXPLAINED: dict[str, tuple[str, Callable[[Entry, Theirs, dict[str, str]], bool]]] = {
    "original_link": (
        "the publisher's own address is taken before FeedBurner's counting address",
        lambda ours, theirs, _: ours.link == theirs["original"] != "",
    ),
    "link_from_id": (
        "feedparser makes a link of an id; we leave it to the id",
        lambda ours, theirs, _: not ours.link and theirs["link"] == theirs["id"],
    ),
    "one_of_several_links": (
        "of several alternate links we take the first, feedparser the last or that of an enclosure or content",
        lambda ours, theirs, _: ours.link in theirs["alternates"] and theirs["link"] != ours.link,
    ),
    "base_is_content_location": (
        "feedparser resolves against Content-Location; we against the address that was asked",
        lambda ours, theirs, headers: "content-location" in headers,
    ),
    "id_not_resolved": (
        "ids are names: feedparser resolves them like links, we keep them as they are",
        lambda ours, theirs, _: ours.id != theirs["id"] and _resolves(theirs["base"], ours.id, theirs["id"]),
    ),
    "date_only_we_read": (
        "a date that feedparser cannot read",
        lambda ours, theirs, _: ours.date[0] is not None and _moment(theirs) is None,
    ),
    "first_of_repeated": (
        "of a repeated element we take the first, feedparser the last",
        lambda ours, theirs, _: ours.date_text != "" and ours.date_text not in theirs["texts"].values(),
    ),
}


def check(path: Path) -> dict[str, Any]:
    """Read every file under ``path`` (shared fixtures, or a folder of feeds) and compare. Counts and differences."""
    figures: dict[str, Any] = {"files": 0, "parsed": 0, "refused": Counter(), "compared": 0, "posts": 0}
    explained: Counter[str] = Counter()
    differing: list[str] = []
    with Oracle() as oracle:
        for file in _files(path):
            figures["files"] += 1
            body = file.read_bytes()
            headers = _headers(body)
            try:
                read = read_document(Response(_URL, 200, headers, body, datetime.now(UTC)))
                posts = posts_of(read) if isinstance(read, Document) else ()
            except Exception as error:  # a crash is the finding
                differing.append(f"{file.name}: crashed with {error!r}")
                continue
            theirs = _json_reading(body) if body.lstrip()[:1] in (b"{", b"[") else oracle.read(file, headers)
            if isinstance(read, Failure):
                figures["refused"][f"{read.outcome}/{read.reason}"] += 1
                if not _is_no_feed(theirs):
                    differing.append(f"{file.name}: refused ({read.reason}), but the oracle reads a whole feed")
                continue
            figures["parsed"] += 1
            figures["posts"] += len(posts)
            if theirs is None:
                explained["oracle_killed"] += 1
                continue
            figures["compared"] += 1
            differing += _compare(file.name, read, theirs, headers, explained)
            differing += _names(file.name, read, posts)
    figures["refused"] = dict(figures["refused"])
    return figures | {"explained": dict(explained), "differing": differing}


class Oracle:
    """feedparser behind a pipe; a reading that takes longer than two seconds ends its process."""

    def __enter__(self) -> Oracle:
        command = [sys.executable, "-W", "ignore", "-m", "bench.feed_oracle"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._slack = 10.0  # the first answer waits for the imports
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def read(self, file: Path, headers: dict[str, str]) -> Theirs | None:
        """What feedparser makes of a file; None where it died or had to be killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"path": str(file.resolve()), "headers": headers}) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], _SECONDS + self._slack)
        self._slack = 0.0
        line = self._process.stdout.readline() if ready else ""
        if line:
            found: Theirs = json.loads(line)
            return found
        self.__exit__()
        self.__enter__()
        return None


def _files(path: Path) -> Iterator[Path]:
    """The feeds under ``path``, and the ill-formed corpus beside the shared fixtures."""
    roots = [path / "feeds", path.parent / "corpora" / "feeds"] if (path / "feeds").is_dir() else [path]
    for root in roots:
        yield from (file for file in sorted(root.rglob("*")) if file.is_file() and file.name not in _NO_FEEDS)


def _headers(body: bytes) -> dict[str, str]:
    """The headers that a fixture of feedparser asks its server for, in the leading comment."""
    return {name.decode().lower(): value.decode("latin-1") for name, value in _HEADER.findall(body[:2_000])}


def _json_reading(body: bytes) -> Theirs | None:
    """JSON Feeds by the standard library, without any of our code."""
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(feed, dict) or "jsonfeed" not in str(feed.get("version", "")):
        return None
    return {"version": "json", "bozo": False, "entries": [_json_entry(item) for item in feed.get("items", [])]}


def _json_entry(item: dict[str, Any]) -> Theirs:
    said = next((item[name] for name in ("date_published", "date_modified") if isinstance(item.get(name), str)), "")
    try:
        moment = datetime.fromisoformat(said)
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except ValueError:
        seconds = None
    link = next((item[name] for name in ("url", "external_url") if isinstance(item.get(name), str)), "").strip()
    return {
        "id": str(item.get("id", "")).strip(),
        "link": urljoin(_URL, link) if link else "",
        "published": seconds,
        "updated": None,
        "created": None,
        "texts": {"published": said} if said else {},
        "original": "",
        "alternates": [],
        "base": _URL,
    }


def _is_no_feed(theirs: Theirs | None) -> bool:
    """Whether the oracle, too, finds no whole feed with items here.

    It reads CDF, dead since 2000, and an RSS root without a channel as an empty feed; we refuse both, because an
    empty shell is no proof that nothing was posted.
    """
    return theirs is None or theirs["bozo"] or theirs["version"] in ("", "cdf") or not theirs["entries"]


def _compare(
    name: str, document: Document, theirs: Theirs, headers: dict[str, str], explained: Counter[str]
) -> list[str]:
    if len(document.entries) != len(theirs["entries"]):
        return [f"{name}: {len(document.entries)} items, the oracle has {len(theirs['entries'])}"]
    differing: list[str] = []
    for ours, other in zip(document.entries, theirs["entries"], strict=True):
        mine = (ours.id, ours.link, None if ours.date[0] is None else int(ours.date[0].timestamp()))
        if mine == (other["id"], other["link"], _moment(other)):
            continue
        reasons = [reason for reason, (_, applies) in EXPLAINED.items() if applies(ours, other, headers)]
        explained.update(reasons[:1])
        if not reasons:
            differing.append(f"{name}: {mine} against {(other['id'], other['link'], _moment(other))}")
    return differing


def _names(name: str, document: Document, posts: tuple[SeenPost, ...]) -> list[str]:
    """Every id of the feed is the name of one post, and there are no other names but of items without an id."""
    ids = {clean(entry.id) for entry in document.entries if entry.id}
    known = {post.native_id for post in posts}
    unnamed = any(not entry.id for entry in document.entries)
    shared = 2 * len(ids) <= len(document.entries)
    return [] if shared or (ids <= known and (unnamed or ids == known)) else [f"{name}: names {known ^ ids}"]


def _moment(theirs: Theirs) -> int | None:
    return next((theirs[name] for name in ("published", "updated", "created") if theirs[name] is not None), None)


def _resolves(base: str, ours: str, theirs: str) -> bool:
    return urljoin(base or _URL, ours) == theirs or urljoin(_URL, ours).lower() == theirs.lower()
