"""Rules on record, and which accounts each of them judges.

May assume a connection inside the caller's transaction. Promises: what is stored was checked; ``rule_states`` has a row
for exactly the accounts in a rule's scope when ``reconcile`` has run; a new row and a changed rule are judged at once
(``check_at``). Rows of ``rule_states`` are locked by account and rule, in this order, by everybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.models import Interval, Kind
from app.domain.quiet_hours import QuietHours
from app.domain.rules import NewRule, Rule, changed, checked
from app.storage.raw import fetch

#: Accounts whose states are made or removed by one statement.
CHUNK = 50_000

_OWN = (
    *("kind", "name", "tag", "length", "false_alarms", "least", "greatest", "kinds", "late", "repeat_every"),
    *("repeat_most", "quiet_hours", "pauses", "status", "version", "updated_at"),
)
#: What ``read_rule`` reads, in its order, of ``rules r left join accounts x left join subjects j``.
COLUMNS = ", ".join(f"r.{name}" for name in (*_OWN, "account_id", "subject_id", "id", "public_id", "created_at"))
COLUMNS += ", x.public_id as account, j.public_id as subject"
TABLES = "rules r left join accounts x on x.id = r.account_id left join subjects j on j.id = r.subject_id"


def read_rule(row: asyncpg.Record) -> Rule:
    """A rule from ``COLUMNS``."""
    values: dict[str, Any] = dict(row.items())
    values["kinds"] = Kind(values["kinds"])
    values["quiet_hours"] = tuple(QuietHours.read(each) for each in values["quiet_hours"])
    pauses = msgspec.convert(values["pauses"], list[tuple[datetime, datetime]])
    values["pauses"] = tuple(Interval(start, end) for start, end in pauses)
    return Rule(**values)


def _written(rule: Rule | NewRule, names: Sequence[str]) -> list[object]:
    values = {name: getattr(rule, name, None) for name in names}
    values["kinds"] = int(rule.kinds)
    values["quiet_hours"] = msgspec.json.encode([each.written() for each in rule.quiet_hours]).decode()
    values["pauses"] = msgspec.json.encode([[each.start, each.end] for each in rule.pauses]).decode()
    return [values[name] for name in names]


_CREATED = (*_OWN[:-2], "account_id", "subject_id")
_CREATE = f"""
insert into rules ({", ".join(_CREATED)}, public_id, created_at, updated_at)
values ({", ".join(f"${at}" for at in range(1, len(_CREATED) + 3))}, ${len(_CREATED) + 2}) returning id
"""  # noqa: S608 - constants only
_UPDATE = f"""
update rules set {", ".join(f"{name} = ${at}" for at, name in enumerate(_OWN, start=2))} where id = $1
"""  # noqa: S608 - constants only


async def create(conn: AsyncConnection, new: NewRule, now: datetime) -> Rule:
    """A new rule, with the states of its accounts. Raises BadInput."""
    checked(new)
    rows = await fetch(conn, _CREATE, *_written(new, _CREATED), f"rul_{secrets.token_hex(10)}", now)
    await reconcile(conn, now, rule_ids=[rows[0][0]], account_ids=await _accounts_of(conn, new))
    found = await get(conn, rows[0][0])
    assert found is not None  # noqa: S101 - made in this transaction
    return found


async def _accounts_of(conn: AsyncConnection, rule: NewRule) -> list[int] | None:
    """The accounts in a rule's scope; None: all."""
    if rule.account_id is not None:
        return [rule.account_id]
    if rule.subject_id is not None:
        rows = await fetch(conn, "select id from accounts where subject_id = $1", rule.subject_id)
    elif rule.tag is not None:
        rows = await fetch(conn, "select id from accounts where tags @> array[$1::text]", rule.tag)
    else:
        return None
    return [row[0] for row in rows]


async def get(conn: AsyncConnection, rule_id: int) -> Rule | None:
    """By internal id."""
    rows = await fetch(conn, f"select {COLUMNS} from {TABLES} where r.id = $1", rule_id)  # noqa: S608
    return read_rule(rows[0]) if rows else None


async def find(conn: AsyncConnection, public_id: str) -> Rule | None:
    """By public id."""
    rows = await fetch(conn, f"select {COLUMNS} from {TABLES} where r.public_id = $1", public_id)  # noqa: S608
    return read_rule(rows[0]) if rows else None


