"""The threshold to the microsecond, at the size of a test (battery F9, F10)."""

from __future__ import annotations

from bench import edges


def test_a_threshold_is_crossed_once_and_never_by_a_post_in_time() -> None:
    found = edges.run(6_000, 200)
    assert edges.promised(found), found
