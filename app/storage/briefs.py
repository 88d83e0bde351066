"""Everything that a look at an account needs to know beforehand, read in one go for all accounts of a claim.

May assume: the rows were leased in the caller's transaction. Promises: two statements for any number of accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Kind, Stretch

#: So many of the newest coverage rows of an account come with its claim; only these can grow.
HEADS = 8


@dataclass(frozen=True, slots=True)
class Head:
    """One stored stretch of coverage that may grow."""

    row_id: int
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class Memory:
    """What the next look needs to know about the last ones (``source_memory``)."""

    platform: Mapping[str, object] = field(default_factory=dict)
    validator_url: str | None = None
    etag: bytes | None = None
    last_modified: bytes | None = None
    validated_page: bool = False
    least_interval: timedelta | None = None
    redirect_to: str | None = None
    redirect_seen: int = 0
    redirect_at: datetime | None = None
    page_ids: tuple[str, ...] = ()
    page_times: tuple[datetime, ...] = ()
    missing_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One account leased for a look, with everything the look needs."""

    account_id: int
    host_id: int
    token: int
    host: str
    platform: str
    native_id: str
    handle: str
    due_at: datetime
    """When it should have been looked at."""
    created_at: datetime | None = None
    added_at: datetime | None = None
    polled_at: datetime | None = None
    good_at: datetime | None = None
    paged_at: datetime | None = None
    proven_page: bool = False
    outcome: str | None = None
    outcome_since: datetime | None = None
    failures: int = 0
    counter: int | None = None
    last_post_at: datetime | None = None
    last_post_id: str | None = None
    posts_per_day: int | None = None
    covered_from: datetime | None = None
    covered_until: datetime | None = None
    covered_live_from: datetime | None = None
    host_failures: int = 0
    counter_refused_at: datetime | None = None
    memory: Memory = field(default_factory=Memory)
    heads: tuple[Head, ...] = ()


_LOAD = text("""
SELECT state.account_id, state.host_id, state.lease_token AS token, hosts.name AS host, accounts.platform,
       accounts.native_id, accounts.handle, accounts.created_at, accounts.added_at,
       state.polled_at, state.good_at, state.paged_at, state.proven_page, state.outcome, state.outcome_since,
       state.failures, state.counter, state.last_post_at, state.last_post_id, state.posts_per_day,
       state.covered_from, state.covered_until, state.covered_live_from, hosts.failures AS host_failures,
       hosts.counter_refused_at,
       memory.memory, memory.validator_url, memory.etag, memory.last_modified, memory.validated_page,
       memory.least_interval, memory.redirect_to, memory.redirect_seen, memory.redirect_at,
       memory.page_ids, memory.page_times, memory.missing_ids
FROM account_state AS state
JOIN accounts ON accounts.id = state.account_id
JOIN hosts ON hosts.id = state.host_id
LEFT JOIN source_memory AS memory ON memory.account_id = state.account_id
WHERE state.account_id = ANY(CAST(:ids AS integer[]))
""")

_HEADS = text("""
SELECT newest.* FROM unnest(CAST(:ids AS integer[])) AS wanted(account_id)
CROSS JOIN LATERAL (
    SELECT id, account_id, starts_at, ends_at, recorded_from, recorded_to, largest_gap_s, lag_s, kinds, live
    FROM coverage WHERE coverage.account_id = wanted.account_id
    ORDER BY ends_at DESC, id DESC LIMIT :heads
) AS newest
""")


async def load(conn: AsyncConnection, leased: Sequence[Row[Any]]) -> list[Claim]:
    """What the looks at these accounts need, by due time. The rows have account_id and next_poll_at."""
    if not leased:
        return []
    due = {row.account_id: row.next_poll_at for row in leased}
    ids = list(due)
    heads: dict[int, list[Head]] = {account_id: [] for account_id in ids}
    for row in await conn.execute(_HEADS, {"ids": ids, "heads": HEADS}):
        heads[row.account_id].append(_head(row))
    rows = await conn.execute(_LOAD, {"ids": ids})
    claims = [_claim(row, due[row.account_id], tuple(heads[row.account_id])) for row in rows]
    return sorted(claims, key=lambda claim: (claim.due_at, claim.account_id))


def _claim(row: Row[Any], due_at: datetime, heads: tuple[Head, ...]) -> Claim:
    values = row._mapping
    return Claim(**{name: values[name] for name in _PLAIN}, due_at=due_at, memory=_memory(row), heads=heads)


def _head(row: Row[Any]) -> Head:
    stretch = Stretch(
        start=row.starts_at,
        end=row.ends_at,
        kinds=Kind(row.kinds),
        live=row.live,
        recorded_from=row.recorded_from,
        recorded_to=row.recorded_to,
        largest_gap=timedelta(seconds=row.largest_gap_s),
        lag=timedelta(seconds=row.lag_s),
    )
    return Head(row.id, stretch)


_PLAIN = (
    *("account_id", "host_id", "token", "host", "platform", "native_id", "handle", "created_at", "added_at"),
    *("polled_at", "good_at", "paged_at", "proven_page", "outcome", "outcome_since", "failures", "counter"),
    *("last_post_at", "last_post_id", "posts_per_day"),
    *("covered_from", "covered_until", "covered_live_from", "host_failures", "counter_refused_at"),
)


def _memory(row: Row[Any]) -> Memory:
    if row.memory is None:
        return Memory()
    return Memory(
        platform=row.memory,
        validator_url=row.validator_url,
        etag=row.etag,
        last_modified=row.last_modified,
        validated_page=row.validated_page,
        least_interval=row.least_interval,
        redirect_to=row.redirect_to,
        redirect_seen=row.redirect_seen,
        redirect_at=row.redirect_at,
        page_ids=tuple(row.page_ids),
        page_times=tuple(row.page_times),
        missing_ids=tuple(row.missing_ids),
    )
