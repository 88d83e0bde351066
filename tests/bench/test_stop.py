"""A worker and a service that are asked to end while work is under way, at the size of a test (battery E13)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bench import stop


def test_a_stop_in_the_midst_of_work_loses_and_doubles_nothing(new_database: Callable[[], str], tmp_path: Path) -> None:
    found = asyncio.run(stop.measure(new_database(), 2, tmp_path))
    assert stop.promised(found), found
