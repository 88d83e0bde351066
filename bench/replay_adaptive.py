"""The replay with an adaptive rule: how often it cries wolf, and whether an outage ever made it.

Used by ``bench.replay --rules adaptive``. A quiet that a post has ended is a false alarm; one whose silence the pages
themselves contradict is one that an outage or a fault of ours has caused. Four months of a few accounts bring few false
alarms: ``account_years`` says how much the figure can carry.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.rules import NewRule
from app.storage.raw import fetch
from bench.replay_oracle import Oracle
from bench.replay_world import Replay

RULE = NewRule("adaptive", false_alarms=2.0, least=timedelta(hours=1), greatest=timedelta(days=365))
#: Realised over nominal.
LEAST, MOST = 0.4, 1.2
TICK = timedelta(microseconds=1)
YEAR = timedelta(days=365.25)
#: An account whose rule was never armed by a rhythm has told nothing, and its time does not count.
_ARMED = """
select rs.account_id, rs.deadline < rs.last_post_at + interval '365 days' from rule_states rs
"""
_LOG = (
    "select account_id, type, occurred_at, recorded_at, data::text from events where account_id is not null order by id"
)


async def judge(engine: AsyncEngine, oracles: dict[int, Oracle], replay: Replay) -> dict[str, Any]:
    """False alarms an account-year, and quiets that the pages contradict."""
    async with engine.connect() as conn:
        armed = {row[0] for row in await fetch(conn, _ARMED) if row[1]}
        log = [(row[0], row[1], row[2], row[3], msgspec.json.decode(row[4])) for row in await fetch(conn, _LOG)]
    quiets = [each for each in log if each[1] == "account.quiet" and not each[4]["initial"]]
    resumed = [each for each in log if each[1] == "account.resumed" and not each[4]["initial"]]
    invented = [each for each in quiets if _contradicted(oracles[each[0]], each[2], each[3], each[4])]
    years = len(armed) * ((replay.ends_at - replay.starts_at) / YEAR)
    false_alarms = len([each for each in resumed if each[0] in armed])
    return {
        "armed_by_rhythms": len(armed),
        "account_years": years,
        "told_quiet": len(quiets),
        "false_alarms": false_alarms,
        "a_year": false_alarms / years if years else None,
        "over_nominal": false_alarms / years / (RULE.false_alarms or 1.0) if years else None,
        "invented": len(invented),
        "invented_examples": [f"{each[0]}: {each[2]}" for each in invented[:5]],
    }


def _contradicted(oracle: Oracle, deadline: datetime, recorded: datetime, data: dict[str, Any]) -> bool:
    """The streak began, as was said, and a post that some page showed lies before its deadline."""
    since = data["streak"]["since"]
    start = datetime.fromisoformat(since) + TICK if since else deadline - TICK
    return oracle.fault("silent", start, deadline, recorded) is not None


def promised(figures: dict[str, Any]) -> bool:
    """As many false alarms as were borne, give or take; none because of an outage."""
    realised = figures["over_nominal"]
    return figures["invented"] == 0 and realised is not None and LEAST <= realised <= MOST
