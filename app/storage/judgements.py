"""Whom the rules have to judge now, what they judge by, and what came of it, written down.

May assume the caller's transaction. Locks are taken in this order by everybody: ``account_state`` by account,
``rule_states`` by account and rule, then the log of events. Promises: set-shaped statements for any number of accounts;
a look that changes nothing for any rule costs one query along primary keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.coverage import known_at
from app.domain.models import DEFAULT_KINDS, Interval, Kind, Post
from app.domain.rules import Rule, RuleState
from app.domain.silence import TICK, Streak, streaks
from app.storage import coverage, posts
from app.storage.raw import fetch
from app.storage.rule_states import COLUMNS as STATE_COLUMNS
from app.storage.rule_states import WIDTH, read_state, rules_of
from app.storage.silence import COLUMNS as STANDING_COLUMNS
from app.storage.silence import TABLES as STANDINGS
from app.storage.silence import Standing

Pair = tuple[int, int]
"""Account and rule."""


@dataclass(frozen=True, slots=True)
class Case:
    """One account to be judged by one rule, and what is known in one row."""

    state: RuleState
    rule: Rule
    standing: Standing
    good_at: datetime | None
    degraded: bool
    recovered_at: datetime | None
    """When its host, platform or our network last came back."""
    unobservable: bool
    """It was told so."""


#: In the place of a rule.
_UNSEEN, _NEAR = 0, -1
_TOUCHED = f"""
select rs.account_id, rs.rule_id from rule_states rs
join rules r on r.id = rs.rule_id join account_state s on s.account_id = rs.account_id
where rs.account_id = any($1::int[]) and (rs.rule_version <> r.version
   or case when r.kinds = {int(DEFAULT_KINDS)} then rs.last_post_at is distinct from s.last_post_at
           else rs.account_id = any($3::int[]) end
   or rs.account_id = any($2::int[]) and (rs.state = 'unknown' or rs.quiet_event_id is null
      and case when r.kinds = {int(DEFAULT_KINDS)} then s.covered_until else s.good_at end
          >= least(rs.deadline, rs.late_at)))
union all
select account_id, {_UNSEEN} from account_told where account_id = any($2::int[]) and unobservable_since is not null
union all
select account_id, {_NEAR} from account_state where account_id = any($2::int[])
   and deadline < next_poll_at + interval '15 minutes'
"""  # noqa: S608 - constants only
_DUE = "select account_id, rule_id from rule_states where check_at <= $1 order by check_at limit $2"
_HOLD_ACCOUNTS = """
select account_id from account_state where account_id = any($1::int[]) order by account_id for update skip locked
"""
_HOLD = """
select rs.account_id, rs.rule_id from rule_states rs
join unnest($1::int[], $2::int[]) as wanted(account_id, rule_id) using (account_id, rule_id)
order by 1, 2 for update of rs
"""
_READ = f"""
select {STATE_COLUMNS}, s.good_at, coalesce(source.degraded, false), source.recovered_at,
       told.unobservable_since is not null, {STANDING_COLUMNS}
from unnest($1::int[], $2::int[]) as wanted(account_id, rule_id)
join rule_states rs on rs.account_id = wanted.account_id and rs.rule_id = wanted.rule_id
join ({STANDINGS}) on a.id = wanted.account_id
left join account_told told on told.account_id = wanted.account_id
left join lateral (
    select bool_or(degraded_since is not null) as degraded, max(recovered_at) as recovered_at from sources
    where sources.host_id = a.host_id or sources.platform = a.platform or num_nonnulls(host_id, platform) = 0
) as source on true
order by 1, 2
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Touched:
    """What looks just written may have changed."""

    pairs: Sequence[Pair]
    """To be judged."""
    unseen: Sequence[int]
    """Accounts that were told to be unobservable."""
    near: Sequence[int]
    """Accounts whose deadline comes before their next look."""


async def touched(conn: AsyncConnection, proved: Collection[int], posted: Collection[int]) -> Touched:
    """``proved``: accounts whose look proved something; ``posted``: those that brought posts. Their rows are held."""
    ids = sorted({*proved, *posted})
    rows = await fetch(conn, _TOUCHED, ids, sorted(proved), sorted(posted)) if ids else []
    pairs = sorted((row[0], row[1]) for row in rows)
    return Touched(
        [pair for pair in pairs if pair[1] > 0],
        [account_id for account_id, mark in pairs if mark == _UNSEEN],
        [account_id for account_id, mark in pairs if mark == _NEAR],
    )


