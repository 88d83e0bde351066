"""The service against a real Bluesky network, where one is installed.

Set QUIETWATCH_ATPROTO to a folder in which ``python -m bench.bluesky --work FOLDER`` has run before (700 MB).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.bluesky import measure

WORK = os.environ.get("QUIETWATCH_ATPROTO", "")


@pytest.mark.skipif(not WORK, reason="QUIETWATCH_ATPROTO names no installed Bluesky network")
def test_a_real_network_is_watched_truly(corpus: Path) -> None:
    figures = measure(corpus, Path(WORK), rounds=5)
    assert figures["failed"] == []
    assert figures["checks"] > 150