async def page(
    conn: AsyncConnection,
    *,
    account_id: int | None = None,
    subject_id: int | None = None,
    tag: str | None = None,
    status: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> list[Rule]:
    """Rules of exactly this scope and status in the order of addition, those after the rule with id ``after``."""
    sql = f"""
select {COLUMNS} from {TABLES} where r.id > $1 and ($2::int is null or r.account_id = $2)
  and ($3::int is null or r.subject_id = $3) and ($4::text is null or r.tag = $4)
  and ($5::text is null or r.status = $5) order by r.id limit $6
"""  # noqa: S608 - constants only
    rows = await fetch(conn, sql, after or 0, account_id, subject_id, tag, status, limit)
    return [read_rule(row) for row in rows]


async def patch(conn: AsyncConnection, rule_id: int, changes: Mapping[str, Any], now: datetime) -> Rule | None:
    """Change fields of ``domain.rules.CHANGEABLE``. None: no such rule. Raises BadInput."""
    if not await _hold(conn, rule_id):
        return None
    before = await get(conn, rule_id)
    assert before is not None  # noqa: S101 - held
    after = changed(before, changes, now)
    await fetch(conn, _UPDATE, rule_id, *_written(after, _OWN))
    await reconcile(conn, now, rule_ids=[rule_id], account_ids=await _accounts_of(conn, after))
    return after


async def delete(conn: AsyncConnection, rule_id: int) -> bool:
    """Delete a rule and its states; its events stay. False: no such rule."""
    if not await _hold(conn, rule_id):
        return False
    # Whoever judges by this rule ends first: its events must find it.
    await fetch(conn, "select 1 from rule_states where rule_id = $1 order by account_id for update", rule_id)
    await fetch(conn, "delete from rules where id = $1", rule_id)
    return True


async def _hold(conn: AsyncConnection, rule_id: int) -> bool:
    return bool(await fetch(conn, "select 1 from rules where id = $1 for no key update", rule_id))


_MATCHING = """
select a.id as account_id, r.id as rule_id from {accounts} join rules r on r.account_id = a.id where {both}
union all select a.id, r.id from {accounts} join rules r on r.subject_id = a.subject_id where {both}
union all select a.id, r.id from {accounts} join rules r on r.tag = any(a.tags) where {both}
union all select a.id, r.id from {accounts}
          join rules r on num_nonnulls(r.account_id, r.subject_id, r.tag) = 0 where {both}
"""
_BOTH = "r.status = 'active' and a.status <> 'paused' and ($1::int[] is null or r.id = any($1)) and {}"


def _statements(which: str) -> tuple[str, str, str]:
    """Remove, change, add; ``which`` chooses accounts by ``{}``."""
    matching = _MATCHING.format(accounts="accounts a", both=_BOTH.format(which.format("a.id")))
    touched = f"""
select s.account_id, s.rule_id from rule_states s join rules r on r.id = s.rule_id
where ($1::int[] is null or s.rule_id = any($1)) and {which.format("s.account_id")} and {{}}
order by s.account_id, s.rule_id for update of s"""  # noqa: S608 - constants only
    remove = f"""
with matching as ({matching}), gone as ({
        touched.format('''not exists (
    select 1 from matching m where m.account_id = s.account_id and m.rule_id = s.rule_id)''')
    })
delete from rule_states s using gone where s.account_id = gone.account_id and s.rule_id = gone.rule_id
"""  # noqa: S608 - constants only
    change = f"""
with changed as ({touched.format("s.rule_version not in (0, r.version)")})
update rule_states s set check_at = $4, baseline = $4 from changed c
where s.account_id = c.account_id and s.rule_id = c.rule_id
"""  # noqa: S608 - constants only
    add = f"""
with matching as ({matching})
insert into rule_states (account_id, rule_id, baseline, since, check_at)
select account_id, rule_id, $4, $4, $4 from matching order by 1, 2 on conflict do nothing
"""  # noqa: S608 - constants only
    return remove, change, add


_OF_ACCOUNTS = _statements("{0} = any($2::int[]) and $3::int is null")
_OF_ALL = _statements("{0} > $2::int and {0} <= $3::int")


async def reconcile(
    conn: AsyncConnection,
    now: datetime,
    rule_ids: Sequence[int] | None = None,
    account_ids: Sequence[int] | None = None,
) -> None:
    """Make ``rule_states`` match the rules' scopes, for these rules or accounts, or for all.

    Called in the transaction of every change of a rule, and of an account's tags, subject or status. An account that a
    person paused is judged by no rule. A new row knows nothing of the past: deadlines before ``now`` are no news.
    """
    rules = None if rule_ids is None else list(rule_ids)
    if account_ids is not None:
        await _run(conn, _OF_ACCOUNTS, rules, list(account_ids), None, now)
        return
    most = (await fetch(conn, "select coalesce(max(id), 0) from accounts"))[0][0]
    for first in range(0, most, CHUNK):
        await _run(conn, _OF_ALL, rules, first, first + CHUNK, now)


async def _run(conn: AsyncConnection, statements: Sequence[str], *values: object) -> None:
    remove, change, add = statements
    *chosen, now = values
    await fetch(conn, remove, *chosen)
    await fetch(conn, change, *chosen, now)
    await fetch(conn, add, *chosen, now)
