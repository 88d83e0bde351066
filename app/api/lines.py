"""Lines of the answers about silence: plain rows, encoded once.

Assumes standings and streaks of one moment. Promises: a line claims no more than is known, in figures and in its note.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.api import shapes
from app.api.context import Context
from app.api.replies import Row
from app.domain.durations import format_duration
from app.domain.models import Interval, Kind, OutcomeName, Post
from app.domain.outcomes import Reason, explain_unknown
from app.domain.reasons import why_unknown
from app.domain.silence import State, Streak
from app.storage.rule_states import Brief
from app.storage.silence import Standing
from app.storage.streaks import Longest


def longest_row(one: Longest) -> Row:
    """The longest streak of an account as the API shows it."""
    whole, proven = one.whole, one.proven
    is_open = whole is not None and whole.start == one.streak.starts_at
    return {
        "account": account_row(one.standing),
        "longest": whole
        and {
            "since": whole.start,
            "until": None if is_open else whole.end,
            "open": is_open,
            **shapes.length("proven", one.whole_proven),
            **shapes.length("possible", whole.length),
        },
        "longest_proven": proven
        and {"since": proven.start, "length": format_duration(proven.length), "seconds": shapes.seconds(proven.length)},
    }


def account_row(standing: Standing) -> Row:
    """An account inside an answer."""
    return {
        "id": standing.public_id,
        "platform": standing.platform,
        "handle": standing.handle,
        "subject": standing.subject_name,
    }


def silence_row(shared: Context, standing: Standing, streak: Streak, state: State) -> Row:
    """One line of the board, and the body of the answer about one account."""
    reasons: tuple[Reason, ...] = ()
    if state is State.UNKNOWN:
        reasons = why_unknown(OutcomeName(standing.outcome) if standing.outcome else None, streak)
    proven, possible = streak.proven, streak.possible
    return {
        "account": account_row(standing),
        "state": state.value,
        "reasons": reasons,
        "last_post": last_post(shared, standing, streak.post),
        "streak": {
            "since": streak.starts_at,
            "proven": shapes.iso(proven),
            "proven_seconds": shapes.seconds(proven),
            "possible": None if possible is None else shapes.iso(possible),
            "possible_seconds": None if possible is None else shapes.seconds(possible),
            "observed_until": streak.tail.end if streak.tail else standing.covered_until,
            "read_back": streak.retrospective,
        },
        "last_look": standing.polled_at
        and {
            "at": standing.polled_at,
            "outcome": standing.outcome,
            "reason": standing.reason,
            "since": standing.outcome_since,
        },
        "note": note(streak, state, reasons, None),
    }


def last_post(shared: Context, standing: Standing, post: Post | None) -> Row | None:
    """The last post: of the streak where it was worked out, else of the standing."""
    if post is not None:
        return shapes.evidence(shared, standing, post)
    if standing.last_post_at is None:
        return None
    return {
        "posted_at": standing.last_post_at,
        "kind": shapes.kind_name(standing.last_post_kind or Kind.ORIGINAL),
        "url": shapes.post_url(shared, standing, standing.last_post_id, standing.last_post_url),
    }


def note(streak: Streak, state: State, reasons: Sequence[Reason], gap: timedelta | None) -> str:
    """The answer in one sentence that claims no more than is known."""
    if state is State.UNKNOWN:
        return explain_unknown(tuple(reasons))
    if state is State.ACTIVE:
        return "posted within the time asked about"
    looks = f"; largest gap between looks {format_duration(gap)}" if gap else ""
    return f"no surviving post seen{looks}"


def record_row(longest: Interval | None, streak: Streak, at: datetime) -> Row:
    """The longest streak on record beside the open one; ``rank`` is 1 where the open one is the longest."""
    if longest is None:
        return {**shapes.length("longest_on_record", None), "rank": None}
    first = longest.start == streak.starts_at and longest.end >= at
    return {**shapes.length("longest_on_record", longest.length), "rank": 1 if first else None}


def rule_row(brief: Brief) -> Row:
    """What a rule makes of the account."""
    return {
        "id": brief.public_id,
        "name": brief.name,
        "kind": brief.kind,
        "state": brief.state,
        "since": brief.since,
        "quiet_since": brief.since if brief.state == State.QUIET else None,
        "deadline": brief.deadline,
        "held_since": brief.held_since,
    }
