"""Pieces of answers: posts, lengths and links as every operation shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.api.context import Context
from app.api.replies import Row
from app.domain.models import KIND_NAMES, DateNote, Kind, Post


def seconds(length: timedelta) -> int | float:
    """A duration in seconds, whole where it is whole."""
    return length.total_seconds() if length.microseconds else length.days * 86400 + length.seconds


#: ``4H1M`` for every minute of a day.
_CLOCK = [f"{minute // 60}H" * (minute >= 60) + f"{minute % 60}M" * (minute % 60 > 0) for minute in range(1440)]
_KINDS = {int(kind): name for name, kind in KIND_NAMES.items()}


def iso(value: timedelta) -> str:
    """``domain.durations.format_duration`` for a list of thousands: the same text in a third of the time."""
    days, part = value.days, value.microseconds
    minute, second = divmod(value.seconds, 60)
    tail = f"{second}.{part:06d}".rstrip("0") + "S" if part else f"{second}S" if second else ""
    clock = _CLOCK[minute] + tail
    if clock:
        return f"P{days}DT{clock}" if days else f"PT{clock}"
    return f"P{days}D" if days else "PT0S"


def length(name: str, value: timedelta | None) -> Row:
    """A duration under ``name`` with its seconds beside it."""
    if value is None:
        return {name: None, f"{name}_seconds": None}
    return {name: iso(value), f"{name}_seconds": seconds(value)}


def kind_name(kind: Kind | int) -> str:
    """``original`` for a single kind."""
    return _KINDS[int(kind)]


def kind_words(kinds: Kind) -> str:
    """``original, reply and quote`` for a set of kinds."""
    names = [kind_name(kind) for kind in kinds]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"


def post_url(shared: Context, owner: Any, native_id: str | None, url: str | None) -> str | None:
    """The permalink: as stored, or as it follows from the id. ``owner`` has platform, handle and native id."""
    platform = shared.platforms.get(owner.platform)
    if url or native_id is None or platform is None:
        return url
    return platform.post_url(native_id, owner.handle, owner.native_id)


def evidence(shared: Context, owner: Any, post: Post | None) -> Row | None:
    """A post as proof: when, what sort, where, and whether it is gone."""
    if post is None:
        return None
    return {
        "posted_at": post.posted_at,
        "kind": kind_name(post.kind),
        "url": post_url(shared, owner, post.native_id, post.url),
        "posted_after": post.posted_after,
        "deleted_seen_at": post.deleted_seen_at,
    }


def post(shared: Context, owner: Any, post: Post) -> Row:
    """A post by itself."""
    notes = [str(note.name).lower() for note in post.note if note is not DateNote.NONE]
    return {
        "posted_at": post.posted_at,
        "kind": kind_name(post.kind),
        "url": post_url(shared, owner, post.native_id, post.url),
        "id": post.native_id,
        "first_seen_at": post.first_seen_at,
        "posted_after": post.posted_after,
        "deleted_seen_at": post.deleted_seen_at,
        "notes": notes,
    }
