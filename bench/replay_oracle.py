"""The judge of the replay: knows what happened and what the origins really showed, shares no code with the product.

Two readings per question: the truth (was there a post?) and what a perfect observer of the same answers could know.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.demo.answers import Served
from app.demo.world import Event, Persona

BACKDATED = timedelta(days=1)
#: So many posts of a feed may be pinned, by the rules: a first page of no more proves nothing behind its own look.
FLOATING = 3


@dataclass(slots=True)
class _Run:
    """A stretch a perfect observer holds: from ``start``, its end growing with the looks."""

    start: datetime
    looks: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)

    def end_at(self, as_of: datetime) -> datetime | None:
        """How far it reached at this moment."""
        n = bisect.bisect_right(self.looks, as_of)
        return self.ends[n - 1] if n else None


class Oracle:
    """What can be said of one persona."""

    def __init__(self, persona: Persona, served: list[Served], margin: timedelta) -> None:
        self.events = sorted(persona.events, key=lambda e: e.claimed_at)
        self._claims = [e.claimed_at for e in self.events]
        self._first_known = _first_known(self.events, served)
        self._counted = _counted(persona, served)
        self._runs = _runs(persona, served, margin)
        self.blind_before = _blind_before(persona, served, margin)
        """Nothing before was provable when the account was first seen; None where the first page proved more."""

    def within(self, start: datetime, end: datetime) -> list[Event]:
        """Events that claim a time in [start, end)."""
        return self.events[bisect.bisect_left(self._claims, start) : bisect.bisect_left(self._claims, end)]

    def known_from(self, event: Event) -> datetime | None:
        """When a page first showed it."""
        return self._first_known.get(event.native_id)

    def seeable(self, event: Event, as_of: datetime) -> bool:
        """The event contradicts "silent" said at ``as_of``: it had been shown to us, or it still stood there.

        Back-dated posts do not end a silence that was observed, by the rules.
        """
        if event.appears_at > as_of or event.appears_at - event.claimed_at > BACKDATED:
            return False
        known = self.known_from(event)
        return (known is not None and known <= as_of) or event.deleted_at is None or event.deleted_at > as_of

    def hidden(self, event: Event, as_of: datetime) -> bool:
        """The counter hid it: no page shown to us by then had it, and a count that stood still vouched for its time.

        One post made and one deleted between two counts leave the count as it was: the limit that the rules state,
        bounded by the daily page.
        """
        known = self.known_from(event)
        if known is not None and known <= as_of:
            return False
        return any(event.appears_at <= at <= as_of for at in self._counted)

    def best(self, start: datetime, end: datetime, as_of: datetime) -> str:
        """What a perfect observer of the same answers would have said at ``as_of``."""
        for event in self.within(start, end):
            known = self.known_from(event)
            if known is not None and known <= as_of:
                return "posted"
        for run in self._runs:
            reached = run.end_at(as_of)
            if run.start <= start and reached is not None and reached >= end:
                return "silent"
        return "unknown"

    def misled(self, said: str, start: datetime, end: datetime, as_of: datetime) -> bool:
        """A "silent" that only the counter's limit made wrong."""
        against = [e for e in self.within(start, end) if self.seeable(e, as_of)] if said == "silent" else []
        return bool(against) and all(self.hidden(e, as_of) for e in against)

    def fault(self, said: str, start: datetime, end: datetime, as_of: datetime) -> str | None:
        """Why a definite answer is wrong, None when it is not."""
        events = self.within(start, end)
        if said == "posted" and not any(e.appears_at <= as_of for e in events):
            return f"posted, but nothing was posted in [{start}, {end}) as of {as_of}"
        if said == "silent":
            against = [e for e in events if self.seeable(e, as_of)]
            if against and not all(self.hidden(e, as_of) for e in against):
                return f"silent in [{start}, {end}) as of {as_of}, but {against[0]}"
        return None


def _counted(persona: Persona, served: list[Served]) -> list[datetime]:
    """When the counter was shown and was that of the last page."""
    count: int | None = None
    found = []
    for look in sorted(served, key=lambda s: s.at):
        if look.counter and count is not None and persona.count(look.at) == count:
            found.append(look.at)
        elif not look.counter:
            count = persona.count(look.at)
    return found


def _blind_before(persona: Persona, served: list[Served], margin: timedelta) -> datetime | None:
    """By docs/truth.md, "When a page joins": "on a first look at a short page, at p: then nothing before is claimed".

    What Mastodon lists is in a guaranteed order, and it says where its list ends; a feed does neither. Where p lies is
    read from the answer's Date, which knows whole seconds.
    """
    first = min((look for look in served if not look.counter), key=lambda look: look.at, default=None)
    if first is None or persona.format == "mastodon" or first.shown > FLOATING:
        return None
    return first.at.replace(microsecond=0) - margin


def _first_known(events: list[Event], served: list[Served]) -> dict[str, datetime]:
    pages = sorted((s for s in served if not s.counter), key=lambda s: s.at)
    times = [s.at for s in pages]
    found: dict[str, datetime] = {}
    for event in events:
        for page in pages[bisect.bisect_left(times, event.appears_at) :]:
            if event.deleted_at is not None and page.at >= event.deleted_at:
                break
            if page.oldest is not None and page.oldest <= event.claimed_at:
                found[event.native_id] = page.at
                break
    return found


def _runs(persona: Persona, served: list[Served], margin: timedelta) -> list[_Run]:
    """Stretches by the pages served; a page that reaches an earlier stretch joins it from then on."""
    runs: list[_Run] = []
    count: int | None = None
    for look in sorted(served, key=lambda s: s.at):
        proven = look.at - margin
        if look.counter:
            if runs and persona.count(look.at) == count:
                runs[-1].looks.append(look.at)
                runs[-1].ends.append(max(proven, runs[-1].ends[-1]))
            continue
        count = persona.count(look.at)
        reach = look.oldest or proven
        if look.complete and persona.format == "mastodon":  # a feed cannot say that it shows everything
            reach = min((e.claimed_at for e in persona.events), default=proven)
        joined = [r for r in runs if reach <= r.ends[-1]]
        start = min([reach, *(r.start for r in joined)])
        if runs and runs[-1].start == start:
            runs[-1].looks.append(look.at)
            runs[-1].ends.append(max(proven, runs[-1].ends[-1]))
        else:
            end = max([proven, *(r.ends[-1] for r in joined)])
            runs.append(_Run(start, [look.at], [end]))
    return runs
