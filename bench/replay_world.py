"""The world of the replay: real accounts' timelines, with faults whose truth is known.

Assumes a parquet file with ``account`` and ``posted_at`` (epoch seconds, UTC). Everything is seeded.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as parquet

from app.demo.faults import Fault, FaultWindow, Schedule
from app.demo.world import Event, Persona, World, snowflake
from app.domain.models import Interval, Kind

FEED_FORMATS = ("rss", "atom", "json")
LEAD = timedelta(days=10)
"""Time between the first post of the file and the first look: there is history to read back."""
HOST_FAULTS = (Fault.ERROR, Fault.CLOSED, Fault.RATE_LIMIT, Fault.RATE_LIMIT_SECONDS, Fault.RATE_LIMIT_DATE)
ACCOUNT_FAULTS = (Fault.LOGIN_PAGE, Fault.LOGIN_REQUIRED, Fault.EMPTY, Fault.HTML, Fault.CUT, Fault.EMPTY_LIST)


@dataclass(slots=True)
class Host:
    """One origin of the replay and what goes wrong there."""

    world: World
    schedule: Schedule


@dataclass(slots=True)
class Replay:
    """Everything the run needs to know in advance."""

    hosts: list[Host]
    starts_at: datetime
    ends_at: datetime
    own_outages: list[Interval]


def load(path: Path, accounts: int | None, days: int | None) -> dict[str, list[datetime]]:
    """Posting times by account, earliest first; the busiest, the quietest and those between when cut to a number."""
    table = parquet.read_table(path, columns=["account", "posted_at"])
    times: dict[str, list[datetime]] = {}
    for name, at in zip(table["account"].to_pylist(), table["posted_at"].to_pylist(), strict=True):
        times.setdefault(name, []).append(datetime.fromtimestamp(at, UTC))
    ordered = sorted(times, key=lambda n: (-len(times[n]), n))
    if accounts is not None and accounts < len(ordered):
        step = len(ordered) / accounts
        ordered = [ordered[int(i * step)] for i in range(accounts)]
    first = min(min(times[n]) for n in ordered)
    end = first + LEAD + timedelta(days=days) if days else max(max(times[n]) for n in ordered)
    return {n: sorted(t for t in times[n] if t <= end) for n in ordered}


def build(times: dict[str, list[datetime]], seed: int, outages: Sequence[Interval] = ()) -> Replay:
    """Personas in feed and Mastodon form for every account, four hosts, and the faults; ``outages``: of all hosts."""
    dice = random.Random(seed)
    first = min(t[0] for t in times.values() if t)
    starts_at, ends_at = first + LEAD, max(t[-1] for t in times.values() if t)
    groups: list[list[Persona]] = [[], [], [], []]
    for number, (name, moments) in enumerate(times.items()):
        feed = _persona(f"{name.lower()}-feed", FEED_FORMATS[number % 3], moments, dice, starts_at)
        groups[number % 2].append(feed)
        groups[2 + number % 2].append(_persona(f"{name.lower()}_m", "mastodon", moments, dice, starts_at))
    down = [FaultWindow(each, Fault.ERROR) for each in outages]
    hosts = [Host(World.of(g), Schedule([*down, *_faults(g, starts_at, ends_at, dice)])) for g in groups if g]
    return Replay(hosts, starts_at, ends_at, _windows(dice, starts_at, ends_at, 5, 2, 30))


def _persona(name: str, form: str, moments: list[datetime], dice: random.Random, starts_at: datetime) -> Persona:
    kinds = [Kind.ORIGINAL] if form != "mastodon" else [Kind.ORIGINAL, Kind.ORIGINAL, Kind.REPLY, Kind.REPOST]
    moments = list(moments) + _bursts(moments, dice, starts_at)
    events = [
        Event(snowflake(at, n), at, at, dice.choice(kinds), _deletion(at, dice)) for n, at in enumerate(sorted(moments))
    ]
    events += _backdated(events, dice, starts_at)
    persona = Persona(
        name, form, events, dice.choice([10, 15, 20, 30, 40]), pages=form != "mastodon" and dice.random() < 0.35
    )
    if form != "mastodon" and dice.random() < 0.5:
        old = [e.native_id for e in events if e.appears_at < starts_at and e.deleted_at is None]
        persona.pinned = frozenset(dice.sample(old, min(len(old), dice.choice([1, 2, 3]))))
    if form == "mastodon" and dice.random() < 0.2:
        persona.renames = [(starts_at + timedelta(days=dice.uniform(1, 20)), f"{name}_new")]
    return persona


def _bursts(moments: list[datetime], dice: random.Random, starts_at: datetime) -> list[datetime]:
    later = [t for t in moments if t > starts_at]
    found: list[datetime] = []
    for start in dice.sample(later, min(2, len(later))):
        found += [start + timedelta(seconds=10 * n + 1) for n in range(dice.randint(25, 60))]
    return [t for t in found if t <= moments[-1]]


def _deletion(at: datetime, dice: random.Random) -> datetime | None:
    if dice.random() > 0.03:
        return None
    return at + timedelta(minutes=dice.choice([3, 20, 90, 600, 3000, 20000]) * dice.uniform(0.5, 1.5))


def _backdated(events: list[Event], dice: random.Random, starts_at: datetime) -> list[Event]:
    later = [e for e in events if e.appears_at > starts_at]
    found = []
    for n, near in enumerate(dice.sample(later, min(3, len(later)))):
        shown = near.appears_at + timedelta(seconds=7)
        claim = (shown - timedelta(days=dice.uniform(2, 300))).replace(microsecond=0)
        found.append(Event(snowflake(shown, 60000 + n), claim, shown))
    return found


def _windows(
    dice: random.Random, start: datetime, end: datetime, count: int, least: float, most: float
) -> list[Interval]:
    span = (end - start).total_seconds()
    found = []
    for _ in range(max(1, round(count * span / (110 * 86400)))):
        at = start + timedelta(seconds=dice.uniform(0.02, 0.95) * span)
        found.append(Interval(at, at + timedelta(hours=dice.uniform(least, most))))
    return sorted(found)


def _faults(personas: list[Persona], start: datetime, end: datetime, dice: random.Random) -> list[FaultWindow]:
    found = [
        FaultWindow(w, fault)
        for fault in HOST_FAULTS
        for w in _windows(dice, start, end, 2, 0.5, 20 if fault in (Fault.ERROR, Fault.CLOSED) else 3)
    ]
    for persona in personas:
        for fault in ACCOUNT_FAULTS:
            found += [FaultWindow(w, fault, persona.name) for w in _windows(dice, start, end, 1, 0.5, 12)]
        found += [FaultWindow(w, Fault.SHUFFLED, persona.name) for w in _windows(dice, start, end, 4, 12, 96)]
    return found
