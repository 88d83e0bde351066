"""Every recorded feed is read as feedparser reads it, or refused where feedparser, too, finds no whole feed."""

from __future__ import annotations

from pathlib import Path

from bench.fixtures_feeds import EXPLAINED, check


def test_recorded_feeds(corpus: Path) -> None:
    figures = check(corpus / "fixtures")
    assert figures["differing"] == []
    assert figures["files"] == figures["parsed"] + sum(figures["refused"].values())
    assert figures["compared"] > 1_000
    assert figures["explained"].keys() <= EXPLAINED.keys() | {"oracle_killed"}
