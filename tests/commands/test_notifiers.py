"""``notifier``: made, listed, tested against a real receiver, changed, removed; the address shows nowhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.commands.conftest import Program


@pytest.fixture
def received() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The port of a receiver on loopback and what it received."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_notifier_from_its_making_to_its_end(program: Program, received: tuple[int, list[dict[str, Any]]]) -> None:
    port, bodies = received
    address = f"json://anna:geheim@127.0.0.1:{port}/in"
    made = program("notifier", "add", "newsroom", address, "--digest", "PT5M", "--language", "fr", "--json")
    assert made.code == 0, made.err
    known = made.json["id"]
    tested = program("notifier", "test", known)
    assert (tested.code, tested.out.strip()) == (0, "delivered"), tested.err
    assert bodies[0]["message"] == "Ceci est un essai pour « newsroom ». Il ne s’est rien passé."
    changed = program("notifier", "change", known, "--status", "disabled", "--tag", "press", "--json")
    assert (changed.json["status"], changed.json["tags"], changed.json["digest"]) == ("disabled", ["press"], "PT5M")
    listed = program("notifier", "list")
    assert known in listed.out
    refused = program("notifier", "change", known, "--address", "file:///etc/geheim")
    assert refused.code == 2
    assert not any("geheim" in done.out + done.err for done in (made, tested, changed, listed, refused))
    assert program("notifier", "remove", known).code == 0
    assert program("notifier", "test", known).code == 4
