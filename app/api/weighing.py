"""What the answers of a participation are worth: each account's chance of silence, and what to expect of the whole set.

Assumes the answers of ``participation``. Promises: chances are those at the start of each window, from what was known
before it of the account's posts and from the rhythm that is stored now; a set is compared only where it was observed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

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


#: From so many past windows on "nine times in ten" is counted, not assumed: see ``lists.usual_reach``.
ENOUGH = 9


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
    """What to expect of the accounts of the set that can be judged: history enough, and posted or silent. Figures are
    null where there is none."""

    judged: int
    silent: int | None = Field(description="How many of them were silent; null before the window begins.")
    expected_silent: float | None = Field(description="How many would be, on an ordinary day.")
    low: int | None = Field(description="The usual range, nine times in ten: see range_from.")
    high: int | None
    range_from: Literal["independence", "past_weeks"] | None = Field(
        description="independence: as if the accounts had nothing in common, which is too narrow. past_weeks: as far "
        "as the list strayed in the weeks that are compared, and never narrower with fewer than nine of them."
    )
    past_weeks: int = Field(description="Weeks in which enough of the set could be judged to count for the range.")
    usual: bool | None = Field(description="Whether as many as that were silent lies in the range.")
    flagged: int = Field(description="Silences with a chance of at most 5 %.")
    expected_flagged: float | None = Field(description="How many of those an ordinary window shows.")
    standing: int = Field(description="Silences of which at most 10 % are expected to be ordinary.")
    sentence: Sentence | None


class Window(BaseModel):
    """[start, end)."""

    start: datetime
    end: datetime


class PastWindow(BaseModel):
    """The same window some weeks before."""

    weeks_before: int
    window: Window | None
    date: str | None
    accounts: int
    posted: int
    silent: int
    unknown: int
    judged: int | None = Field(description="Of them: history enough, and posted or silent. Null as `expected`.")
    judged_silent: int | None
    expected_silent: float | None = Field(description="How many of those judged would be silent, by their rhythms.")


class Case(NamedTuple):
    """One account with its answer; ``took`` is None for a day that its zone skipped. ``before``: its last post before
    the window."""

    account_id: int
    took: Took | None
    window: Interval | None
    before: datetime | None


#: Of one window the chances of the accounts that can be judged, and how many of them were silent.
Ordinary = tuple[Sequence[float], int]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was found. ``none``: why there is no meaning for anybody."""

    now: datetime
    none: NoMeaning | None = None
    found: Mapping[int, WindowMeaning | NoMeaning] = field(default_factory=dict)
    standing: frozenset[int] = frozenset()
    stored: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """The rhythms that were used."""
    judged: Sequence[tuple[float, bool]] = ()
    """Of each account that counts its chance, and whether it was silent."""
    ahead: bool = False
    """No window has begun."""

    def expected(self, past: Sequence[Ordinary] = ()) -> Row | None:
        """What to expect of the set, compared with ordinary windows of it."""
        return None if self.none else _expected(self, past)

    def row(self, case: Case) -> Row:
        """The part of one account's answer."""
        meaning = self.none or self.found.get(case.account_id, NoMeaning.NOT_FITTED)
        if case.window is None:
            return {"meaning": None, "no_meaning": self.none or NoMeaning.NO_SUCH_DAY}
        if isinstance(meaning, NoMeaning):
            return {"meaning": None, "no_meaning": meaning}
        figures = worth.window_figures(meaning, case.window.length)
        silent, ahead = case.took is Took.SILENT, case.window.start > self.now
        said = sentences.window_in_both(meaning.reading, figures["p_silent"], silent=silent, ahead=ahead)
        stands = case.account_id in self.standing if silent else None
        return {"meaning": {**figures, "stands": stands, "sentence": said}, "no_meaning": None}


async def weigh(conn: Any, cases: Sequence[Case], kinds: Kind, as_of: datetime | None, now: datetime) -> Weighed:
    """The meaning of every answer and of the set."""
    none = meanings.why_none(kinds, as_of)
    if none is not None:
        return Weighed(now, none)
    stored = await chances.load(conn, [case.account_id for case in cases if case.window is not None])
    return await asyncio.to_thread(_weigh, cases, stored, now)


def _weigh(cases: Sequence[Case], stored: Mapping[int, bytes], now: datetime) -> Weighed:
    asked = [case for case in cases if case.window and case.account_id in stored]
    weighed = zip(asked, _meanings(asked, stored, now), strict=True)
    found = {case.account_id: each or NoMeaning.BEFORE_RHYTHM for case, each in weighed}
    judged = [(case, found.get(case.account_id)) for case in cases]
    counted = [(case, each) for case, each in judged if isinstance(each, WindowMeaning) and _counts(case, each, now)]
    likely = [each.chance for _, each in counted]
    silent = [case.took is Took.SILENT for case, _ in counted]
    stands = lists.standing(likely, silent, SHARE)
    standing = frozenset(case.account_id for (case, _), stood in zip(counted, stands, strict=True) if stood)
    ahead = all(case.window is None or case.window.start > now for case in cases)
    return Weighed(
        now,
        None,
        found,
        standing,
        stored,
        list(zip(likely, silent, strict=True)),
        ahead,
    )


def _meanings(cases: Sequence[Case], stored: Mapping[int, bytes], now: datetime) -> list[WindowMeaning | None]:
    windows = [case.window for case in cases if case.window is not None]
    return window_meanings([stored[case.account_id] for case in cases], [case.before for case in cases], windows, now)


def ordinary(cases: Sequence[Case], stored: Mapping[int, bytes], now: datetime) -> Ordinary:
    """A window that is over, of accounts whose rhythms are known."""
    likely, silent = [], 0
    for case, each in zip(cases, _meanings(cases, stored, now), strict=True):
        if each is not None and case.took is not Took.UNKNOWN and _counts(case, each, now):
            likely.append(each.chance)
            silent += case.took is Took.SILENT
    return likely, silent


def _counts(case: Case, meaning: WindowMeaning, now: datetime) -> bool:
    if meaning.reading is Reading.NOT_ENOUGH or case.window is None:
        return False
    return case.took is not Took.UNKNOWN or case.window.start > now


def _expected(weighed: Weighed, past: Sequence[Ordinary]) -> Row:
    likely = [chance for chance, _ in weighed.judged]
    flagged = sum(silent and chance <= c.UNUSUAL_CHANCE for chance, silent in weighed.judged)
    silent = None if weighed.ahead else sum(silent for _, silent in weighed.judged)
    known = [each for each in past if lists.spread(each[0]) > 0]
    usual = lists.silent_accounts(likely, lists.usual_reach(known))
    row: Row = {
        "judged": len(likely),
        "silent": silent,
        "expected_silent": worth.rounded(usual.expected),
        "low": usual.low,
        "high": usual.high,
        "range_from": "past_weeks" if known else "independence",
        "past_weeks": len(known),
        "usual": None if silent is None else usual.low <= silent <= usual.high,
        "flagged": flagged,
        "expected_flagged": worth.rounded(lists.expected_false_flags(likely, c.UNUSUAL_CHANCE)),
        "standing": len(weighed.standing),
        "sentence": None,
    }
    if not likely:
        return row | dict.fromkeys(("expected_silent", "low", "high", "range_from", "usual", "expected_flagged"))
    if silent is not None and len(likely) > 1:
        shown = (usual.low, usual.high) if len(known) >= ENOUGH else None
        row["sentence"] = sentences.both(sentences.of_list, len(likely), silent, usual.expected, shown)
    return row
