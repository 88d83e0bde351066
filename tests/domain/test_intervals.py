from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given

from app.domain.intervals import clip, covers, holes, intersect, normalise, subtract, total, union
from app.domain.models import Interval
from tests.domain.making import HOUR, at, interval_lists, span, windows

HOURS = [(n, at(n)) for n in range(-6, 62)]


def instants(intervals: tuple[Interval, ...] | list[Interval]) -> set[int]:
    """An independent reading: the start of every hour that lies inside some interval."""
    return {n for n, moment in HOURS if any(piece.start <= moment < piece.end for piece in intervals)}


def is_normal(intervals: tuple[Interval, ...]) -> bool:
    gaps = pairwise(intervals)
    return all(piece.start < piece.end for piece in intervals) and all(a.end < b.start for a, b in gaps)


@given(interval_lists, interval_lists)
def test_the_algebra_agrees_with_sets_of_instants(left: list[Interval], right: list[Interval]) -> None:
    for result, expected in [
        (normalise(left), instants(left)),
        (union(left, right), instants(left) | instants(right)),
        (intersect(left, right), instants(left) & instants(right)),
        (subtract(left, right), instants(left) - instants(right)),
    ]:
        assert is_normal(result)
        assert instants(result) == expected


@given(interval_lists, windows)
def test_a_window_is_what_is_covered_and_what_is_open(intervals: list[Interval], window: Interval) -> None:
    inside, open_parts = clip(intervals, window), holes(intervals, window)
    assert intersect(inside, open_parts) == ()
    assert union(inside, open_parts) == (window,)
    assert covers(intervals, window) == (open_parts == ())
    assert total(inside) + total(open_parts) == window.length


@given(interval_lists, interval_lists, interval_lists)
def test_laws(a: list[Interval], b: list[Interval], c: list[Interval]) -> None:
    assert union(a, b) == union(b, a)
    assert intersect(a, b) == intersect(b, a)
    assert intersect(a, union(b, c)) == union(intersect(a, b), intersect(a, c))
    assert subtract(subtract(a, b), c) == subtract(a, union(b, c))
    assert normalise([*a, *a][::-1]) == normalise(a)


def test_touching_pieces_are_one_and_empty_ones_none() -> None:
    assert normalise([span(2, 3), span(1, 2), span(5, 5), span(7, 6)]) == (span(1, 3),)
    assert total([span(0, 2), span(1, 3)]) == 3 * HOUR
    assert covers([], span(1, 1))
    assert span(7, 6).length == timedelta(0)
