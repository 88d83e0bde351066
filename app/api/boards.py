"""One page of the board in either order, with what each silence is worth.

May assume a connection. Promises: ``longest`` and ``unusual`` show the same rows; with other kinds or at an earlier
moment there is no meaning, and so no order by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from app.api import meanings, replies
from app.api.meanings import NoMeaning
from app.domain.models import Kind
from app.domain.silence import State
from app.errors import BadInput
from app.storage import silence, unusual, weights
from app.storage.names import Selection
from app.storage.silence import Row
from app.storage.weights import Weight

Sort = Literal["longest", "unusual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a page of the board is about. ``place`` is that of the last row given."""

    selection: Selection
    now: datetime
    least: timedelta
    states: Sequence[State] | None
    kinds: Kind
    as_of: datetime | None
    sort: Sort
    place: list[Any] | None
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page, with one row more than asked for where there are more. Totals are of the whole set."""

    at: datetime
    rows: list[Row]
    places: Mapping[int, list[Any]]
    totals: dict[State, int] | None = None
    by_chance: replies.Row | None = None
    weights: Mapping[int, Weight] = field(default_factory=dict)
    none: NoMeaning | None = None
    """Why no row has a meaning."""

    def place(self, row: Row) -> list[Any]:
        """Where the board goes on after this row."""
        return self.places[row.standing.account_id]

    def meaning(self, row: Row) -> replies.Row:
        """What the silence of this row is worth."""
        weight = self.weights.get(row.standing.account_id)
        found, why = (None, self.none) if self.none else meanings.of_weight(weight, row.streak)
        return {"meaning": found, "no_meaning": why}


async def page(conn: Any, asked: Asked) -> Found:
    """The page. Raises BadInput where the order by meaning is asked for and there is none."""
    none = meanings.why_none(asked.kinds, asked.as_of)
    if none is not None:
        if asked.sort == "unusual":
            hint = "Leave out kinds and as_of, or sort=longest."
            raise BadInput("Meaning is of the default kinds and of now.", field="sort", hint=hint)
        return await _worked_out(conn, asked, none)
    if asked.sort == "unusual":
        at, rows, places = await _by_rarity(conn, asked)
    else:
        at, rows, places = asked.now, *(await _by_length(conn, asked))
    totals, judged = await unusual.tally(conn, asked.selection, now=at, least=asked.least)
    return Found(
        at,
        rows,
        places,
        totals,
        meanings.by_chance(judged),
        await weights.weigh(conn, [(row.standing.account_id, row.streak) for row in rows]),
    )


async def _by_length(conn: Any, asked: Asked) -> tuple[list[Row], dict[int, list[Any]]]:
    rows = await silence.board(
        conn,
        asked.selection,
        now=asked.now,
        least=asked.least,
        states=asked.states,
        after=_after(asked.place),
        limit=asked.limit + 1,
    )
    return rows, _places(rows)


async def _by_rarity(conn: Any, asked: Asked) -> tuple[datetime, list[Row], dict[int, list[Any]]]:
    """All pages are of the moment of the first: else what grows rarer meanwhile would be skipped."""
    at, after = asked.now, None
    if asked.place:
        time, rarity, last_post, account_id = asked.place
        at = datetime.fromisoformat(time)
        after = unusual.Place(rarity, datetime.fromisoformat(last_post) if last_post else None, account_id)
    found = await unusual.board(
        conn, asked.selection, now=at, least=asked.least, states=asked.states, after=after, limit=asked.limit + 1
    )
    places = {
        each.account_id: [at.isoformat(), each.rarity, _iso(each.last_post_at), each.account_id] for _, each in found
    }
    return at, [row for row, _ in found], places


async def _worked_out(conn: Any, asked: Asked, none: NoMeaning) -> Found:
    rows = await silence.board_at(
        conn,
        asked.selection,
        now=asked.now,
        least=asked.least,
        kinds=asked.kinds,
        as_of=asked.as_of,
        states=asked.states,
        after=_after(asked.place),
        limit=asked.limit + 1,
    )
    return Found(asked.as_of or asked.now, rows, _places(rows), none=none)


def _after(place: list[Any] | None) -> tuple[datetime | None, int] | None:
    return (datetime.fromisoformat(place[0]) if place[0] else None, int(place[1])) if place else None


def _places(rows: Sequence[Row]) -> dict[int, list[Any]]:
    places = map(silence.place, rows)
    return {account_id: [_iso(time), account_id] for time, account_id in places}


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
