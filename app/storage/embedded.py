"""PostgreSQL of our own, from a wheel, for a machine that has none: one server for one data directory.

May assume a POSIX system and a local disk. Promises: the files are readable by nobody else; the server listens on a
Unix socket inside a directory that nobody else may enter, never on a network; one process at a time holds a data
directory (a lock that dies with it); whatever a killed process left behind, half-made directories, stale files, a
server still running, is put right by the next start.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil

from app.errors import AlreadyRunning, ConfigError, Unavailable
from app.storage import cluster as files
from app.storage.cluster import DATABASE, ROLE
from app.storage.system_user import needed_user

MAJOR = "18"
START_LIMIT_S = 60.0  # recovery after a crash replays the log first


@dataclass(slots=True)
class EmbeddedServer:
    """A running server. Made by ``start`` (ours to stop) or ``find`` (somebody else's: ``stop`` does nothing)."""

    data_dir: Path
    socket_dir: Path
    _process: subprocess.Popen[bytes] | None = None
    _lock: IO[str] | None = field(default=None, repr=False)
    _syncing: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> EmbeddedServer:
        """Make the directory where needed, start the server in it and wait until it answers (about a second).

        ``settings`` are PostgreSQL's own, added to ours. Blocks; call it before the event loop or in a thread.
        Raises AlreadyRunning where another process holds the directory, ConfigError where it cannot be used,
        Unavailable where PostgreSQL does not start (with its last words).
        """
        data_dir = _make_private(data_dir)
        lock = _lock(data_dir)
        try:
            user = needed_user(files.binaries(), data_dir)
            cluster = data_dir / f"postgres-{MAJOR}"
            files.clear_leftovers(data_dir, cluster)
            if is_new := not cluster.exists():
                _refuse_other_version(data_dir)
                files.initialise(data_dir, cluster, user)
            socket_dir = files.socket_dir_for(data_dir, user)
            process = files.launch(cluster, socket_dir, user, settings or {})
            _wait_until_ready(cluster, process)
        except BaseException:
            lock.close()
            raise
        durable = (settings or {}).get("fsync") != "off"
        return cls(data_dir, socket_dir, process, lock, files.sync_later(cluster, user) if is_new and durable else None)

    @classmethod
    def find(cls, data_dir: Path) -> EmbeddedServer | None:
        """The server that another process of ours runs in this directory, None where there is none that is ready."""
        data_dir = data_dir.expanduser().resolve()
        lines = files.postmaster_lines(data_dir / f"postgres-{MAJOR}")
        if len(lines) < 8 or lines[7] != "ready" or not Path(lines[4], files.SOCKET_NAME).is_socket():
            return None
        return cls(data_dir, Path(lines[4])) if psutil.pid_exists(int(lines[0])) else None

    @property
    def url(self) -> str:
        """The address of the service's database, as its ordinary owner."""
        return self.url_for(DATABASE)

    def url_for(self, database: str, role: str = ROLE) -> str:
        """The address of ``database`` as ``role``. ``SUPERUSER`` may create databases and roles."""
        return f"postgresql://{role}@/{quote(database)}?host={quote(str(self.socket_dir), safe='/')}"

    @property
    def pid(self) -> int | None:
        """The server's process id where it is ours and runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def stop(self) -> None:
        """Stop the server in good order (at once where it does not obey) and give the directory free. Idempotent."""
        if self._syncing is not None:
            self._syncing.wait()
            self._syncing = None
        if self._process is not None:
            files.end(self._process)
            self._process = None
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _wait_until_ready(cluster: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    try:
        while time.monotonic() < deadline:
            lines = files.postmaster_lines(cluster)
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7] == "ready":
                return
            if process.poll() is not None:
                raise Unavailable(f"PostgreSQL did not start: {files.last_words(cluster.parent)}")
            time.sleep(0.01)
        raise Unavailable(f"PostgreSQL was not ready after {START_LIMIT_S:.0f} s: {files.last_words(cluster.parent)}")
    except BaseException:
        files.end(process)
        raise


def _make_private(data_dir: Path) -> Path:
    data_dir = data_dir.expanduser().resolve()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if data_dir.stat().st_uid == os.geteuid() and not any(data_dir.iterdir()):
            data_dir.chmod(0o700)  # ours to close while it is empty; what we put inside is closed by itself
    except OSError as error:
        raise ConfigError(f"{data_dir} cannot be used: {error.strerror}", field="data_dir") from error
    return data_dir


def _lock(data_dir: Path) -> IO[str]:
    """The exclusive lock on the directory. The kernel gives it free when this process ends, however it ends."""
    try:
        handle = (data_dir / "lock").open("a+")
    except OSError as error:
        raise ConfigError(f"{data_dir} cannot be written: {error.strerror}", field="data_dir") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise AlreadyRunning(
            f"process {holder} already runs on {data_dir}",
            field="data_dir",
            hint="stop it, or choose another directory with QUIETWATCH_DATA_DIR",
        ) from error
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def _refuse_other_version(data_dir: Path) -> None:
    others = sorted(path.name for path in data_dir.glob("postgres-*") if path.is_dir())
    if others:
        raise ConfigError(
            f"{data_dir} holds {others[-1]}, this version brings PostgreSQL {MAJOR}",
            field="data_dir",
            hint="take it over with pg_dump of that version, see the operator's guide, or choose another directory",
        )
