"""Crashes at named points of sending, acknowledging, rotating and migrating, at the size of a test (battery E3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import faults_hooks, faults_migrating


@pytest.mark.parametrize("after", [False, True])
def test_crashes_around_sending_lose_nothing_and_leave_one_secret(new_database: Callable[[], str], after: bool) -> None:
    figures = faults_hooks.run(new_database(), 1, (after,))
    assert (figures["differences"], figures["examples"]) == (0, [])
    assert figures["never_reached"] == []
    assert figures["crashes"] == figures["points"] == len(faults_hooks.POINTS)


def test_a_process_that_is_killed_while_it_migrates_leaves_nothing(new_database: Callable[[], str]) -> None:
    figures = faults_migrating.run(new_database(), 3)
    assert (figures["crashes"], figures["differences"], figures["examples"]) == (3, 0, [])
