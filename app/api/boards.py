"""One page of the board in either order, with what each silence is worth.

May assume a connection. Promises: ``longest`` and ``unusual`` show the same rows; with other kinds or at an earlier
moment there is no meaning, and so no order by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from app.api import lines, meanings, replies
from app.api.context import Context
from app.api.meanings import NoMeaning
from app.domain.models import Kind
from app.domain.silence import State
from app.errors import BadInput
from app.storage import silence, unusual
from app.storage.names import Selection
from app.storage.silence import Row

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
    totals: dict[State, int] | None = None
    by_chance: replies.Row | None = None
    none: NoMeaning | None = None
    """Why no row has a meaning."""
    ranked: Mapping[int, unusual.Place] | None = None
    """By how unusual it is, where that is the order."""

    def place(self, row: Row) -> list[Any]:
        """Where the board goes on after this row."""
        if self.ranked is None:
            time, account_id = silence.place(row)
            return [_iso(time), account_id]
        rarity, time, account_id = self.ranked[row.standing.account_id]
        return [self.at.isoformat(), rarity, _iso(time), account_id]

    def line(self, shared: Context, row: Row) -> replies.Row:
        """The row as the API shows it, with what its silence is worth."""
        shown = lines.silence_row(shared, row.standing, row.streak, row.state)
        shown["meaning"], shown["no_meaning"] = (
            (None, self.none) if self.none else meanings.of_weight(row.weight, row.streak)
        )
        return shown


async def page(conn: Any, asked: Asked) -> Found:
    """The page. Raises BadInput where the order by meaning is asked for and there is none."""
    none = meanings.why_none(asked.kinds, asked.as_of)
    if none is not None:
        if asked.sort == "unusual":
            hint = "Leave out kinds and as_of, or sort=longest."
            raise BadInput("Meaning is of the default kinds and of now.", field="sort", hint=hint)
        return await _worked_out(conn, asked, none)
    if asked.sort == "unusual":
        at, ranked = await _by_rarity(conn, asked)
        rows, places = [row for row, _ in ranked], {place.account_id: place for _, place in ranked}
    else:
        at, rows, places = asked.now, await _by_length(conn, asked), None
    totals, judged = await unusual.tally(conn, asked.selection, now=at, least=asked.least)
    return Found(at, rows, totals, meanings.by_chance(judged), ranked=places)


async def _by_length(conn: Any, asked: Asked) -> list[Row]:
    return await silence.board(
        conn,
        asked.selection,
        now=asked.now,
        least=asked.least,
        states=asked.states,
        after=_after(asked.place),
        limit=asked.limit + 1,
        weighed=True,
    )


async def _by_rarity(conn: Any, asked: Asked) -> tuple[datetime, list[tuple[Row, unusual.Place]]]:
    """All pages are of the moment of the first: else what grows rarer meanwhile would be skipped."""
    at, after = asked.now, None
    if asked.place:
        time, rarity, last_post, account_id = asked.place
        at = datetime.fromisoformat(time)
        after = unusual.Place(rarity, datetime.fromisoformat(last_post) if last_post else None, account_id)
    return at, await unusual.board(
        conn, asked.selection, now=at, least=asked.least, states=asked.states, after=after, limit=asked.limit + 1
    )


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
    return Found(asked.as_of or asked.now, rows, none=none)


def _after(place: list[Any] | None) -> tuple[datetime | None, int] | None:
    return (datetime.fromisoformat(place[0]) if place[0] else None, int(place[1])) if place else None


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
