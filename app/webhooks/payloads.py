"""What an event about an account says: the same objects as the API's answers.

Assumes aware UTC times. Promises: pure; identifiers, times, kinds, lengths and links, never a post's content; whatever
is not known is null. ``state`` is the answer from this event on: who applies an account's events by ``sequence`` holds
the true state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain import worth
from app.domain.durations import format_duration
from app.domain.events import EventType
from app.domain.models import KIND_NAMES, Kind, Post
from app.domain.rhythm.readings import silence_meaning
from app.domain.rhythm.state import Rhythm
from app.domain.rules import Rule
from app.domain.silence import State, Streak
from app.domain.verdicts import Told

Data = Mapping[str, object]
#: The permalink of a post, None where there is none.
Link = Callable[[Post], str | None]


@dataclass(frozen=True, slots=True)
class Owner:
    """The account an event is about, by its public id."""

    id: str
    platform: str
    handle: str
    subject: str | None = None


def account_data(owner: Owner) -> Data:
    """An account inside an answer."""
    return {"id": owner.id, "platform": owner.platform, "handle": owner.handle, "subject": owner.subject}


def rule_data(rule: Rule) -> Data:
    """A rule inside an answer."""
    return {
        "id": rule.public_id,
        "name": rule.name,
        "kind": rule.kind,
        "length": _iso(rule.length),
        "false_alarms": rule.false_alarms,
        "least": _iso(rule.least),
        "greatest": _iso(rule.greatest),
        "late": _iso(rule.late),
        "kinds": [name for name, kind in KIND_NAMES.items() if kind & rule.kinds],
    }


def transition(
    told: Told, rule: Rule, owner: Owner, link: Link, quiet_event: str | None = None, rhythm: Rhythm | None = None
) -> Data:
    """``account.quiet``, ``resumed``, ``late``, ``reminder`` and ``verdict.revised``.

    ``quiet_event``: the public id of the account.quiet that is resumed, repeated or revised. ``rhythm``: of the kinds
    of the rule; None where none is known.
    """
    streak = told.streak
    found: dict[str, object] = {
        "account": account_data(owner),
        "rule": rule_data(rule),
        "state": told.state.value,
        "previous_state": told.previous.value,
        "deadline": told.deadline,
        "streak": streak and streak_data(streak),
        "last_post": streak and evidence(streak.post, link),
        "initial": told.initial,
        "retrospective": told.retrospective,
    }
    if told.type is EventType.RESUMED:
        found |= {"post": streak and evidence(streak.ended_by, link), **_silence(told), "quiet_event": quiet_event}
    elif told.type is EventType.QUIET:
        found |= {"meaning": meaning(rhythm, told.streak, told.occurred_at) if rhythm and told.streak else None}
    elif told.type is EventType.REMINDER:
        found |= {"number": told.number, "quiet_event": quiet_event}
    elif told.type is EventType.REVISED:
        old = {"state": told.previous.value, "at": told.deadline, "event": quiet_event}
        found |= {
            "cause": "rule_changed" if told.rule_changed else "late_post",
            "post": streak and evidence(streak.ended_by, link),
            "old": old,
            "new": {"state": told.state.value if told.rule_changed else State.ACTIVE.value},
        }
    return found


def meaning(rhythm: Rhythm, streak: Streak, at: datetime) -> Data | None:
    """What the silence up to ``at`` is worth by the account's own rhythm; None where no post is known before it.

    What no look covers is worth nothing.
    """
    length = worth.observed(streak, at)
    if streak.starts_at is None or not length:
        return None
    return worth.figures(worth.weigh(silence_meaning(rhythm, streak.starts_at, at, streak.unobserved), length))


def _silence(told: Told) -> Data:
    """How long the silence was that ended."""
    since = told.streak.starts_at if told.streak else None
    return _length("silence", told.occurred_at - since if since is not None else None)


def streak_data(streak: Streak) -> Data:
    """A silence as the API shows it, without its holes."""
    return {
        "since": streak.starts_at,
        "until": streak.ends_at,
        "open": streak.ends_at is None,
        **_length("proven", streak.proven),
        **_length("possible", streak.possible),
        "observed_until": streak.tail.end if streak.tail else None,
        "read_back": streak.retrospective,
        **_length("largest_gap", streak.largest_gap),
    }


def evidence(post: Post | None, link: Link) -> Data | None:
    """A post as proof."""
    if post is None:
        return None
    return {
        "posted_at": post.posted_at,
        "kind": _kind(post.kind),
        "url": link(post),
        "posted_after": post.posted_after,
        "deleted_seen_at": post.deleted_seen_at,
    }


def unobservable(owner: Owner, since: datetime, last_good: datetime | None, outcome: str | None, reason: str) -> Data:
    """``account.unobservable``: since when nobody can say, the last look that proved something, and why."""
    return {
        "account": account_data(owner),
        "state": "unknown",
        "since": since,
        "last_seen_at": last_good,
        "outcome": outcome,
        "reason": reason,
    }


def observable(owner: Owner, since: datetime, at: datetime) -> Data:
    """``account.observable``: it could not be seen from ``since`` to ``at``."""
    return {"account": account_data(owner), "since": since, "until": at, **_length("unseen", at - since)}


def renamed(owner: Owner, before: str, after: str) -> Data:
    """``account.renamed``."""
    return {"account": account_data(owner), "from": before, "to": after}


def moved(owner: Owner, to: str | None, *, followed: bool) -> Data:
    """``account.moved``. ``followed``: it is watched there from now on."""
    return {"account": account_data(owner), "to": to, "followed": followed}


def _kind(kind: Kind) -> str:
    return next(name for name, each in KIND_NAMES.items() if each == kind)


def _iso(length: timedelta | None) -> str | None:
    return None if length is None else format_duration(length)


def _length(name: str, length: timedelta | None) -> Data:
    seconds = None if length is None else length.total_seconds()
    return {name: _iso(length), f"{name}_seconds": seconds}
