"""Short ways to make values, and strategies, for the tests of the domain. Hours count from ``T0``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from app.domain.models import DateNote, Interval, Kind, Post, Stretch

T0 = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def span(start: float, end: float) -> Interval:
    return Interval(at(start), at(end))


def post(
    hours: float,
    name: str | None = None,
    kind: Kind = Kind.ORIGINAL,
    note: DateNote = DateNote.NONE,
    after: float | None = None,
    seen: float | None = None,
    deleted: float | None = None,
) -> Post:
    return Post(
        name or f"p{hours}",
        kind,
        at(hours),
        at(hours if seen is None else seen),
        note=note,
        posted_after=None if after is None else at(after),
        deleted_seen_at=None if deleted is None else at(deleted),
    )


def stretch(
    start: float,
    end: float,
    *,
    kinds: Kind = Kind.ORIGINAL,
    live: bool = True,
    looks: tuple[float, float] | None = None,
    gap: float = 1,
    lag: float = 0,
) -> Stretch:
    first, last = looks or (start, end)
    return Stretch(at(start), at(end), kinds, live, at(first), at(last), HOUR * gap, HOUR * lag)


hours = st.integers(-5, 60)
intervals = st.builds(span, hours, hours)
interval_lists = st.lists(intervals, max_size=8)
windows = st.builds(lambda a, n: span(a, a + n), hours, st.integers(1, 40))
posts = st.builds(
    lambda n, name, kind, note, after: post(
        n, f"p{name}", kind, note, after=None if after is None else min(n, after), seen=n
    ),
    st.integers(0, 50),
    st.integers(0, 30),
    st.sampled_from([Kind.ORIGINAL, Kind.ORIGINAL, Kind.REPLY]),
    st.sampled_from([DateNote.NONE] * 5 + [DateNote.BACKDATED, DateNote.MISSING]),
    st.sampled_from([None, None, None, 3, 17]),
)
stretches = st.builds(
    lambda start, length, kinds, live: stretch(start, start + length, kinds=kinds, live=live),
    st.integers(-5, 50),
    st.integers(0, 30),
    st.sampled_from([Kind.ORIGINAL, Kind.ORIGINAL | Kind.REPLY, Kind.REPLY]),
    st.booleans(),
)
