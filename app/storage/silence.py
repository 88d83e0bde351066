"""Who is silent, for how long, and how far that is proven: the board and one account.

May assume that every look keeps ``account_state`` up to date for the default kinds. Promises: the live answer for the
default kinds is one statement over those rows, however many posts there are, with what each silence is worth on demand;
other kinds and earlier moments come from posts and coverage; both say what ``domain.silence`` says. A test compares the
two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.coverage import LIVE_GAP, known_at
from app.domain.models import DEFAULT_KINDS, Interval, Kind, Stretch
from app.domain.silence import TICK, ZERO, State, Streak, open_streak, state
from app.errors import TooLarge
from app.storage import coverage, posts, weights
from app.storage.names import Selection, conditions, select_ids
from app.storage.raw import fetch
from app.storage.weights import Weight

#: The most accounts for which a question about other kinds or an earlier moment is worked out.
MOST_WORKED_OUT = 10_000


class Standing(NamedTuple):
    """An account and what the last look left behind, for the default kinds. Times are UTC, None where unknown."""

    account_id: int
    public_id: str
    platform: str
    native_id: str
    handle: str
    display_name: str
    status: str
    subject_name: str | None
    last_post_at: datetime | None
    last_post_earliest: datetime | None
    last_post_id: str | None
    last_post_url: str | None
    """Only where it does not follow from the id."""
    last_post_kind: int | None
    covered_from: datetime | None
    covered_until: datetime | None
    covered_live_from: datetime | None
    polled_at: datetime | None
    outcome: str | None
    reason: str | None
    outcome_since: datetime | None


class Row(NamedTuple):
    """One line of the board. ``streak.post`` is left out: the standing names the last post."""

    standing: Standing
    streak: Streak
    state: State
    weight: Weight | None = None
    """What the silence is worth; only where that was asked for and the account was fitted."""


_WIDTH = len(Standing._fields)
_STATES = {each.value: each for each in State}

COLUMNS = """
a.id as account_id, a.public_id, a.platform, a.native_id, a.handle, a.display_name, a.status, j.name as subject_name,
s.last_post_at, s.last_post_earliest, s.last_post_id, s.last_post_url, s.last_post_kind,
s.covered_from, s.covered_until, s.covered_live_from, s.polled_at, s.outcome, s.reason, s.outcome_since"""
TABLES = "accounts a join account_state s on s.account_id = a.id left join subjects j on j.id = a.subject_id"
#: ``domain.silence.state`` in SQL: $1 now, $2 the threshold, $3 how long ago an account may have been seen last.
STATE = """
case when s.last_post_earliest > $1::timestamptz - $2::interval then 'active'
     when $1::timestamptz - least(s.covered_until, $1) <= $3::interval
          and s.covered_until > s.covered_from and (s.last_post_at is null or s.covered_until > s.last_post_at)
          and least(s.covered_until, $1) - greatest(s.last_post_at, s.covered_from) >= $2::interval then 'quiet'
     else 'unknown' end"""


ORDER = "last_post_at nulls last, account_id"


def board_sql(selected: str) -> str:
    """The statement of ``board`` for a condition of ``names.conditions``."""
    return f"""
select * from (select {COLUMNS}, {STATE} as state from {TABLES} where {selected}) board
where ($4::text[] is null or state = any($4)) and ($6::int is null or (last_post_at, account_id) > ($5::timestamptz, $6)
   or last_post_at is null and ($5::timestamptz is not null or account_id > $6))
