"""Whether an account posted inside a window: posted, silent or unknown, and why.

Assumes posts and coverage as they were known at one moment, for one account and the same kinds. Promises: "posted"
rests on a post, "silent" on coverage of the whole window, everything else is unknown with at least one reason.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.coverage import Covered
from app.domain.intervals import holes, total
from app.domain.models import Interval, Kind, OutcomeName, Post
from app.domain.outcomes import Reason, proves, reason_of
from app.domain.silence import counts, earliest

#: Posts that an answer names.
EVIDENCE = 5
ZERO = timedelta(0)


class Took(enum.StrEnum):
    """The three answers."""

    POSTED = "posted"
    SILENT = "silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Lapse:
    """A time in which looks failed or were not made, and why (from the record of looks)."""

    during: Interval
    reason: Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What can be said about one account and one window."""

    state: Took
    reasons: tuple[Reason, ...]
    """Why it is unknown; empty for the other two."""
    evidence: tuple[Post, ...]
    """The first posts inside the window, at most ``EVIDENCE``; a deleted one carries ``deleted_seen_at``."""
    posts: int
    """How many counted posts lie inside for certain."""
    covered_share: float
    """How much of the window is covered, 0 to 1."""
    largest_gap: timedelta
    """The longest time between two looks: what was posted and deleted between them is invisible."""
    retrospective: bool
    """Some of the coverage was read back later."""

    @property
    def all_deleted(self) -> bool:
        """Every post that is named has been deleted since."""
        return bool(self.evidence) and all(post.deleted_seen_at is not None for post in self.evidence)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many accounts of a set gave each answer."""

    posted: int = 0
    silent: int = 0
    unknown: int = 0


def answer(
    posts: Iterable[Post],
    covered: Covered,
    window: Interval,
    now: datetime,
    kinds: Kind,
    *,
    last_outcome: OutcomeName | None = None,
    lapses: Sequence[Lapse] = (),
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> Answer:
    """Answer for one account and one window.

    ``posts``: at least those with ``posted_at`` inside the window and those without a date whose uncertainty touches
    it, in any order. ``last_outcome``: of the latest look, None before the first. ``lapses`` explain holes. Outside
    [valid_from, valid_to) the account proves nothing. Raises ValueError for an empty window.
    """
    if window.start >= window.end:
        raise ValueError("the window is empty")
    start = max(window.start, valid_from) if valid_from else window.start
    end = min(window.end, valid_to) if valid_to else window.end
    inside, doubtful = _inside(posts, start, end, kinds)
    open_parts = holes(covered.all(), window)
    reasons: dict[Reason, None] = {}
    if not inside:
        if start > window.start or end < window.end:
            reasons[Reason.ACCOUNT_NOT_VALID] = None
        if doubtful:
            reasons[Reason.UNDATED_POST] = None
        for part in open_parts:
            reasons.update(dict.fromkeys(_why(part, covered, now, last_outcome, lapses)))
        if window.end > now:
            # That the newest part is unconfirmed goes without saying while the window runs.
            reasons.pop(Reason.SETTLING, None)
            reasons[Reason.WINDOW_NOT_OVER] = None
    return Answer(
        state=Took.POSTED if inside else Took.UNKNOWN if reasons else Took.SILENT,
        reasons=tuple(reasons),
        evidence=tuple(inside[:EVIDENCE]),
        posts=len(inside),
        covered_share=1 - total(open_parts) / window.length if open_parts else 1.0,
        largest_gap=covered.largest_gap(window),
        retrospective=any(piece.start < window.end and window.start < piece.end for piece in covered.retrospective),
    )


def tally(answers: Iterable[Answer]) -> Totals:
    """The totals over a set of accounts."""
    states = [found.state for found in answers]
    return Totals(*(states.count(took) for took in (Took.POSTED, Took.SILENT, Took.UNKNOWN)))


def _inside(posts: Iterable[Post], start: datetime, end: datetime, kinds: Kind) -> tuple[list[Post], bool]:
    """The counted posts that were certainly made inside, in order, and whether another one may have been."""
    inside: list[Post] = []
    doubtful = False
    for post in posts:
        if post.posted_at >= start and counts(post, kinds):
            lower = earliest(post)
            if lower is not None and start <= lower and post.posted_at < end:
                inside.append(post)
            elif lower is None or lower < end:
                doubtful = True
    inside.sort(key=lambda post: (post.posted_at, post.native_id))
    return inside, doubtful


def _why(
    part: Interval, covered: Covered, now: datetime, last_outcome: OutcomeName | None, lapses: Sequence[Lapse]
) -> list[Reason]:
    """Why a part of the window is not covered; nothing to say about the part that is still to come."""
    if part.start >= now:
        return []
    if last_outcome is None and covered.last_look is None:
        return [Reason.NOT_POLLED_YET]
    if covered.unseen_kinds:
        return [Reason.KINDS_NOT_VISIBLE]
    told = [lapse.reason for lapse in lapses if lapse.during.start < part.end and part.start < lapse.during.end]
    return told or [_place(part, covered, last_outcome)]


def _place(part: Interval, covered: Covered, last_outcome: OutcomeName | None) -> Reason:
    """The reason that follows from where the part lies: after, before or between what is covered."""
    whole = covered.all()
    if covered.last_look is None or part.start >= (whole[-1].end if whole else covered.last_look - covered.lag):
        return Reason.SETTLING if last_outcome is None or proves(last_outcome) else reason_of(last_outcome)
    read_back = any(piece.start == whole[0].start for piece in covered.retrospective[:1])
    if not whole or (part.end <= whole[0].start and not read_back):
        return Reason.BEFORE_FIRST_LOOK
    return Reason.PAGE_ENDED_BEFORE
