"""Recorded answers of Bluesky and Mastodon against an independent walk."""

from __future__ import annotations

from pathlib import Path

from bench.fixtures_json import check


def test_every_recorded_answer_is_read_as_a_plain_walk_reads_it(corpus: Path) -> None:
    figures = check(corpus / "fixtures")
    assert figures["differing"] == []
    assert figures["files"] >= 200
    assert figures["parsed"] >= 150
    assert figures["compared"] >= figures["parsed"]
