"""What the answers of a participation are worth: each account's chance of silence, and what to expect of the whole set.

Assumes the answers of ``participation``. Promises: chances are those at the start of each window, from what was known
before it of the account's posts and from the rhythm that is stored now; a set is compared only where it was observed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.api import meanings
from app.api.meanings import BasedOn, NoMeaning, ReadingName, Sentence
from app.api.replies import Row
from app.domain import sentences, worth
from app.domain.models import Interval, Kind
from app.domain.participation import Took
from app.domain.rhythm import constants as c
from app.domain.rhythm import lists
from app.domain.rhythm.many import window_meanings
from app.domain.rhythm.readings import Reading, WindowMeaning
from app.storage import chances

#: The share of the standing silences that may be ordinary.
SHARE = 0.1


class WindowWorth(BaseModel):
    """What no post in the window is worth by the account's own rhythm. Figures are null without enough history."""

    reading: ReadingName = Field(description="For the case that nothing was posted.")
    p_silent: float | None = Field(description="The chance of no post in the whole window, as it looked at its start.")
    expected_posts: float | None
    based_on: BasedOn
    stands: bool | None = Field(
        description="Of a silent account: whether its silence stands out of the set (Benjamini and Hochberg, 10 %)."
    )
    sentence: Sentence


class Expected(BaseModel):
    """What to expect of the accounts of the set that can be judged: history enough, and posted or silent."""

    judged: int
    silent: int | None = Field(description="How many of them were silent; null before the window begins.")
    expected_silent: float = Field(description="How many would be, on an ordinary day.")
    low: int = Field(description="Nine times in ten at least, were the accounts independent; they are not quite.")
    high: int
    flagged: int = Field(description="Silences with a chance of at most 5 %.")
    expected_flagged: float = Field(description="How many of those an ordinary window shows.")
    standing: int = Field(description="Silences of which at most 10 % are expected to be ordinary.")
    sentence: Sentence | None


@dataclass(frozen=True, slots=True)
class Case:
    """One account with its answer; ``took`` is None for a day that its zone skipped."""

    account_id: int
    took: Took | None
    window: Interval | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was found. ``none``: why there is no meaning for anybody."""

    now: datetime
    none: NoMeaning | None = None
    found: Mapping[int, WindowMeaning | NoMeaning] = field(default_factory=dict)
    standing: frozenset[int] = frozenset()
    expected: Row | None = None

    def row(self, case: Case) -> Row:
        """The part of one account's answer."""
        meaning = self.none or self.found.get(case.account_id, NoMeaning.NOT_FITTED)
        if case.window is None:
            return {"meaning": None, "no_meaning": self.none or NoMeaning.NO_SUCH_DAY}
        if isinstance(meaning, NoMeaning):
            return {"meaning": None, "no_meaning": meaning}
        figures = worth.window_figures(meaning, case.window.length)
        silent, ahead = case.took is Took.SILENT, case.window.start > self.now
        said = sentences.both(sentences.of_window, meaning.reading, figures["p_silent"], silent=silent, ahead=ahead)
        stands = case.account_id in self.standing if silent else None
        return {"meaning": {**figures, "stands": stands, "sentence": said}, "no_meaning": None}


async def weigh(conn: Any, cases: Sequence[Case], kinds: Kind, as_of: datetime | None, now: datetime) -> Weighed:
    """The meaning of every answer and of the set."""
    none = meanings.why_none(kinds, as_of)
    if none is not None:
        return Weighed(now, none)
    before = {case.account_id: min(case.window.start, now) for case in cases if case.window is not None}
    known = await chances.load(conn, before)
    return await asyncio.to_thread(_weigh, cases, known, now)


def _weigh(cases: Sequence[Case], known: Mapping[int, tuple[bytes, datetime | None]], now: datetime) -> Weighed:
    asked = [(case.account_id, case.window) for case in cases if case.window and case.account_id in known]
    stored, last_posts = [known[id_][0] for id_, _ in asked], [known[id_][1] for id_, _ in asked]
    meanings_ = window_meanings(stored, last_posts, [window for _, window in asked], now)
    found = {id_: each or NoMeaning.BEFORE_RHYTHM for (id_, _), each in zip(asked, meanings_, strict=True)}
    judged = [(case, found.get(case.account_id)) for case in cases]
    counted = [(case, each) for case, each in judged if isinstance(each, WindowMeaning) and _counts(case, each, now)]
    likely = [each.chance for _, each in counted]
    silent = [case.took is Took.SILENT for case, _ in counted]
    stands = lists.standing(likely, silent, SHARE)
    standing = frozenset(case.account_id for (case, _), stood in zip(counted, stands, strict=True) if stood)
    ahead = all(case.window is None or case.window.start > now for case in cases)
    return Weighed(now, None, found, standing, _expected(likely, silent, len(standing), ahead))


def _counts(case: Case, meaning: WindowMeaning, now: datetime) -> bool:
    if meaning.reading is Reading.NOT_ENOUGH or case.window is None:
        return False
    return case.took is not Took.UNKNOWN or case.window.start > now


def _expected(likely: Sequence[float], silent: Sequence[bool], standing: int, ahead: bool) -> Row:
    usual = lists.silent_accounts(likely, lists.usual_reach(()))
    count = sum(silent)
    said = sentences.both(sentences.of_list, len(likely), count, usual.expected, None)
    flagged = sum(quiet and chance <= c.UNUSUAL_CHANCE for chance, quiet in zip(likely, silent, strict=True))
    return {
        "judged": len(likely),
        "silent": None if ahead else count,
        "expected_silent": worth.rounded(usual.expected),
        "low": usual.low,
        "high": usual.high,
        "flagged": flagged,
        "expected_flagged": worth.rounded(lists.expected_false_flags(likely, c.UNUSUAL_CHANCE)),
        "standing": standing,
        "sentence": said if likely and not ahead else None,
    }
