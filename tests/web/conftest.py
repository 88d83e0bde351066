"""The fixtures of the API's tests serve the pages too."""

from __future__ import annotations

from tests.api.conftest import api

__all__ = ["api"]
