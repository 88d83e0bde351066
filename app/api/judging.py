"""What a question about participation asks, and the answers to it account by account.

Assumes what a person wrote. Promises: whatever cannot be read is refused with the name of its field; a set beyond MOST
accounts is refused, never cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from app.api import reading
from app.api.problems import BadWindow
from app.api.weighing import Case
from app.domain import calendar
from app.domain.models import Interval, Kind
from app.domain.participation import Answer
from app.errors import TooLarge
from app.storage import accounts, names, participation
from app.storage.accounts import Account
from app.storage.names import Selection
from app.storage.participation import Taker

#: The most accounts of one answer.
MOST = 10_000
#: The zone that means: each subject's own.
OWN = "subject"
WEEK = timedelta(days=7)


class Told(NamedTuple):
    """An answer on its way out; without one where the subject's zone has no such day."""

    account_id: int
    who: Taker | Account
    answer: Answer | None
    window: Interval | None

    @property
    def case(self) -> Case:
        """What is weighed of it."""
        before = self.who.before if isinstance(self.who, Taker) else None
        return Case(self.account_id, self.answer.state if self.answer else None, self.window, before)


@dataclass(frozen=True, slots=True)
class Question:
    """A window for everybody, or a calendar day that is each subject's own."""

    kinds: Kind
    at: datetime
    as_of: datetime | None
    window: Interval | None
    day: date | None
    zone: str | None = None
    """By whose clock the window is the same in another week; None: UTC."""

    def weeks_before(self, weeks: int) -> Question:
        """The same question about the same window by local time, some weeks before."""
        back = weeks * WEEK
        if self.window is None:
            return replace(self, day=self.day and self.day - back)
        start, end = (_back(edge, back, self.zone) for edge in (self.window.start, self.window.end))
        if start >= end:  # the clock skipped that hour
            start, end = self.window.start - back, self.window.end - back
        return replace(self, window=Interval(start, end))

    def past_weeks(self, count: int) -> list[int]:
        """How many weeks before each of the last windows was that are over and touch neither this one nor each other.

        A window longer than a week is compared with every second week, and so on.
        """
        if self.window is None:
            over = (self.day - self.at.date() + 2 * timedelta(days=1)) if self.day else WEEK
            step = 1
        else:
            over, step = self.window.end - self.at, -(-self.window.length // WEEK)
        first = max(step, -(-over // WEEK))
        last = self.weeks_before(first).window
        if last is not None and last.end > self.at:  # by local time it ends up to some hours later
            first += 1
        return [first + step * place for place in range(count)]


def _back(edge: datetime, back: timedelta, zone: str | None) -> datetime:
    if zone is None:
        return edge - back
    return (edge.astimezone(calendar.zone(zone)) - back).astimezone(UTC)


def read(
    now: datetime,
    start: str | None,
    end: str | None,
    length: str | None,
    day: str | None,
    zone: str | None,
    kinds: Kind,
    as_of: str | None,
) -> Question:
    moment = reading.past(as_of, now)
    at = moment or now
    if day is not None:
        if start or end or length:
            raise BadWindow("Give either a date or a window.", field="date", hint="Leave out start, end and length.")
        local = reading.day(day, "date")
        if zone in (None, OWN):
            return Question(kinds, at, moment, None, local)
        span = calendar.local_day(local, reading.zone(zone or "").key)
        if span is None:
            raise BadWindow(f"There was no {day} in {zone}: the zone skipped it.", field="date")
        return Question(kinds, at, moment, span, None, zone)
    if zone == OWN:
        raise BadWindow("Each subject's own day needs a date.", field="date", hint="Write date=2026-11-20.")
    name = reading.zone(zone).key if zone else None
    for field, value in (("start", start), ("end", end)):
        if value and len(value) > 10:
            reading.instant(value, field)
        elif value:
            reading.day(value, field)
    if length:
        reading.duration(length, "length")
    fixed = [reading.repair(value) for value in (start, end)]
    try:
        span = calendar.parse_window(fixed[0], fixed[1], now=at, zone_name=name, length=length)
    except ValueError as error:
        hint = "Give start and end, start and length, a length up to now, or a date."
        raise BadWindow(f"The window: {error}.", field="start" if not start else "end", hint=hint) from None
    return Question(kinds, at, moment, span, None, name)


async def judge(conn: Any, chosen: Selection, question: Question) -> list[Told]:
    """The answer for every account of the set. Raises TooLarge beyond ``MOST`` accounts."""
    if question.window is not None:
        found = await _answers(conn, chosen, question, question.window)
        return [Told(taker.account_id, taker, answer, question.window) for taker, answer in found]
    ids = await names.select_ids(conn, chosen, limit=MOST + 1)
    _check_size(len(ids))
    by_zone: dict[str, list[Account]] = {}
    for owner in (await accounts.get_many(conn, ids)).values():
        by_zone.setdefault(owner.zone, []).append(owner)
    told: list[Told] = []
    for zone, owners in by_zone.items():
        span = calendar.local_day(question.day, zone) if question.day else None
        if span is None:
            told += [Told(owner.id, owner, None, None) for owner in owners]
            continue
        found = await _answers(conn, Selection(ids=tuple(owner.id for owner in owners)), question, span)
        told += [Told(taker.account_id, taker, answer, span) for taker, answer in found]
    return sorted(told, key=lambda each: each.account_id)


async def _answers(conn: Any, chosen: Selection, question: Question, window: Interval) -> list[tuple[Taker, Answer]]:
    found = await participation.answer(
        conn, chosen, window, now=question.at, kinds=question.kinds, as_of=question.as_of, limit=MOST + 1
    )
    _check_size(len(found))
    return found


def _check_size(number: int) -> None:
    if number > MOST:
        raise TooLarge(f"The set has more than {MOST} accounts.", field="tag", hint="Ask about parts of it.")
