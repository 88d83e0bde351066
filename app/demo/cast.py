"""The demonstration's cast: one account for every state an answer can have, with human rhythms.

Assumes: ``start`` is now, in UTC. Promises: the same ``start`` and seed give the same world; nobody in it exists.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.demo.faults import Fault, FaultWindow, Schedule
from app.demo.world import Event, Persona, World, snowflake
from app.domain.models import Interval, Kind

HISTORY = timedelta(days=60)
AHEAD = timedelta(days=2)
BREAKS_AFTER = timedelta(seconds=25)
"""The accounts that come to grief do so this long after the start: after their first looks."""


#: Silent for a week soon after the source was lost sight of: nobody can know, so the answer turns to unknown.
_ALMOST_A_WEEK = timedelta(days=7, seconds=-35)


@dataclass(frozen=True, slots=True)
class Role:
    """One member of the cast."""

    name: str
    format: str
    posts_a_day: float
    silent_for: timedelta | None = None
    """The last post was this long ago; None: it goes on posting."""
    story: str = ""
    tag: str = "demo"


CAST = (
    Role("harbour-news", "rss", 24, story="posts around the clock"),
    Role("mayor", "mastodon", 4, story="posts by day, little at night"),
    Role("theatre", "atom", 1.5, story="once or twice a day"),
    Role("poet", "json", 0.3, story="a few times a week: a short silence means little"),
    Role("actor", "mastodon", 5, timedelta(days=9), "silent for nine days", "pledged"),
    Role("singer", "rss", 6, timedelta(days=2, hours=3), "silent for two days", "pledged"),
    Role("director", "mastodon", 3, timedelta(days=30), "silent for a month", "pledged"),
    Role("quiet-museum", "mastodon", 0, story="has never posted"),
    Role("lost-island", "mastodon", 4, story="found, but its posts were never seen: the server fails from the start"),
    Role("broken-radio", "rss", 8, _ALMOST_A_WEEK, "its server fails after the first looks"),
    Role("walled-garden", "mastodon", 4, _ALMOST_A_WEEK, "asks for a login after the first looks"),
    Role("ministry", "mastodon", 6, story="renamed while it is watched"),
    Role("closed-shop", "rss", 2, _ALMOST_A_WEEK, "gone for good (410) after the first looks"),
    Role("vanished", "mastodon", 2, _ALMOST_A_WEEK, "deleted after the first looks"),
)


def build(start: datetime, seed: int = 2020) -> tuple[World, dict[str, Schedule]]:
    """The world, and what goes wrong at each member's host."""
    personas = [_persona(role, start, random.Random(f"{seed}{role.name}")) for role in CAST]  # noqa: S311
    always = Interval(start, start + timedelta(days=365))
    later = Interval(start + BREAKS_AFTER, always.end)
    faults = {
        "broken-radio": FaultWindow(later, Fault.ERROR),
        "walled-garden": FaultWindow(later, Fault.LOGIN_REQUIRED),
        "lost-island": FaultWindow(always, Fault.ERROR, path="/statuses"),
    }
    return World.of(personas), {
        role.name: Schedule([faults[role.name]] if role.name in faults else []) for role in CAST
    }


def address(base: str, role: Role) -> str:
    """What a person would paste for this member, served at ``base``."""
    return f"{base}/@{role.name}" if role.format == "mastodon" else f"{base}/feed/{role.name}.{role.format}"


def _persona(role: Role, start: datetime, dice: random.Random) -> Persona:
    moments = _rhythm(role, start, dice)
    kinds = [Kind.ORIGINAL] if role.format != "mastodon" else [Kind.ORIGINAL, Kind.ORIGINAL, Kind.REPLY, Kind.REPOST]
    events = [Event(snowflake(at, n), at, at, dice.choice(kinds)) for n, at in enumerate(moments)]
    persona = Persona(role.name, role.format, events, page_size=20)
    if role.name == "ministry":
        persona.renames = [(start + BREAKS_AFTER, "ministry-of-culture")]
    if role.name in ("closed-shop", "vanished"):
        persona.gone_from = start + BREAKS_AFTER
        persona.gone_status = 410 if role.name == "closed-shop" else 404
    return persona


def _rhythm(role: Role, start: datetime, dice: random.Random) -> list[datetime]:
    """Posting times: a Poisson process whose rate follows the hour of the day."""
    if role.posts_a_day <= 0:
        return []
    end = start - role.silent_for if role.silent_for is not None else start + AHEAD
    at, found = start - HISTORY, []
    most = role.posts_a_day / 86400 * 2
    while True:
        at += timedelta(seconds=dice.expovariate(most))
        if at >= end:
            break
        if dice.random() < 0.5 * (1 + math.sin((at.hour - 8) / 24 * 2 * math.pi)):
            found.append(at.replace(microsecond=0))
    return _anchored(found, role, start, dice)


def _anchored(found: list[datetime], role: Role, start: datetime, dice: random.Random) -> list[datetime]:
    """The last post lies exactly where the story wants it, and the lively ones post while somebody watches."""
    if role.silent_for is not None:
        return [*found, start - role.silent_for]
    lively = role.name in ("harbour-news", "mayor")
    soon = [start + timedelta(seconds=s) for s in range(15, 600, 40)] if lively else []
    recent = [] if role.posts_a_day < 1 else [start - timedelta(minutes=dice.randint(5, 180))]
    return sorted({t.replace(microsecond=0) for t in [*found, *recent, *soon]})
