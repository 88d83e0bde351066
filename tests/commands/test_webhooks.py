"""``webhook ...`` as a person uses it: a service, a receiver, a test that arrives."""

from __future__ import annotations

import json
import subprocess
import sys

from app.webhooks.signing import read_secret
from tests.commands.conftest import ROOT, Program, free_port
from tests.waiting import LIMIT_S, listens, until


def test_an_endpoint_is_added_tested_and_looked_at(program: Program) -> None:
    port = free_port()
    refused = program("webhook", "add", "http://10.0.0.1/")
    assert (refused.code, "cannot be an endpoint" in refused.err) == (2, True)
    made = program("webhook", "add", f"http://127.0.0.1:{port}/", "--json").json
    assert len(read_secret(made["secret"])) == 32
    words = [sys.executable, "-m", "app", "webhook", "listen", "--port", str(port), "--count", "1", "--json"]
    environment = program.environment() | {"WEBHOOK_SECRET": made["secret"]}
    with (
        program.work(),
        subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as listener,
    ):
        until(lambda: listens(port), "nobody listens")
        tested = program("webhook", "test", made["id"], "--wait", "60", "--json")
        out, _ = listener.communicate(timeout=LIMIT_S)
    line = json.loads(out)
    assert (line["verified"], line["type"], line["id"]) == (True, "endpoint.test", tested.json["event"])
    assert (tested.code, tested.json["status"]) == (0, "delivered")
    listed = program("webhook", "deliveries", made["id"])
    assert tested.json["event"] in listed.out
    assert "204" in program("webhook", "deliveries", made["id"], tested.json["event"]).out


def test_endpoints_are_managed(program: Program) -> None:
    id_ = program("webhook", "add", "https://hooks.example/in", "--type", "account.quiet", "--json").json["id"]
    assert program("webhook", "rotate", id_).out.startswith("whsec_")
    assert program("webhook", "disable", id_, "--json").json["status"] == "disabled"
    assert program("webhook", "test", id_).code == 1
    assert program("webhook", "enable", id_, "--json").json["released"] == 0
    assert program("webhook", "replay", id_, "--since", "2026-01-01T00:00:00Z", "--json").json["replayed"] >= 0
    assert program("webhook", "replay", id_, "evt_none").code == 4
    assert "hooks.example" in program("webhook", "show", id_).out
    assert id_ in program("webhook", "list").out
    assert program("webhook", "remove", id_).code == 0
    assert program("webhook", "show", id_).code == 4


def test_a_receiver_wants_a_usable_secret(program: Program) -> None:
    for words in ((), ("--secret", "whsec_c2hvcnQ=")):
        done = program("webhook", "listen", *words)
        assert (done.code, "secret" in done.err) == (2, True)
