"""The log of events: recorded once, with the messages that follow from them.

May assume the caller's transaction, in which the state that the events tell of is written too, and which holds the
``account_state`` rows of their accounts (so the sequence of an account has one writer). Promises: state, event,
deliveries and notices are committed together or not at all; ids grow in the order of commits, so a reader who goes on
behind an id misses nothing; ``record`` is the last thing the transaction does, because it waits for its turn.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events import USUAL, EventType, NewEvent
from app.storage.raw import fetch

#: Deliveries of one endpoint run in so many lanes: no more than this many at once.
LANES = 2
#: Where listeners wait for news: PostgreSQL's NOTIFY with the newest id.
CHANNEL = "quietwatch_events"
#: Holds the order of ids to the order of commits; any number that nobody else uses ("events" in ASCII).
_TURN = 0x6576656E7473


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an event became: the place in the log, the public id, the account's sequence (0 without an account)."""

    id: int
    public_id: str
    sequence: int


_SEQUENCES = """
insert into account_told as told (account_id, sequence)
select * from unnest($1::int[], $2::bigint[]) order by 1
on conflict (account_id) do update set sequence = told.sequence + excluded.sequence
returning account_id, sequence
"""
_INSERT = """
insert into events (public_id, type, account_id, rule_id, sequence, occurred_at, recorded_at, tell_at, data)
select public_id, type, account_id, rule_id, sequence, occurred_at, $9, tell_at, data::json
from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
            $8::text[]) with ordinality
     as new(public_id, type, account_id, rule_id, sequence, occurred_at, tell_at, data, place)
order by place returning id, public_id
"""
_DELIVERIES = f"""
insert into deliveries (event_id, webhook_id, lane, due_at, status)
select e.id, w.id, coalesce(e.account_id, 0) % {LANES},
       case when w.status = 'enabled' then greatest(e.recorded_at, e.tell_at) end,
       case when w.status = 'enabled' then 'pending' else 'held' end
from unnest($1::bigint[], $2::int[], $3::int[]) as new(id, only_webhook, not_webhook)
join events e using (id) left join accounts a on a.id = e.account_id
join webhooks w on (new.only_webhook is null or w.id = new.only_webhook)
               and (new.not_webhook is null or w.id <> new.not_webhook)
               and (new.only_webhook is not null or w.types is null or e.type = any(w.types))
               and (new.only_webhook is not null or w.tags is null or e.account_id is null or a.tags && w.tags)
order by e.id, w.id
"""  # noqa: S608 - a constant
_NOTICES = """
insert into notices (notifier_id, event_id, due_at)
select n.id, e.id, greatest(e.recorded_at, e.tell_at) + n.digest
from events e left join accounts a on a.id = e.account_id
join notifiers n on n.status = 'enabled' and e.type = any(coalesce(n.types, $2::text[]))
                and (n.tags is null or e.account_id is null or a.tags && n.tags)
where e.id = any($1::bigint[]) order by n.id, e.id
"""


async def record(conn: AsyncConnection, news: Sequence[NewEvent], now: datetime) -> list[Recorded]:
    """Write events in this order, and for each the deliveries and notices that follow. Commits nothing."""
    if not news:
        return []
    sequences = await _number(conn, news)
    await fetch(conn, "select pg_advisory_xact_lock($1::bigint)", _TURN)
    rows = await fetch(
        conn,
        _INSERT,
        [f"evt_{secrets.token_hex(12)}" for _ in news],
        [each.type.value for each in news],
        [each.account_id for each in news],
        [each.rule_id for each in news],
        sequences,
        [each.occurred_at for each in news],
        [each.tell_at for each in news],
        [msgspec.json.encode(each.data).decode() for each in news],
        now,
    )
    await _address(conn, [row[0] for row in rows], news)
    await fetch(conn, "select pg_notify($1, $2)", CHANNEL, str(rows[-1][0]))
    return [Recorded(row[0], row[1], sequence) for row, sequence in zip(rows, sequences, strict=True)]


async def _number(conn: AsyncConnection, news: Sequence[NewEvent]) -> list[int]:
    """The sequence of each event."""
    counted = Counter(each.account_id for each in news if each.account_id is not None)
    if not counted:
        return [0] * len(news)
    last = dict([tuple(row) for row in await fetch(conn, _SEQUENCES, list(counted), list(counted.values()))])
    found = []
    for each in news:
        if each.account_id is None:
            found.append(0)
            continue
        found.append(last[each.account_id] - counted[each.account_id] + 1)
        counted[each.account_id] -= 1
    return found


async def _address(conn: AsyncConnection, ids: Sequence[int], news: Sequence[NewEvent]) -> None:
    """The deliveries and notices of events just written."""
    tests = {EventType.ENDPOINT_TEST}
    await fetch(conn, _DELIVERIES, ids, [each.only_webhook for each in news], [each.not_webhook for each in news])
    told = [id_ for id_, each in zip(ids, news, strict=True) if each.type not in tests]
    await fetch(conn, _NOTICES, told, sorted(each.value for each in USUAL))