order by {ORDER} limit $7
"""  # noqa: S608 - constants only


def weighed_sql(selected: str) -> str:
    """The same with what each silence is worth."""
    return weights.beside(board_sql(selected), ORDER)


async def board(
    conn: AsyncConnection,
    selection: Selection,
    *,
    now: datetime,
    least: timedelta,
    states: Collection[State] | None = None,
    after: tuple[datetime | None, int] | None = None,
    limit: int = 100,
    blind: timedelta = LIVE_GAP,
    weighed: bool = False,
) -> list[Row]:
    """The accounts of a set, the longest silence first, those without a known post last. Default kinds, live.

    ``least`` is the length from which on a silence is called quiet; ``states`` keeps only these; ``after`` is
    ``place`` of the last row given; ``weighed``: each with its weight.
    """
    time, account_id = after or (None, None)
    wanted = None if states is None else [str(each) for each in states]
    selected, values = conditions(selection, first=8)
    sql = weighed_sql(selected) if weighed else board_sql(selected)
    rows = await fetch(conn, sql, now, least, blind, wanted, time, account_id, limit, *values)
    return await read_rows(conn, rows, now, weighed=weighed)


async def read_rows(conn: AsyncConnection, rows: Sequence[Any], now: datetime, *, weighed: bool) -> list[Row]:
    """Lines of the board from rows that begin with a standing and its state; ``weighed``: of ``weights.beside``."""
    standings = [Standing._make(row[:_WIDTH]) for row in rows]
    streaks, holed = _streaks_of(standings, now)
    others = await open_streaks(conn, holed, now=now) if holed else {}
    weighty = await weights.weigh(conn, list(others.items())) if weighed else {}
    found = []
    for row, each in zip(rows, standings, strict=True):
        streak, state_ = streaks.get(each.account_id), _STATES[row[_WIDTH]]
        if streak is None:
            found.append(Row(each, others[each.account_id], state_, weighty.get(each.account_id)))
        else:
            found.append(Row(each, streak, state_, weights.read_weight(row) if weighed else None))
    return found


def place(row: Row) -> tuple[datetime | None, int]:
    """Where the board goes on after this row."""
    return row.streak.starts_at, row.standing.account_id


async def tally(
    conn: AsyncConnection, selection: Selection, *, now: datetime, least: timedelta, blind: timedelta = LIVE_GAP
) -> dict[State, int]:
    """How many accounts of the set are in each state. Default kinds, live."""
    selected, values = conditions(selection, first=4)
    sql = f"select {STATE} as state, count(*) from {TABLES} where {selected} group by state"  # noqa: S608
    counted = dict.fromkeys(State, 0)
    counted.update({State(row[0]): row[1] for row in await fetch(conn, sql, now, least, blind, *values)})
    return counted


async def board_at(
    conn: AsyncConnection,
    selection: Selection,
    *,
    now: datetime,
    least: timedelta,
    kinds: Kind = DEFAULT_KINDS,
    as_of: datetime | None = None,
    states: Collection[State] | None = None,
    after: tuple[datetime | None, int] | None = None,
    limit: int = 100,
) -> list[Row]:
    """The board for other kinds or as it was at an earlier moment. Raises TooLarge beyond ``MOST_WORKED_OUT`` accounts.

    The standing shows the accounts as they are now; what was known then is in the streak, its ``post`` included.
    """
    ids = await select_ids(conn, selection, limit=MOST_WORKED_OUT + 1)
    if len(ids) > MOST_WORKED_OUT:
        raise TooLarge(
            f"A board of other kinds or of an earlier moment covers at most {MOST_WORKED_OUT} accounts.", field="as_of"
        )
    moment = min(now, as_of) if as_of else now
    streaks = await open_streaks(conn, ids, kinds=kinds, now=moment, as_of=as_of)
    judged = ((id_, streak, state(streak, least, moment)) for id_, streak in streaks.items())
    kept = [each for each in judged if states is None or each[2] in states]
    kept.sort(key=lambda each: _order(each[1].starts_at, each[0]))
    if after is not None:
        kept = [each for each in kept if _order(each[1].starts_at, each[0]) > _order(*after)]
    standings = await load_standings(conn, [each[0] for each in kept[:limit]])
    return [Row(standings[each[0]], each[1], each[2]) for each in kept[:limit] if each[0] in standings]


def _order(time: datetime | None, account_id: int) -> tuple[datetime, int]:
    return time or posts.LATEST, account_id


async def load_standings(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, Standing]:
    """The standings of these accounts by internal id; unknown ids are left out."""
    sql = f"select {COLUMNS} from {TABLES} where a.id = any($1::int[])"  # noqa: S608
    return {row[0]: Standing._make(row) for row in await fetch(conn, sql, list(account_ids))}


async def live_streaks(conn: AsyncConnection, standings: Sequence[Standing], now: datetime) -> dict[int, Streak]:
    """The open streak of each, by internal id. Where coverage has a hole since the last post, its rows are read."""
    found, holed = _streaks_of(standings, now)
    return {**found, **await open_streaks(conn, holed, now=now)} if holed else found


def _streaks_of(standings: Iterable[Standing], now: datetime) -> tuple[dict[int, Streak], list[int]]:
    """The open streaks that follow from their rows, and the accounts of which only the coverage rows can tell."""
    found: dict[int, Streak] = {}
    holed = []
    for each in standings:
        streak = streak_of(each, now)
        if streak is None:
            holed.append(each.account_id)
        else:
            found[each.account_id] = streak
    return found, holed


def streak_of(row: Standing, now: datetime) -> Streak | None:
    """The open streak of the default kinds from one row; None where only the coverage rows can tell (a hole in it).

    ``largest_gap`` and ``post`` are left out.
    """
    start, seen_from, seen_until = row.last_post_at, row.covered_from, row.covered_until
    if start is None:
        tail = (
            Interval(seen_from, min(seen_until, now)) if seen_from and seen_until and seen_from < seen_until else None
        )
        return Streak(
            starts_at=None,
            ends_at=None,
            proven=tail.length if tail else ZERO,
            possible=None,
            retrospective=tail is not None and _read_back(row, tail.start),
            tail=tail,
        )
    if start > now or seen_from is None or seen_until is None or (seen_from > start + TICK and seen_until > seen_from):
        return None
    until = min(seen_until, now)
    lower = row.last_post_earliest
    unobserved = (Interval(max(until, start + TICK), now),) if now > max(until, start + TICK) else ()
    return Streak(
        starts_at=start,
        ends_at=None,
        proven=until - start if until > start + TICK else ZERO,
        possible=now - lower if lower is not None else None,
        unobserved=unobserved,
        retrospective=until > start and _read_back(row, start),
        starts_after=lower,
        tail=Interval(start, until) if until > start else None,
    )


def _read_back(row: Standing, start: datetime) -> bool:
    return row.covered_live_from is None or row.covered_live_from > start


async def open_streaks(
    conn: AsyncConnection,
    account_ids: Sequence[int],
    *,
    now: datetime,
    kinds: Kind = DEFAULT_KINDS,
    as_of: datetime | None = None,
) -> dict[int, Streak]:
    """The open streak at ``now`` of every account, from posts and coverage as they were known at ``as_of``."""
    known = as_of or posts.LATEST
    last = await posts.load_last(conn, account_ids, before=now + TICK, kinds=kinds, as_of=known, counted=True)
    starts = [each[-1].posted_at if each else posts.EARLIEST for each in last.values()]
    since = Interval(min(starts, default=posts.EARLIEST), posts.LATEST)
    stretches: Mapping[int, list[Stretch]] = await coverage.load(conn, account_ids, window=since, as_of=known)
    return {id_: open_streak(last[id_], known_at(stretches[id_], as_of, kinds), now, kinds) for id_ in account_ids}
