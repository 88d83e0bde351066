"""How a post lies in its row."""

from __future__ import annotations

from itertools import product

from app.domain.models import DateNote, Kind
from app.domain.silence import UNDATED
from app.storage import tables
from app.storage.posts import kind_of, marks_of, note_of


def test_marks_hold_kind_and_note() -> None:
    for kind, note in product(Kind, [DateNote(value) for value in range(32)]):
        marks = marks_of(kind, note)
        assert (kind_of(marks), note_of(marks)) == (kind, note)
        assert 0 < marks < 2**15
        assert marks & int(kind)


def test_the_index_of_undated_posts_means_what_the_domain_means() -> None:
    assert f"marks & {int(UNDATED) << 8} <> 0" in tables.UNDATED
