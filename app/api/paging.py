"""Pages of a list: the limit, the cursor, and the question a cursor belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request

from app.api import cursors

Limit = Annotated[int, Query(ge=1, le=1000, description="How many items at most.")]
Cursor = Annotated[str | None, Query(max_length=2048, description="Where to go on: from Link or next.")]
_BESIDE = frozenset({"cursor", "limit"})
Item = TypeVar("Item")


def question(request: Request) -> str:
    """What a cursor is bound to: the path and every parameter but ``cursor`` and ``limit``."""
    pairs = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _BESIDE)
    return repr((request.url.path, pairs))


def start(request: Request, secret: bytes, cursor: str | None) -> list[Any] | None:
    """The sort key after which the page begins, None at the beginning. Raises BadCursor."""
    return None if cursor is None else cursors.unseal(secret, question(request), cursor)


def next_of(
    request: Request, secret: bytes, found: Sequence[Item], limit: int, place: Callable[[Item], list[Any]]
) -> str | None:
    """The cursor behind the page. ``found`` was asked for with one item more than ``limit``."""
    if len(found) <= limit:
        return None
    return cursors.seal(secret, question(request), place(found[limit - 1]))
