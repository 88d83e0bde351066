"""The same window in the weeks before, for the same set: what participation is compared with.

Assumes a question that was judged and weighed. Promises: only windows that are over count; chances are by the rhythms
as they are stored now, after the last post before each window; without history there is no figure.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from app.api import judging, weighing
from app.api.judging import Question, Told
from app.api.replies import Row
from app.api.weighing import Case
from app.domain import worth
from app.domain.participation import Took
from app.errors import TooLarge
from app.storage.names import Selection

MOST_WEEKS = 26
#: The most windows of all accounts together.
MOST = 100_000
Weeks = Annotated[
    int, Query(ge=0, le=MOST_WEEKS, description="Compare with the same window in so many weeks before; 0: with none.")
]


@dataclass(frozen=True, slots=True)
class Past:
    """One window of the past, judged."""

    weeks: int
    question: Question
    told: Sequence[Told]


@dataclass(frozen=True, slots=True)
class Compared:
    """The windows, the latest first. ``known``: what is known of each, for the range of what is usual."""

    rows: Sequence[Row] = ()
    known: Sequence[weighing.Ordinary] = ()


async def compare(
    conn: Any, chosen: Selection, question: Question, weighed: weighing.Weighed, weeks: int, accounts: int
) -> Compared:
    """The windows of so many weeks. Raises TooLarge for too many windows of too many accounts."""
    if weeks * accounts > MOST:
        hint = "Ask for fewer weeks, or about a part of the set."
        raise TooLarge(f"{weeks} weeks of {accounts} accounts are too many to compare.", field="weeks", hint=hint)
    past = []
    for number in question.past_weeks(weeks):
        before = question.weeks_before(number)
        past.append(Past(number, before, await judging.judge(conn, chosen, before)))
    if weighed.none is not None:
        return Compared([_row(each, None) for each in past])
    cases = [[told.case for told in each.told if told.window and told.account_id in weighed.stored] for each in past]
    known = await asyncio.to_thread(_weigh, cases, weighed.stored, question.at)
    return Compared([_row(each, ordinary) for each, ordinary in zip(past, known, strict=True)], known)


def _weigh(cases: Sequence[Sequence[Case]], stored: Mapping[int, bytes], now: datetime) -> list[weighing.Ordinary]:
    return [weighing.ordinary(each, stored, now) for each in cases]


def _row(past: Past, ordinary: weighing.Ordinary | None) -> Row:
    counted = Counter(each.answer.state if each.answer else Took.UNKNOWN for each in past.told)
    window, day = past.question.window, past.question.day
    some = ordinary is not None and bool(ordinary[0])
    return {
        "weeks_before": past.weeks,
        "window": window and {"start": window.start, "end": window.end},
        "date": day and day.isoformat(),
        "accounts": len(past.told),
        **{state.value: counted[state] for state in Took},
        "judged": None if ordinary is None else len(ordinary[0]),
        "judged_silent": ordinary[1] if ordinary is not None and some else None,
        "expected_silent": worth.rounded(sum(ordinary[0])) if ordinary is not None and some else None,
    }
