"""What looks found, written down: set-shaped statements for a group of accounts at once.

May assume: one transaction of the caller around the whole group, begun with ``hold``, and every list ordered by account
id (groups that meet then wait for each other instead of dying in a deadlock). Promises: a row is written only for an
account whose lease token still matches; a post is inserted once, because its ids were looked up under the row lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Stretch
from app.storage.erasure import is_erased
from app.storage.tables import account_state, accounts, handles, hosts


class Grown(NamedTuple):
    """A stretch of coverage to write: a new row, or the new state of row ``row_id``."""

    account_id: int
    stretch: Stretch
    row_id: int | None = None


class Look(NamedTuple):
    """One look as the list of looks shows it."""

    account_id: int
    at: datetime
    outcome: str
    reason: str | None
    detail: str | None
    new_posts: int


class State(NamedTuple):
    """The account's row after a look (``account_state``). ``next_poll_at`` None stops the account."""

    account_id: int
    token: int
    next_poll_at: datetime | None
    polled_at: datetime
    good_at: datetime | None
    paged_at: datetime | None
    proven_page: bool
    outcome: str
    reason: str | None
    outcome_since: datetime
    failures: int
    counter: int | None
    covered_from: datetime | None
    covered_until: datetime | None
    covered_live_from: datetime | None


_HOLD_ACCOUNTS = text("""
SELECT id FROM accounts WHERE id = ANY(CAST(:ids AS integer[])) ORDER BY id FOR KEY SHARE
""")

_HOLD = text("""
SELECT state.account_id
FROM account_state AS state
JOIN unnest(CAST(:ids AS integer[]), CAST(:tokens AS bigint[])) AS held(account_id, token)
  ON held.account_id = state.account_id AND held.token = state.lease_token AND state.lease_until IS NOT NULL
ORDER BY state.account_id
FOR UPDATE OF state
""")

_INSERT_COVERAGE = text("""
INSERT INTO coverage (starts_at, ends_at, recorded_from, recorded_to, account_id, largest_gap_s, lag_s, kinds, live)
SELECT * FROM unnest(CAST(:starts_at AS timestamptz[]), CAST(:ends_at AS timestamptz[]),
                     CAST(:recorded_from AS timestamptz[]), CAST(:recorded_to AS timestamptz[]),
                     CAST(:account_id AS integer[]), CAST(:largest_gap_s AS integer[]), CAST(:lag_s AS integer[]),
                     CAST(:kinds AS smallint[]), CAST(:live AS boolean[]))
""")

_GROW_COVERAGE = text("""
UPDATE coverage SET starts_at = grown.starts_at, ends_at = grown.ends_at, recorded_from = grown.recorded_from,
                    recorded_to = grown.recorded_to, largest_gap_s = grown.largest_gap_s, lag_s = grown.lag_s
FROM unnest(CAST(:row_id AS bigint[]), CAST(:account_id AS integer[]), CAST(:starts_at AS timestamptz[]),
            CAST(:ends_at AS timestamptz[]), CAST(:recorded_from AS timestamptz[]),
            CAST(:recorded_to AS timestamptz[]), CAST(:largest_gap_s AS integer[]), CAST(:lag_s AS integer[]))
     AS grown(row_id, account_id, starts_at, ends_at, recorded_from, recorded_to, largest_gap_s, lag_s)
WHERE coverage.id = grown.row_id AND coverage.account_id = grown.account_id
""")

# Equal outcomes in a row with nothing new share a row.
_POLLS = text("""
WITH look AS (
    SELECT * FROM unnest(CAST(:account_id AS integer[]), CAST(:at AS timestamptz[]), CAST(:outcome AS text[]),
                         CAST(:reason AS text[]), CAST(:detail AS text[]), CAST(:new_posts AS integer[]))
         AS l(account_id, at, outcome, reason, detail, new_posts)
), run AS (
    SELECT look.*, newest.id,
           greatest(0, extract(epoch FROM look.at - newest.last_at))::int AS gap_s,
           coalesce(newest.outcome = look.outcome AND newest.reason IS NOT DISTINCT FROM look.reason
                    AND look.new_posts = 0 AND newest.last_at <= look.at, false) AS goes_on
    FROM look LEFT JOIN LATERAL (
        SELECT id, outcome, reason, last_at FROM polls
        WHERE polls.account_id = look.account_id ORDER BY last_at DESC, id DESC LIMIT 1
    ) AS newest ON true
), grown AS (
    UPDATE polls SET last_at = run.at, looks = looks + 1, largest_gap_s = greatest(largest_gap_s, run.gap_s),
                     detail = run.detail
    FROM run WHERE polls.id = run.id AND run.goes_on
)
INSERT INTO polls (first_at, last_at, account_id, new_posts, outcome, reason, detail)
SELECT at, at, account_id, new_posts, outcome, reason, detail FROM run WHERE NOT goes_on
""")

