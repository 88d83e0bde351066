"""Everything that a look at an account needs to know beforehand, read in the statement that leases.

May assume: the rows were locked in the caller's transaction, by a statement that ended: what the one that leases reads
beside them is then whatever was committed before they were locked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import msgspec

from app.domain.models import Kind, Stretch

#: So many of the newest coverage rows of an account come with its claim; only these can grow.
HEADS = 8


# Structs where dataclasses would do: made in C, three of them for every account of a claim.


class Head(msgspec.Struct, frozen=True):
    """One stored stretch of coverage that may grow."""

    row_id: int
    stretch: Stretch


class Memory(msgspec.Struct, frozen=True):
    """What the next look needs to know about the last ones (``source_memory``)."""

    platform: Mapping[str, object] = msgspec.field(default_factory=dict)
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


class Claim(msgspec.Struct, frozen=True):
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
    memory: Memory = Memory()
    heads: tuple[Head, ...] = ()


class Due(NamedTuple):
    """A row that was locked, and what is to be known of its host. ``closed_until``: nobody may ask it before."""

    account_id: int
    host_id: int
    due_at: datetime
    host: str
    host_failures: int
    counter_refused_at: datetime | None
    closed_until: datetime | None = None


# Values are handed on by place, not by name: there are 38 of them, and naming them is much of what a claim costs.
_ACCOUNT = ("platform", "native_id", "handle", "created_at", "added_at")
_REMEMBERED = tuple(name for name in Memory.__struct_fields__ if name != "platform")
_ELSEWHERE = {*_ACCOUNT, *Due._fields, "token", "memory", "heads"}
_STATE = tuple(name for name in Claim.__struct_fields__ if name not in _ELSEWHERE)
#: Where in a row the account's own values begin, and the memory.
_OWN, _MEMORY = 3, 3 + len(_ACCOUNT) + len(_STATE)
_new_claim: Callable[..., Claim] = Claim
_new_memory: Callable[..., Memory] = Memory

#: What stands beside the rows of ``account_state`` (called ``state``) that are leased: joined by ``accounts.id``.
SOURCES = "accounts LEFT JOIN source_memory AS memory ON memory.account_id = accounts.id"
#: What ``read`` reads, in this order.
BRIEF = f"""state.account_id, state.host_id, state.lease_token,
       {", ".join(f"accounts.{name}" for name in _ACCOUNT)},
       {", ".join(f"state.{name}" for name in _STATE)},
       memory.memory::text, {", ".join(f"memory.{name}" for name in _REMEMBERED)},
       ARRAY(
           SELECT ROW(id, starts_at, ends_at, kinds, live, recorded_from, recorded_to, largest_gap_s, lag_s)
           FROM coverage WHERE coverage.account_id = accounts.id
           ORDER BY ends_at DESC, id DESC LIMIT {HEADS})"""  # noqa: S608 - constants only


def read(due: Due, row: asyncpg.Record) -> Claim:
    """The claim of a row that was locked, from the BRIEF of the statement that leased it."""
    return _new_claim(
        *row[:_OWN],
        due.host,
        due.due_at,
        *row[_OWN:_MEMORY],
        due.host_failures,
        due.counter_refused_at,
        _memory(row[_MEMORY], row[_MEMORY + 1 : -1]),
        tuple(map(_head, row[-1])),
    )


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
