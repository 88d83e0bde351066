"""From a post as a page shows it to a post as it is known: its effective time, and what had to be assumed.

Assumes aware UTC datetimes. Promises: no post lies after the answer that showed it had come; the assumptions are noted
on it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.domain.models import DateNote, Interval, Post, SeenPost

#: Claims from before are no dates of posts (the web was hardly there); they count as unreadable.
EARLIEST_CLAIM = datetime(1995, 1, 1, tzinfo=UTC)
#: Clocks differ a little: a claim this far ahead of the first sight is corrected without a note.
CLOCK_SLACK = timedelta(minutes=2)
#: A claim this much older than the first sight, inside live coverage, is a late import.
LATE_IMPORT = timedelta(days=1)


def sighted(
    seen: SeenPost,
    first_seen_at: datetime,
    last_good_look: datetime | None,
    live: Sequence[Interval] = (),
    seen_by: datetime | None = None,
) -> Post:
    """The post as it is kept.

    ``first_seen_at``: when the request was sent; ``seen_by``: when the answer had come, both by our clock. A claim
    between the two is a date like any other: the post was made while we asked. ``last_good_look``: the previous look
    that proved something, the lower bound of a post without a date. ``live``: the normalised live coverage before this
    look, for the kinds of the page.
    """
    note, claimed, after = seen.note, seen.posted_at, None
    if claimed is not None and claimed < EARLIEST_CLAIM:
        note, claimed = note | DateNote.UNREADABLE, None
    if claimed is None:
        note |= DateNote.NONE if note & DateNote.UNREADABLE else DateNote.MISSING
        claimed, after = first_seen_at, last_good_look
    elif claimed > first_seen_at and (seen_by is None or claimed > seen_by):
        note |= DateNote.CLAMPED if claimed - first_seen_at > CLOCK_SLACK else DateNote.NONE
        claimed = first_seen_at
    elif live and first_seen_at - claimed > LATE_IMPORT and _inside(claimed, live):
        note |= DateNote.BACKDATED
    return Post(seen.native_id, seen.kind, claimed, first_seen_at, seen.url, note, after)


def _inside(moment: datetime, intervals: Sequence[Interval]) -> bool:
    at = bisect_right(intervals, moment, key=lambda piece: piece.start) - 1
    return at >= 0 and moment < intervals[at].end
