"""Everything that a look at an account needs to know beforehand, read in one go for all accounts of a claim.

May assume: the rows were leased in the caller's transaction, by a statement that ended. Promises: one statement for
any number of accounts, which sees whatever was committed before the lease began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Kind, Stretch
from app.storage import raw

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
    due_at: datetime
    """When it should have been looked at."""
    platform: str
    native_id: str
    handle: str
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
    deadline: datetime | None = None
    """The next moment at which a rule may call it quiet."""
    host_failures: int = 0
    counter_refused_at: datetime | None = None
    memory: Memory = field(default_factory=Memory)
    heads: tuple[Head, ...] = ()


# Values are handed on by place, not by name: there are 38 of them, and naming them is much of what a claim costs.
_ACCOUNT = ("platform", "native_id", "handle", "created_at", "added_at")
_REMEMBERED = tuple(field.name for field in fields(Memory) if field.name != "platform")
_FIELDS = tuple(field.name for field in fields(Claim) if field.name not in (*_ACCOUNT, "memory", "heads"))
_BEFORE = [field.name for field in fields(Claim)].index(_ACCOUNT[0])
_new_claim: Callable[..., Claim] = Claim
_new_memory: Callable[..., Memory] = Memory

#: What a statement that leases returns, in this order, from a CTE ``leased``: the rows of ``account_state`` and
#: ``due_at``, ``host``, ``host_failures`` and ``counter_refused_at`` of each.
LEASED = ", ".join("leased.lease_token" if name == "token" else f"leased.{name}" for name in _FIELDS)

# Not part of the statement that leases: that one sees the tables as they were when it began, and whoever held the row
# before may have written memory and coverage while it waited for the row.
_LOAD = f"""
SELECT accounts.id, {", ".join(f"accounts.{name}" for name in _ACCOUNT)},
       memory.memory::text, {", ".join(f"memory.{name}" for name in _REMEMBERED)},
       ARRAY(
           SELECT ROW(id, starts_at, ends_at, kinds, live, recorded_from, recorded_to, largest_gap_s, lag_s)
           FROM coverage WHERE coverage.account_id = accounts.id
           ORDER BY ends_at DESC, id DESC LIMIT {HEADS})
FROM accounts LEFT JOIN source_memory AS memory ON memory.account_id = accounts.id
WHERE accounts.id = ANY($1::integer[])
"""  # noqa: S608 - constants only


async def load(conn: AsyncConnection, leased: Sequence[Sequence[Any]]) -> list[Claim]:
    """What the looks at these accounts need. The rows are LEASED; their order is kept."""
    if not leased:
        return []
    rows = await raw.fetch(conn, _LOAD, [row[0] for row in leased])
    known = {row[0]: row for row in rows}
    return [_claim(row, known[row[0]]) for row in leased]


def _claim(lease: Sequence[Any], known: asyncpg.Record) -> Claim:
    _, *account, platform = known[: len(_ACCOUNT) + 2]
    memory = _memory(platform, known[len(_ACCOUNT) + 2 : -1])
    heads = tuple(map(_head, known[-1]))
    return _new_claim(*lease[:_BEFORE], *account, *lease[_BEFORE:], memory, heads)


def _head(row: tuple[Any, ...]) -> Head:
    row_id, start, end, kinds, live, recorded_from, recorded_to, largest_gap_s, lag_s = row
    stretch = Stretch(
        start=start,
        end=end,
        kinds=Kind(kinds),
        live=live,
        recorded_from=recorded_from,
        recorded_to=recorded_to,
        largest_gap=timedelta(seconds=largest_gap_s),
        lag=timedelta(seconds=lag_s),
    )
    return Head(row_id, stretch)


def _memory(platform: str | None, values: Sequence[Any]) -> Memory:
    if platform is None:
        return Memory()
    *plain, page_ids, page_times, missing_ids = values
    return _new_memory(msgspec.json.decode(platform), *plain, tuple(page_ids), tuple(page_times), tuple(missing_ids))
