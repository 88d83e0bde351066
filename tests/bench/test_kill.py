"""Workers killed five hundred times: every transition is told once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_transition_is_lost_or_invented_whoever_is_killed() -> None:
    words = [sys.executable, "-m", "bench.kill", "--rounds", "500", "--accounts", "60", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=850)
    assert done.stdout, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ok"], found
    assert found["transitions"] > 150
    assert found["SIGKILL"] > 400