# A pause made during the look wins: next_poll_at stays NULL.
_STATES = text("""
UPDATE account_state AS state
SET next_poll_at = CASE WHEN state.next_poll_at IS NULL THEN NULL ELSE new.next_poll_at END,
    lease_until = NULL, polled_at = new.polled_at, good_at = new.good_at, paged_at = new.paged_at,
    proven_page = new.proven_page, outcome = new.outcome, reason = new.reason, outcome_since = new.outcome_since,
    failures = new.failures, counter = new.counter, covered_from = new.covered_from,
    covered_until = new.covered_until, covered_live_from = new.covered_live_from
FROM unnest(CAST(:account_id AS integer[]), CAST(:token AS bigint[]), CAST(:next_poll_at AS timestamptz[]),
            CAST(:polled_at AS timestamptz[]), CAST(:good_at AS timestamptz[]), CAST(:paged_at AS timestamptz[]),
            CAST(:proven_page AS boolean[]), CAST(:outcome AS text[]), CAST(:reason AS text[]),
            CAST(:outcome_since AS timestamptz[]), CAST(:failures AS integer[]), CAST(:counter AS bigint[]),
            CAST(:covered_from AS timestamptz[]), CAST(:covered_until AS timestamptz[]),
            CAST(:covered_live_from AS timestamptz[]))
     AS new(account_id, token, next_poll_at, polled_at, good_at, paged_at, proven_page, outcome, reason, outcome_since,
            failures, counter, covered_from, covered_until, covered_live_from)
WHERE state.account_id = new.account_id AND state.lease_token = new.token
""")


async def hold(conn: AsyncConnection, tokens: Mapping[int, int]) -> set[int]:
    """Lock the rows of these accounts whose lease token still matches; only they may be written.

    Who has written has ended its lease: a group that is tried again because nobody heard of its commit writes nothing.
    The accounts' own rows are locked first, as erasure does it, so that the two never wait for each other.
    """
    ids = sorted(tokens)
    await conn.execute(_HOLD_ACCOUNTS, {"ids": ids})
    held = await conn.execute(_HOLD, {"ids": ids, "tokens": [tokens[i] for i in ids]})
    return set(held.scalars())


async def write_coverage(conn: AsyncConnection, grown: Sequence[Grown]) -> None:
    """Insert new stretches, update those that grew."""
    fresh = [piece for piece in grown if piece.row_id is None]
    known = [piece for piece in grown if piece.row_id is not None]
    if fresh:
        await conn.execute(_INSERT_COVERAGE, _stretches(fresh))
    if known:
        columns = _stretches(known)
        del columns["kinds"], columns["live"]
        await conn.execute(_GROW_COVERAGE, {**columns, "row_id": [piece.row_id for piece in known]})


async def write_looks(conn: AsyncConnection, looks: Sequence[Look]) -> None:
    """Add looks to the list, at most one an account."""
    await conn.execute(_POLLS, _columns(Look._fields, looks))


async def write_states(conn: AsyncConnection, states: Sequence[State]) -> int:
    """Rewrite the rows and end their leases; returns how many still had their token."""
    result = await conn.execute(_STATES, _columns(State._fields, states))
    return result.rowcount


async def rename(conn: AsyncConnection, account_id: int, handle: str, now: datetime) -> None:
    """The source gives a new handle: the account goes by it, the old one still finds it."""
    await conn.execute(update(accounts).where(accounts.c.id == account_id).values(handle=handle))
    row = insert(handles).values(account_id=account_id, handle=handle, seen_from=now)
    await conn.execute(row.on_conflict_do_nothing())


async def move(conn: AsyncConnection, account_id: int, native_id: str, host: str, now: datetime) -> bool:
    """The account is found at another address from now on (a redirect that was believed). False where that address is
    watched already or was erased: the account then stays where it is."""
    old = (await conn.execute(select(accounts).where(accounts.c.id == account_id))).one()
    taken = select(accounts.c.id).where(accounts.c.platform == old.platform, accounts.c.native_id == native_id)
    if (await conn.execute(taken)).first() or await is_erased(conn, old.platform, native_id):
        return False
    await conn.execute(insert(hosts).values(name=host).on_conflict_do_nothing())
    host_id = (await conn.execute(select(hosts.c.id).where(hosts.c.name == host))).scalar_one()
    changed = update(accounts).where(accounts.c.id == account_id)
    await conn.execute(changed.values(native_id=native_id, host_id=host_id))
    await conn.execute(update(account_state).where(account_state.c.account_id == account_id).values(host_id=host_id))
    if old.handle == old.native_id:
        await rename(conn, account_id, native_id, now)
    return True


async def set_status(conn: AsyncConnection, account_ids: Collection[int], status: str) -> None:
    """``stopped`` (410) or ``paused``; stopped accounts are never due."""
    if account_ids:
        await conn.execute(update(accounts).where(accounts.c.id.in_(sorted(account_ids))).values(status=status))
        never = update(account_state).where(account_state.c.account_id.in_(sorted(account_ids)))
        await conn.execute(never.values(next_poll_at=None))


def _columns(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> dict[str, list[object]]:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return dict(zip(names, map(list, columns), strict=True))


def _stretches(pieces: Sequence[Grown]) -> dict[str, list[object]]:
    found = [piece.stretch for piece in pieces]
    return {
        "account_id": [piece.account_id for piece in pieces],
        "starts_at": [s.start for s in found],
        "ends_at": [s.end for s in found],
        "recorded_from": [s.recorded_from for s in found],
        "recorded_to": [s.recorded_to for s in found],
        "largest_gap_s": [_seconds_up(s.largest_gap) for s in found],
        "lag_s": [_seconds_up(s.lag) for s in found],
        "kinds": [int(s.kinds) for s in found],
        "live": [s.live for s in found],
    }


def _seconds_up(length: timedelta) -> int:
    # Rounded up: both figures bound what was known, and a bound may not shrink.
    return -int(-length.total_seconds() // 1)
