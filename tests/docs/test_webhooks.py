"""The webhooks' page: its receivers take what the service really sends, and refuse what it did not."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.webhooks import envelope, policy, signing
from app.webhooks.attempts import ERRORS
from app.worker.guard import Guard
from app.worker.post import Poster, Sent
from tests.commands.conftest import free_port
from tests.docs.examples import DOCS, blocks
from tests.worker.receivers import AGENT, LOOPBACK, receiving

PAGE = DOCS / "webhooks.md"
KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SECRET = signing.write_secret(KEY)


def recipe(language: str, number: int = 0) -> str:
    return [body for _, body in blocks(PAGE, language)][number]


@contextmanager
def running(words: Sequence[str], where: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PORT": str(port), "WEBHOOK_SECRET": SECRET}
    with subprocess.Popen(words, cwd=where, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def send(port: int, sequence: int, key: bytes = KEY, message_id: str = "evt_1") -> Sent:
    """As the worker sends; asks until somebody listens."""
    at = datetime.now(UTC)
    body = envelope.encode("account.quiet", at, sequence, '{"account":{"handle":"ë.example"}}')
    poster = Poster(Guard([LOOPBACK]), AGENT, reach_seconds=0.05)
    try:
        for _ in range(400):
            headers = signing.headers([bytes(24), key], message_id, at, body)
            sent = await poster.post(f"http://127.0.0.1:{port}/", headers, body)
            if sent.error != "unreachable":
                break
        return sent
    finally:
        poster.close()


async def receive(words: Sequence[str], where: Path) -> None:
    port = free_port()
    with running(words, where, port) as process:
        assert await send(port, 1) == Sent(204, answer=b"")
        assert (await send(port, 2, bytes(32))).status == 400
        assert (await send(port, 1)).status == 204  # again
        assert (await send(port, 3, message_id="evt_2")).status == 204
        assert process.stdout
        lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(2)]
    assert lines == ["account.quiet 1\n", "account.quiet 3\n"]


async def test_the_receiver_in_python(tmp_path: Path) -> None:
    (tmp_path / "receive.py").write_text(recipe("python"))
    await receive([sys.executable, "receive.py"], tmp_path)


async def test_the_receiver_in_node(tmp_path: Path) -> None:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("Node and npm are not installed")
    words = ["npm", "install", "--no-audit", "--no-fund", "--silent", "standardwebhooks"]
    try:
        done = await asyncio.to_thread(subprocess.run, words, cwd=tmp_path, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("the registry of npm does not answer")
    if done.returncode:
        pytest.skip("the registry of npm cannot be reached")
    (tmp_path / "receive.mjs").write_text(recipe("js"))
    await receive(["node", "receive.mjs"], tmp_path)


def needs(*programs: str) -> None:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


async def test_openssl_checks_what_was_sent(tmp_path: Path) -> None:
    needs("openssl", "od")
    async with receiving() as endpoint:
        await send(int(endpoint.url.split(":")[2].split("/")[0]), 1)
    (message,) = endpoint.got
    (tmp_path / "body.json").write_bytes(message.body)
    names = (("ID", "webhook-id"), ("TIMESTAMP", "webhook-timestamp"), ("SIGNATURE", "webhook-signature"))
    given = {name: message.headers[header] for name, header in names}

    def check(**changes: str) -> tuple[int, str]:
        environment = os.environ | {"WEBHOOK_SECRET": SECRET} | given | changes
        done = subprocess.run(["sh", "-c", recipe("sh")], cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert check() == (0, "genuine\n")
    assert check(ID="evt_2") == check(TIMESTAMP="1") == check(WEBHOOK_SECRET=signing.write_secret(bytes(32)))
    assert check(ID="evt_2") == (1, "not genuine\n")


async def test_curl_and_openssl_send_what_verifies() -> None:
    needs("openssl", "curl", "od")
    async with receiving(lambda message: (204, {}, b"")) as endpoint:
        environment = os.environ | {"WEBHOOK_SECRET": SECRET, "URL": endpoint.url}
        words = ["sh", "-c", recipe("sh", 1)]
        done = await asyncio.to_thread(subprocess.run, words, env=environment, capture_output=True, text=True)
    assert done.stdout == "204\n", done.stderr
    (message,) = endpoint.got
    given = [message.headers[name] for name in (signing.ID, signing.TIMESTAMP, signing.SIGNATURE)]
    assert signing.refusal([KEY], *given, message.body, datetime.now(UTC)) is None


def test_the_page_says_what_the_code_does() -> None:
    text = PAGE.read_text("utf-8")
    assert [error for error in ERRORS if f"| `{error}` |" not in text] == []
    assert f"{envelope.MOST_BYTES:,} bytes" in text
    units = {1: "s", 60: "min", 3600: "h"}
    waits = []
    for wait in policy.SCHEDULE:
        size = max(unit for unit in units if wait.total_seconds() % unit == 0)
        waits.append(f"{wait.total_seconds() / size:.0f} {units[size]}")
    assert f"{', '.join(waits[:-1])} and {waits[-1]}" in text
