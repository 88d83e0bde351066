"""The hostile bench at the size of the test command: corpus, bombs, slow hosts, cuts, documents, cancelled looks."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvloop

from bench.hostile import measure


@pytest.mark.filterwarnings(
    "ignore:ssl.TLSVersion:DeprecationWarning"
)  # a server that speaks TLS 1.0 is one of the cases
@pytest.mark.long
@pytest.mark.timeout(180)
def test_nothing_gets_through(corpus: Path) -> None:
    figures = uvloop.run(measure(corpus / "corpora", small=True))
    assert not figures["short"], figures
