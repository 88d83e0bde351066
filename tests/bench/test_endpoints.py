"""The benches of webhooks at the size of a test, with a worker as people start it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import neighbours, storm, wire


async def test_what_is_captured_on_the_wire_verifies_across_rotations(new_database: Callable[[], str]) -> None:
    found = await wire.measure(new_database(), 110)
    assert (found["captured"], found["ids"]) == (110, 110)
    assert (found["standardwebhooks"], found["svix"]) == (110, 110)


async def test_a_storm_is_recorded_and_delivered_whole(new_database: Callable[[], str], data_dir: Path) -> None:
    found = await storm.measure(new_database(), 300, data_dir)
    assert (found["recorded"], found["arrived"], found["sent_twice"]) == (300, 300, 0)
    assert found["peak_mib"] <= storm.MOST_MIB


async def test_nobody_is_delayed_by_a_dead_and_a_slow_neighbour(
    new_database: Callable[[], str], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "SLOW_SECONDS", 1.5)
    found = await neighbours.measure(new_database(), 20, 2.0, 0.5, data_dir)
    assert found["arrived"] == found["expected"] > 0
    assert found["duplicates_at_once"] == 0
    assert found["most_at_once"] <= 2
