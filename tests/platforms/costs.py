"""A bound on what hostile input may cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

#: CPU seconds. Ten times what the dearest input of these tests costs on one core of a small machine, so that a busy or
#: traced run is no failure; a cost that grew with the square of the size would be hours.
MOST_CPU_S = 10.0


@contextmanager
def bounded_cost() -> Iterator[None]:
    """Fails where the block took too much CPU time of this thread; what else runs meanwhile does not count."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < MOST_CPU_S
