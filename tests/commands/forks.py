"""Runs commands in forks of one process that has imported the program: the import is most of a short command's time.

Each line on standard input is a request in JSON: words, environment, files for what is printed. Each line of the answer
is an exit code. A command has a process, an environment and an end of its own, as if it had been started alone.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from app import cli


def serve() -> None:
    """Until standard input ends."""
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
            cli.main()
            return
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(code, flush=True)


def become(wish: dict[str, Any]) -> None:
    """The command: its words, its settings, its output."""
    sys.argv = ["quietwatch", *wish["words"]]
    os.environ.clear()
    os.environ.update(wish["environment"])
    for number, path in ((0, os.devnull), (1, wish["out"]), (2, wish["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = os.open(Path(path), flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    serve()
