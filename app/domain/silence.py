"""Streaks of silence: from one counted post to the next, and the open one from the last post to now.

Assumes the posts that were known at the moment asked about (``known_posts``) and coverage for the same kinds. Promises:
a failed look changes no streak; what coverage does not prove is never called silent; order and repetition of the posts
change nothing.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.coverage import LIVE_GAP, Covered
from app.domain.intervals import holes
from app.domain.models import DateNote, Interval, Kind, Post

UNDATED = DateNote.MISSING | DateNote.UNREADABLE
ZERO = timedelta(0)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Streak:
    """The stretch between two consecutive counted posts, or from the last one on."""

    starts_at: datetime | None
    """The post that it follows; None where no post is on record."""
    ends_at: datetime | None
    """The post that ended it; None while it is open."""
    proven: timedelta
    """From its start to the end of the contiguous coverage that follows (for no post on record: the coverage that ends
    last)."""
    possible: timedelta | None
    """From its start to its end or to now; None where nobody can say how long ago it started."""
    unobserved: tuple[Interval, ...] = ()
    """What of it no look covers."""
    retrospective: bool = False
    """Some of the coverage in it was read back later: posts deleted before that are missing from it."""
    largest_gap: timedelta = ZERO
    """The longest time between two looks in it."""
    starts_after: datetime | None = None
    """The earliest moment at which it may have started: ``starts_at`` unless that post has no date; None: unknown."""
    tail: Interval | None = None
    """The coverage in it that ends last: silence that is certain, whatever the holes before it hold."""
    post: Post | None = None
    """The post that it follows."""
    ended_by: Post | None = None
    """The post that ended it."""


class State(enum.StrEnum):
    """What a rule makes of the open streak."""

    ACTIVE = "active"
    QUIET = "quiet"
    UNKNOWN = "unknown"


class Threshold(Protocol):
    """From when on a silence is called quiet. The seam for adaptive rules: anything that can name a deadline."""

    def deadline(self, last_post: datetime) -> datetime:
        """The first moment at which an account that has been silent since ``last_post`` is quiet."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same length for every account, whatever its rhythm."""

    length: timedelta

    def deadline(self, last_post: datetime) -> datetime:
        """``last_post`` plus the length."""
        return last_post + self.length


def counts(post: Post, kinds: Kind) -> bool:
    """Whether a post breaks a silence of these kinds. Deleted posts do; late imports (BACKDATED) do not."""
    # int's own "and": a tenth of the cost of IntFlag's, in every loop over posts.
    return int.__and__(post.kind, kinds) != 0 and int.__and__(post.note, DateNote.BACKDATED) == 0


def earliest(post: Post) -> datetime | None:
    """The earliest moment at which the post can have been made; None where nothing bounds it."""
    if post.posted_after is not None:
        return min(post.posted_after, post.posted_at)
    return None if int.__and__(post.note, UNDATED) else post.posted_at


def known_posts(posts: Iterable[Post], as_of: datetime) -> list[Post]:
    """The posts as they were known at ``as_of``: later sights and later findings of deletion are left out."""
    return [
        post._replace(deleted_seen_at=None)
        if post.deleted_seen_at is not None and post.deleted_seen_at > as_of
        else post
        for post in posts
        if post.first_seen_at <= as_of
    ]


def streaks(
    posts: Iterable[Post], covered: Covered, now: datetime, kinds: Kind, window: Interval | None = None
) -> list[Streak]:
    """All streaks in time order, the open one last; with ``window`` only those with a part inside it, whole.

    Time before the first known post is unknown, not silence; without any post there is one open streak without a start.
    """
    counted = {
        (post.posted_at, post.native_id): post for post in posts if counts(post, kinds) and post.posted_at <= now
    }
    ordered = [counted[key] for key in sorted(counted)]
    whole = covered.all()
    starts = [piece.start for piece in whole]
    if not ordered:
        return [_without_post(whole, covered)]
    found: list[Streak] = []
    for post, following in zip(ordered, [*ordered[1:], None], strict=True):
        end = following.posted_at if following else now
        if following and end <= post.posted_at:
            continue
        if window is None or (end > window.start and post.posted_at < window.end):
            found.append(_between(post, following, end, _touching(whole, starts, post.posted_at, end), covered))
    return found


def open_streak(posts: Sequence[Post], covered: Covered, now: datetime, kinds: Kind) -> Streak:
    """The streak that runs now."""
    made = [post for post in posts if counts(post, kinds) and post.posted_at <= now]
    last = max(made, key=lambda post: (post.posted_at, post.native_id), default=None)
    return streaks((last,) if last else (), covered, now, kinds)[-1]


def state(streak: Streak, threshold: Threshold | timedelta, now: datetime, blind: timedelta = LIVE_GAP) -> State:
    """What the open streak amounts to under a rule.

    Active: the last known post is less than the threshold ago. Quiet: coverage passes the deadline without a post, and
    the account was seen no longer than ``blind`` ago. Anything else is unknown.
    """
    rule = Fixed(threshold) if isinstance(threshold, timedelta) else threshold
    if streak.starts_after is not None and now < rule.deadline(streak.starts_after):
        return State.ACTIVE
    if (
        streak.tail is not None
        and now - streak.tail.end <= blind
        and streak.tail.end >= rule.deadline(streak.tail.start)
    ):
        return State.QUIET
    return State.UNKNOWN


def _touching(whole: Sequence[Interval], starts: Sequence[datetime], start: datetime, end: datetime) -> list[Interval]:
    touching: list[Interval] = []
    for piece in whole[max(bisect_right(starts, start) - 1, 0) :]:
        if piece.start >= end:
            break
        if piece.end > start:
            touching.append(piece)
    return touching


def _between(post: Post, following: Post | None, end: datetime, pieces: Sequence[Interval], covered: Covered) -> Streak:
    start = post.posted_at
    sure_end = end if following is None else max(start, min(end, earliest(following) or start))
    # The instant of the post itself needs no coverage: it is known what happened in it.
    unobserved = holes(pieces, Interval(start + TICK, end)) if end > start else ()
    first_hole = unobserved[0].start if unobserved else end
    seen_to = start if first_hole == start + TICK and unobserved else min(sure_end, first_hole)
    lower = earliest(post)
    last = pieces[-1] if pieces else None
    tail = Interval(start if last.start <= start + TICK else last.start, min(last.end, sure_end)) if last else None
    inside = Interval(start, end)
    return Streak(
        starts_at=start,
        ends_at=following.posted_at if following else None,
        proven=seen_to - start,
        possible=end - lower if lower is not None else None,
        unobserved=unobserved,
        retrospective=any(piece.start < end and start < piece.end for piece in covered.retrospective),
        largest_gap=covered.largest_gap(inside),
        starts_after=lower,
        tail=tail if tail and tail.start < tail.end else None,
        post=post,
        ended_by=following,
    )


def _without_post(whole: Sequence[Interval], covered: Covered) -> Streak:
    tail = whole[-1] if whole else None
    return Streak(
        starts_at=None,
        ends_at=None,
        proven=tail.length if tail else ZERO,
        possible=None,
        unobserved=(),
        retrospective=bool(tail and covered.retrospective and covered.retrospective[-1].end > tail.start),
        largest_gap=covered.largest_gap(tail) if tail else ZERO,
        tail=tail,
    )
