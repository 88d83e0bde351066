"""The tree of errors as its docstring draws it."""

from __future__ import annotations

import inspect
import re

from app import errors
from app.errors import QuietwatchError

CLASSES = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, QuietwatchError)
}


def test_the_drawing_shows_every_class_with_its_status_below_its_parent() -> None:
    drawn = re.findall(r"^ {4}([ |+`-]*)(\w+) +(\d{3})?  ", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name, _ in drawn} == set(CLASSES)
    above: list[str] = []
    for branch, name, status in drawn:
        depth = len(branch) // 4
        above[depth:] = [name]
        if depth:
            assert CLASSES[name].__bases__ == (CLASSES[above[depth - 1]],), name
        assert not status or CLASSES[name].status == int(status), name


def test_slugs_are_stable_names_and_unlike() -> None:
    slugs = [kind.slug for kind in CLASSES.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)


def test_an_error_is_one_line_with_its_hint() -> None:
    error = errors.BadInput("no such zone", field="zone", hint="use an IANA name")
    assert (str(error), error.field) == ("no such zone (use an IANA name)", "zone")
