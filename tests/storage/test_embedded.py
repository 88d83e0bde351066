"""Our own server against everything that a killed process leaves behind. Real servers, real kills."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.errors import AlreadyRunning, ConfigError, Unavailable
from app.storage import cluster as files
from app.storage.embedded import EmbeddedServer
from app.storage.system_user import with_passage
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent
RUN = """
import sys, time
from pathlib import Path
from app.storage.embedded import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]), settings={"fsync": "off"})
print(server.pid, flush=True)
sys.stdin.read()
server.stop()
"""


def start(data_dir: Path) -> EmbeddedServer:
    """Without fsync: these tests kill processes, not machines, and what was written survives that."""
    return EmbeddedServer.start(data_dir, settings={"fsync": "off"})


async def ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def another_process(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def runs(pid: int) -> bool:
    """Whether the process does anything yet; dead and not buried is dead."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_it_starts_answers_keeps_its_data_and_stops(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir)
    try:
        assert await ask(server.url, "SELECT current_user || current_database()") == "quietwatchquietwatch"
        assert await ask(server.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        await ask(server.url, "CREATE TABLE kept (a int)")
        pid = server.pid
        assert pid is not None
    finally:
        server.stop()
    assert not runs(pid)
    server.stop()
    server = start(data_dir)
    try:
        assert await ask(server.url, "SELECT count(*) FROM kept") == 0
    finally:
        server.stop()


async def test_nobody_else_reads_the_files_and_no_network_leads_in(data_dir: Path) -> None:
    server = start(data_dir)
    try:
        assert await ask(server.url, "SHOW listen_addresses") == ""
        assert server.pid is not None
        assert not [c for c in psutil.Process(server.pid).net_connections() if c.family.name.startswith("AF_INET")]
        for path in (data_dir, data_dir / "postgres-18", data_dir / "socket", data_dir / "postgres.log"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o066 == 0, path
            assert path.stat().st_mode & stat.S_IRWXO == 0, path
    finally:
        server.stop()


def test_a_second_start_is_refused_in_one_line_that_names_the_process(data_dir: Path) -> None:
    server = start(data_dir)
    try:
        with pytest.raises(AlreadyRunning) as caught:
            start(data_dir)
        text = str(caught.value)
        assert str(os.getpid()) in text
        assert str(data_dir) in text
        assert "\n" not in text
        found = EmbeddedServer.find(data_dir)
        assert found is not None
        assert found.url == server.url
        found.stop()
        assert server.pid is not None
    finally:
        server.stop()
    assert EmbeddedServer.find(data_dir) is None


async def test_a_killed_process_takes_its_server_along_and_the_next_start_recovers(data_dir: Path) -> None:
    process = another_process(data_dir)
    pid = int(first_line(process))
    found = EmbeddedServer.find(data_dir)
    assert found is not None
    await ask(found.url, "CREATE TABLE kept AS SELECT 7 AS a")
    kill(process)
    server = start(data_dir)
    try:
        assert await ask(server.url, "SELECT a FROM kept") == 7
    finally:
        server.stop()
    until(lambda: not runs(pid), "the server outlived its starter")


def test_without_a_next_start_the_server_ends_by_itself(data_dir: Path) -> None:
    process = another_process(data_dir)
    pid = int(first_line(process))
    kill(process)
    until(lambda: not runs(pid), "the server outlived its starter")


async def test_a_server_whose_watcher_died_too_is_ended_by_the_next_start(data_dir: Path) -> None:
    process = another_process(data_dir)
    pid = int(first_line(process))
    for watcher in psutil.process_iter(["name", "cmdline"]):
        words = watcher.info["cmdline"] or ()
        if watcher.info["name"] != "postgres" and "quietwatch-postgres" in words and str(data_dir / "socket") in words:
            watcher.kill()
    kill(process)
    assert runs(pid)
    server = start(data_dir)
    try:
        assert server.pid != pid
        assert not runs(pid)
        assert await ask(server.url, "SELECT 1") == 1
    finally:
        server.stop()


async def test_a_killed_server_and_its_orphans_are_cleared(data_dir: Path) -> None:
    server = start(data_dir)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    server = start(data_dir)
    try:
        assert await ask(server.url, "SELECT 1") == 1
    finally:
        server.stop()


@pytest.mark.parametrize("delay", [0.15, 0.35, 0.5, 0.7])
async def test_a_first_start_may_be_killed_at_any_moment(data_dir: Path, delay: float) -> None:
    process = another_process(data_dir)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(delay)
    kill(process)
    server = start(data_dir)
    try:
        assert await ask(server.url, "SELECT 1") == 1
        assert not list(data_dir.glob("unfinished-*"))
    finally:
        server.stop()


async def test_a_stale_pid_file_that_names_a_living_stranger_does_not_matter(data_dir: Path) -> None:
    start(data_dir).stop()
    cluster = data_dir / "postgres-18"
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster}\n1\n5432\n{data_dir}/socket\n\n1 1\nready\n")
    server = start(data_dir)
    try:
        assert await ask(server.url, "SELECT 1") == 1
    finally:
        server.stop()


async def test_a_path_too_long_for_a_socket_gets_one_elsewhere(data_dir: Path) -> None:
    server = start(data_dir / ("long" * 30))
    try:
        assert await ask(server.url, "SELECT 1") == 1
        elsewhere = server.socket_dir
        assert elsewhere.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) == 0
    finally:
        server.stop()
    assert not elsewhere.exists()


def test_a_directory_of_another_postgresql_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres-17").mkdir()
    with pytest.raises(ConfigError, match="postgres-17"):
        start(data_dir)


def test_a_server_that_does_not_start_says_why_and_gives_the_directory_free(data_dir: Path) -> None:
    with pytest.raises(Unavailable, match="max_connections"):
        EmbeddedServer.start(data_dir, settings={"max_connections": "none"})
    start(data_dir).stop()


def test_a_file_in_place_of_the_directory_is_refused(data_dir: Path) -> None:
    (data_dir / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        start(data_dir / "file")


def test_passage_is_given_to_one_user_and_widens_nothing_else() -> None:
    acl = with_passage(b"", 0o700, 1234)
    assert len(acl) == 4 + 5 * 8
    assert with_passage(acl, 0o710, 1234) == acl
    both = with_passage(acl, 0o710, 99)
    assert len(both) == 4 + 6 * 8


def test_the_log_does_not_grow_for_ever(data_dir: Path) -> None:
    log = data_dir / "postgres.log"
    log.write_bytes(b"x" * (files.LARGEST_LOG + 1))
    start(data_dir).stop()
    assert log.stat().st_size < files.LARGEST_LOG
