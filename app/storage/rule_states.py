"""What rules have made of accounts, as the rest of the world asks for it.

May assume a connection. Promises: states as they were last judged, each with its rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.rules import Rule, RuleState
from app.domain.silence import State
from app.storage.raw import fetch
from app.storage.rules import COLUMNS as RULE_COLUMNS
from app.storage.rules import TABLES as RULES
from app.storage.rules import read_rule

#: What ``read_state`` reads, in its order, of ``rule_states rs``.
COLUMNS = """rs.account_id, rs.rule_id, rs.baseline, rs.since, rs.state, rs.rule_version, rs.last_post_at, rs.deadline,
rs.late_at, rs.check_at, rs.held_since, rs.quiet_event_id, rs.late_told, rs.reminders"""
WIDTH = 14


def read_state(row: Iterable[object]) -> RuleState:
    """A state from ``COLUMNS``."""
    account_id, rule_id, baseline, since, state, *rest = row
    return RuleState(account_id, rule_id, baseline, since, State(state), *rest)  # type: ignore[arg-type]  # a row


class Brief(NamedTuple):
    """What a rule makes of an account, as far as an answer about the account says it."""

    public_id: str
    name: str
    kind: str
    state: str
    since: datetime
    deadline: datetime | None
    held_since: datetime | None


#: As a column of a statement over ``accounts a``: an array of ``Brief``, the earliest deadline first; NULL for none.
BRIEFS = """(
    select array_agg(row(r.public_id, r.name, r.kind, rs.state, rs.since, rs.deadline, rs.held_since)
                     order by rs.deadline nulls last, r.id)
    from rule_states rs join rules r on r.id = rs.rule_id where rs.account_id = a.id
)"""


def read_briefs(value: Iterable[Iterable[Any]] | None) -> tuple[Brief, ...]:
    """From ``BRIEFS``."""
    return tuple(Brief(*each) for each in value or ())


async def briefs_of(conn: AsyncConnection, account_id: int) -> tuple[Brief, ...]:
    """What every rule makes of an account, the earliest deadline first."""
    rows = await fetch(conn, f"select {BRIEFS} from accounts a where a.id = $1", account_id)  # noqa: S608 - a constant
    return read_briefs(rows[0][0]) if rows else ()


class Sight(NamedTuple):
    """Since when an account has been told to be unobservable, and why."""

    unobservable_since: datetime
    reason: str | None


async def states_of(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, list[tuple[Rule, RuleState]]]:
    """Every rule that judges these accounts and what it made of them, by rule. Every asked account has an entry."""
    found: dict[int, list[tuple[Rule, RuleState]]] = {account_id: [] for account_id in account_ids}
    sql = f"""
select {COLUMNS} from rule_states rs where rs.account_id = any($1::int[]) order by rs.account_id, rs.rule_id
"""  # noqa: S608 - constants only
    states = [read_state(row) for row in await fetch(conn, sql, list(found))]
    rules = await rules_of(conn, {state.rule_id for state in states})
    for state in states:
        if state.rule_id in rules:
            found[state.account_id].append((rules[state.rule_id], state))
    return found


async def rules_of(conn: AsyncConnection, rule_ids: set[int]) -> dict[int, Rule]:
    """Rules by internal id; unknown ids are left out."""
    sql = f"select {RULE_COLUMNS} from {RULES} where r.id = any($1::int[])"  # noqa: S608 - constants only
    rows: list[asyncpg.Record] = await fetch(conn, sql, list(rule_ids)) if rule_ids else []
    return {rule.id: rule for rule in map(read_rule, rows)}


async def page(
    conn: AsyncConnection,
    *,
    rule_id: int | None = None,
    state: State | None = None,
    held: bool = False,
    after: tuple[int, int] = (0, 0),
    limit: int = 100,
) -> list[RuleState]:
    """States by account and rule, those after this pair; of one rule, of one state, or only those that are held."""
    sql = f"""
select {COLUMNS} from rule_states rs where (rs.account_id, rs.rule_id) > ($1, $2)
  and ($3::int is null or rs.rule_id = $3) and ($4::text is null or rs.state = $4)
  and (not $5 or rs.held_since is not null) order by rs.account_id, rs.rule_id limit $6
"""  # noqa: S608 - constants only
    return [read_state(row) for row in await fetch(conn, sql, *after, rule_id, state, held, limit)]


async def tally(conn: AsyncConnection, rule_id: int) -> dict[State, int]:
    """How many accounts this rule judges to be in each state."""
    rows = await fetch(conn, "select state, count(*) from rule_states where rule_id = $1 group by state", rule_id)
    return dict.fromkeys(State, 0) | {State(row[0]): row[1] for row in rows}


async def sights(conn: AsyncConnection, account_ids: Sequence[int]) -> dict[int, Sight]:
    """Those of these accounts that have been told to be unobservable."""
    sql = """
select account_id, unobservable_since, reason from account_told
where account_id = any($1::int[]) and unobservable_since is not null
"""
    return {row[0]: Sight(row[1], row[2]) for row in await fetch(conn, sql, list(account_ids))}
