"""The life of the service on its own database: first start, second start, commands beside it, kill, stop."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.commands.conftest import KEY, Program, Town
from tests.waiting import until


def states(board: str | bytes) -> set[str]:
    """The states on a board in JSON."""
    return {row["state"] for row in json.loads(board)["items"]}


@pytest.mark.long
def test_first_start_second_start_kill_and_stop(data_dir: Path, town: Town) -> None:
    program = Program({"data_dir": str(data_dir), "allow_networks": "127.0.0.0/8", "contact": "tests@example.org"})
    with program.start() as first:
        first.wait()
        [key] = KEY.findall(first.out)
        assert f"http://127.0.0.1:{first.port}/docs" in first.err
        assert first.ask("/docs")[0] == 200
        assert first.ask("/v1/accounts")[0] == 401
        assert first.ask("/v1/accounts", key)[0] == 200

        second = program("serve", "--port", str(first.port))
        assert second.code == 75
        assert second.out == ""
        *warnings, line = second.err.splitlines()
        assert all(warning.startswith("QW0") for warning in warnings)
        assert str(first.process.pid) in line
        assert str(data_dir) in line

        # Commands use the database of the running service, and its worker or they themselves do the looking.
        watched = program("watch", town.profile("daily"), "--json")
        assert watched.code == 0, watched.err
        [account] = json.loads(first.ask("/v1/accounts", key)[1])["items"]
        assert account["handle"].startswith("@daily@")
        until(lambda: states(first.ask("/v1/silence", key)[1]) == {"active"}, lambda: first.err)
        assert program("silence", "--json").json["items"][0]["state"] == "active"

        first.kill()
    with program.start() as again:
        again.wait()
        assert KEY.findall(again.out + again.err) == []
        assert len(json.loads(again.ask("/v1/accounts", key)[1])["items"]) == 1
        assert again.stop() < 20
        assert again.process.returncode == 0
        assert "Traceback" not in again.err
    alone = program("show", account["handle"], "--json")  # starts the database for itself
    assert alone.json["account"]["id"] == account["id"]
    assert not (data_dir / "socket").exists()


def test_a_worker_alone_polls_and_stops(program: Program, town: Town) -> None:
    program("watch", town.profile("daily"), town.feed("weekly"), "--no-look")
    with program.work() as worker:
        looked = {"active", "quiet"}
        board = partial(program, "silence", "--json")
        until(lambda: states(board().out) == looked or worker.process.poll() is not None, lambda: worker.err)
        assert worker.process.poll() is None, worker.err
        assert worker.stop() < 20
        assert worker.process.returncode == 0
        assert "Traceback" not in worker.err


def test_a_port_that_is_taken_is_said_in_one_line(program: Program, town: Town) -> None:
    port = town.base("daily").rsplit(":", 1)[1]
    done = program("serve", "--port", port)
    assert done.code == 75
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert program("key", "list", "--json").json["items"] == []  # the next start is still the first


@pytest.mark.parametrize(
    ("setting", "value"), [("allow_networks", "everywhere"), ("poll_least", "0"), ("port", "99999"), ("log_level", "x")]
)
def test_a_setting_that_cannot_be_used_is_named(program: Program, setting: str, value: str) -> None:
    done = program.but(**{setting: value})("platforms")
    assert done.code == 78
    [line] = done.err.splitlines()
    assert f"QUIETWATCH_{setting.upper()}" in line
