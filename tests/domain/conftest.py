"""Hypothesis at two sizes: ``QUIETWATCH_PROFILE=full`` for the long run, else the size of the test command."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", max_examples=50_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("full" if os.environ.get("QUIETWATCH_PROFILE") == "full" else "quick")
