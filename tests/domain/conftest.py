"""Hypothesis at two sizes: ``QUIETWATCH_PROFILE=full`` for the long run, else the size of the test command."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

FULL = os.environ.get("QUIETWATCH_PROFILE") == "full"

settings.register_profile("quick", max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", max_examples=50_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("full" if FULL else "quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long run takes the time it needs."""
    if FULL:
        for item in items:
            item.add_marker(pytest.mark.timeout(0))
