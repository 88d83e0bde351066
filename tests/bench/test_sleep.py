"""A worker that is stopped over deadlines and wakes, at the size of a test (battery F5)."""

from __future__ import annotations

from bench import sleep


def test_on_waking_nobody_is_quiet_before_a_fresh_look() -> None:
    found = sleep.run(30)
    assert sleep.promised(found), found