async def due(conn: AsyncConnection, now: datetime, limit: int) -> list[Pair]:
    """Pairs whose time has come, the first first, their accounts' rows held; those that others hold are left out."""
    pairs = [(row[0], row[1]) for row in await fetch(conn, _DUE, now, limit)]
    if not pairs:
        return []
    held = {row[0] for row in await fetch(conn, _HOLD_ACCOUNTS, sorted({pair[0] for pair in pairs}))}
    return sorted(pair for pair in pairs if pair[0] in held)


async def load(conn: AsyncConnection, pairs: Sequence[Pair]) -> list[Case]:
    """Hold these states and read what they are judged by. Pairs that are gone are left out."""
    if not pairs:
        return []
    held = await fetch(conn, _HOLD, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    rows = await fetch(conn, _READ, [row[0] for row in held], [row[1] for row in held])
    rules = await rules_of(conn, {row[1] for row in rows})
    found = []
    for row in rows:
        state = read_state(row[:WIDTH])
        good_at, degraded, recovered_at, told = row[WIDTH : WIDTH + 4]
        standing = Standing._make(row[WIDTH + 4 :])
        found.append(Case(state, rules[state.rule_id], standing, good_at, degraded, recovered_at, told))
    return found


_SINCE = f"""
select wanted.id, {posts.COLUMNS} from unnest($1::int[], $2::timestamptz[]) as wanted(id, since)
cross join lateral (
    select * from posts where account_id = wanted.id and posted_at >= wanted.since and posted_at < $3
       and marks & $4 <> 0 and {posts.BREAKS}
) as found order by wanted.id, posted_at, native_id
"""  # noqa: S608 - constants only


async def streaks_since(
    conn: AsyncConnection, since: Mapping[int, datetime], kinds: Kind, now: datetime
) -> dict[int, list[Streak]]:
    """The streaks of each account that follow posts from this moment on; without any only the open one."""
    made: dict[int, list[Post]] = {id_: [] for id_ in since}
    rows = await fetch(conn, _SINCE, list(since), list(since.values()), now + TICK, int(kinds), posts.LATEST)
    for row in rows:
        account_id, *rest = row
        made[account_id].append(posts.read_post(rest))
    bare = [id_ for id_, found in made.items() if not found]
    made |= await posts.load_last(conn, bare, before=now + TICK, kinds=kinds, counted=True)
    first = min((found[0].posted_at for found in made.values() if found), default=posts.EARLIEST)
    stretches = await coverage.load(conn, list(since), window=Interval(first, posts.LATEST))
    return {id_: streaks(made[id_], known_at(stretches[id_], None, kinds), now, kinds) for id_ in since}


_WRITTEN = (
    *("baseline", "since", "state", "rule_version", "last_post_at", "deadline", "late_at", "check_at", "held_since"),
    *("quiet_event_id", "late_told", "reminders"),
)
_TYPES = (
    *("timestamptz", "timestamptz", "text", "int", "timestamptz", "timestamptz", "timestamptz", "timestamptz"),
    *("timestamptz", "bigint", "bool", "int"),
)
_WRITE = f"""
update rule_states rs set {", ".join(f"{name} = new.{name}" for name in _WRITTEN)}
from unnest($1::int[], $2::int[], {", ".join(f"${at}::{type_}[]" for at, type_ in enumerate(_TYPES, start=3))})
     as new(account_id, rule_id, {", ".join(_WRITTEN)})
where rs.account_id = new.account_id and rs.rule_id = new.rule_id
"""  # noqa: S608 - constants only
_NAME_QUIETS = """
update rule_states rs set quiet_event_id = new.id from unnest($1::int[], $2::int[], $3::bigint[]) new(account, rule, id)
where rs.account_id = new.account and rs.rule_id = new.rule
"""


async def write(conn: AsyncConnection, states: Sequence[RuleState]) -> None:
    """Write states that are held."""
    if states:
        columns = [[getattr(state, name) for state in states] for name in ("account_id", "rule_id", *_WRITTEN)]
        columns[4] = [str(value) for value in columns[4]]
        await fetch(conn, _WRITE, *columns)


async def name_quiets(conn: AsyncConnection, quiets: Iterable[tuple[int, int, int]]) -> None:
    """(account, rule, event): which account.quiet is open."""
    rows = list(quiets)
    if rows:
        await fetch(conn, _NAME_QUIETS, *map(list, zip(*rows, strict=True)))


async def event_names(conn: AsyncConnection, ids: Collection[int]) -> dict[int, str]:
    """The public ids of events."""
    rows = await fetch(conn, "select id, public_id from events where id = any($1::bigint[])", list(ids))
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class Overturned:
    """A quiet that was told, has ended since, and that a post now found inside it proves wrong."""

    event_id: int
    case: Case
    deadline: datetime
    """When it had been called quiet."""


_OVERTURNED = """
select distinct on (e.id) e.id, e.account_id, e.rule_id, e.occurred_at
from unnest($1::int[], $2::timestamptz[], $3::int[]) as late(account_id, posted_at, kind)
join events e on e.account_id = late.account_id and e.type = 'account.quiet' and e.occurred_at > late.posted_at
join rules r on r.id = e.rule_id and r.kinds & late.kind <> 0
join rule_states rs on rs.account_id = e.account_id and rs.rule_id = e.rule_id
where (e.data->'streak'->>'since')::timestamptz < late.posted_at
  and e.id <> all($4::bigint[]) and rs.quiet_event_id is distinct from e.id
  and not exists (
    select 1 from events v where v.account_id = e.account_id and v.type = 'verdict.revised'
       and v.data->'old'->>'event' = e.public_id)
order by e.id
"""


async def overturned(
    conn: AsyncConnection, late: Sequence[tuple[int, datetime, int]], except_for: Collection[int]
) -> list[Overturned]:
    """(account, time, kind) of posts that surfaced after later ones: which quiets they prove wrong. ``except_for``:
    events that are revised anyway. States are read as they are now."""
    rows = await fetch(conn, _OVERTURNED, *map(list, zip(*late, strict=True)), list(except_for))
    cases = {
        (case.state.account_id, case.rule.id): case for case in await load(conn, sorted({(r[1], r[2]) for r in rows}))
    }
    return [Overturned(id_, cases[account_id, rule_id], at) for id_, account_id, rule_id, at in rows]


_SEE = "update account_told set unobservable_since = null, reason = null where account_id = any($1::int[])"
_UNSEE = """
insert into account_told (account_id, unobservable_since, reason)
select * from unnest($1::int[], $2::timestamptz[], $3::text[]) order by 1
on conflict (account_id) do update set unobservable_since = excluded.unobservable_since, reason = excluded.reason
"""


async def mark_seen(conn: AsyncConnection, account_ids: Sequence[int]) -> None:
    """They are observable again."""
    if account_ids:
        await fetch(conn, _SEE, list(account_ids))


async def mark_unseen(conn: AsyncConnection, unseen: Sequence[tuple[int, datetime, str]]) -> None:
    """(account, since, reason): told to be unobservable."""
    if unseen:
        await fetch(conn, _UNSEE, *map(list, zip(*unseen, strict=True)))


#: An hour back: a deadline that no look has decided yet still calls for one.
_DEADLINES = """
update account_state s set deadline = new.deadline
from (
    select w.id, (select min(least(rs.deadline, rs.late_at)) from rule_states rs where rs.account_id = w.id
                  and rs.quiet_event_id is null and least(rs.deadline, rs.late_at) > $2::timestamptz - interval '1 hour'
                 ) as deadline from unnest($1::int[]) as w(id)
) as new where s.account_id = new.id and s.deadline is distinct from new.deadline
"""
# A look that is planned so shortly before that the one after it would be put off waits for the deadline. One that began
# just before this moment proves nothing of it, however late it is written down: it needs another one.
_DRAW = """
update account_state s set next_poll_at = plan.look_at
from (
    select w.id, w.least, s.deadline + w.settle as wanted,
           greatest(s.deadline + w.settle, s.polled_at + greatest(w.least, m.least_interval)) as look_at
    from unnest($1::int[], $2::interval[], $3::interval[]) as w(id, settle, least)
    join account_state s on s.account_id = w.id left join source_memory m on m.account_id = w.id
) as plan
where s.account_id = plan.id and plan.wanted > coalesce(s.polled_at, $4) and s.next_poll_at > plan.wanted - plan.least
  and s.next_poll_at <> plan.look_at and s.failures = 0 and (s.lease_until is null or s.lease_until <= $4)
"""


async def set_deadlines(conn: AsyncConnection, account_ids: Collection[int], now: datetime) -> None:
    """Keep the next moment at which a rule may call these accounts quiet or late."""
    if account_ids:
        await fetch(conn, _DEADLINES, sorted(account_ids), now)


async def draw_forward(conn: AsyncConnection, looks: Sequence[tuple[int, timedelta, timedelta]], now: datetime) -> None:
    """(account, settle, least): look ``settle`` after its deadline, where the next look would come later or shortly
    before, and never within ``least``, or what its source asks for, of the last one. Who is failing keeps his turn."""
    if looks:
        await fetch(conn, _DRAW, *map(list, zip(*looks, strict=True)), now)
