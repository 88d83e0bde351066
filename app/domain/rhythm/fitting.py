"""From a history to a rhythm. It runs when posts came or once a night, never in a question.

Assumes posts of the kinds that count and coverage of the same kinds. Promises: any history gives a value; with no post,
one post, or all of them in one second it is that of the prior, wide and marked by ``Rhythm.enough``; what counts is the
set of moments, so repeated posts change nothing; the same history gives the same value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.domain.calendar import EARLIEST
from app.domain.coverage import Covered
from app.domain.intervals import subtract
from app.domain.models import Interval, Kind, Post
from app.domain.rhythm import constants as c
from app.domain.rhythm import shape, tail
from app.domain.rhythm.clock import DAY, HOUR, MONDAY, WEEK, Clock
from app.domain.rhythm.days import weekday_habits
from app.domain.rhythm.history import Floats, History, history
from app.domain.rhythm.state import LongGap, Rhythm
from app.domain.rhythm.zones import Offsets, offsets_of
from app.domain.silence import UNDATED, counts


def fit(posts: Iterable[datetime], coverage: Iterable[Interval], zone: str, at: datetime) -> Rhythm:
    """The rhythm at ``at`` of an account that lives by the clocks of an IANA zone.

    ``posts``: effective times of the posts that count, deleted ones too; what lies outside the coverage or after ``at``
    is left out. ``coverage``: what is known for all the kinds that count, see ``Covered.all``. Raises ValueError for an
    unknown zone.
    """
    stretches = [(piece.start.timestamp(), piece.end.timestamp()) for piece in coverage]
    return fit_seconds([post.timestamp() for post in posts], stretches, zone, at.timestamp())


def fit_known(posts: Iterable[Post], covered: Covered, kinds: Kind, zone: str, at: datetime) -> Rhythm:
    """The same from posts of any kind and what is known for ``kinds``. Only posts that break a silence of these kinds
    count; where a post without a date may have been made is a hole."""
    counted = [post for post in posts if counts(post, kinds)]
    undated = [Interval(post.posted_after or EARLIEST, post.posted_at) for post in counted if post.note & UNDATED]
    dated = [post.posted_at for post in counted if not post.note & UNDATED]
    return fit(dated, subtract(covered.all(), undated), zone, at)


def fit_seconds(posts: ArrayLike, coverage: Iterable[tuple[float, float]], zone: str, at: float) -> Rhythm:
    """The same from epoch seconds, which a database gives at a fraction of the cost."""
    known = history(posts, coverage, at)
    offsets = offsets_of(zone)
    local = _local(offsets, known.posts)
    active = shape.activity(local, at - known.posts)
    clock = Clock(zone, _single(shape.speeds(active, known.faded(c.HALF_LIFE_SHAPE) / 7)))
    gaps = _counted(known, clock, np.diff(_reached(clock, offsets, known.posts, local))[known.whole])
    long = float(gaps.bins.sum() + gaps.cut.sum())
    days = c.SLOW_WEIGHT * known.faded(c.HALF_LIFE) + c.FAST_WEIGHT * known.faded(c.HALF_LIFE_FAST) + c.PRIOR_LONG_DAYS
    curve = tail.with_pauses(tail.survival(gaps), (long + c.PRIOR_LONG) / days)
    since = float(known.starts[0]) if len(known.starts) else at
    last_post = float(known.posts[-1]) if len(known.posts) else since
    silent_days, weekdays = weekday_habits(known, clock, local)
    hours, by_day = shape.profiles(local, at - known.posts)
    quantiles, longest = _elapsed(known)
    return Rhythm(
        clock=clock,
        fitted_at=at,
        since=since,
        last_post=last_post,
        observed_days=known.observed(since, at),
        posts=len(known.posts),
        long_share=_one((long + 1) / (long + gaps.short + 2)),
        long_a_day=_one((long + c.PRIOR_LONG) / (days + c.COMING_GAPS * tail.mean_days(curve))),
        tempo=_one(_tempo(known, last_post)),
        posts_a_day=_one(_posts_a_day(known)),
        silent_days=_one(silent_days),
        survival=_single(np.minimum(curve, 0.0)),
        weekdays=_single(weekdays),
        hours=_single(hours),
        days=_single(by_day),
        quantiles=quantiles,
        longest=longest,
    )


def _one(number: float) -> float:
    return float(np.float32(number))


def _single(numbers: Floats) -> tuple[float, ...]:
    return tuple(numbers.astype(np.float32).tolist())


def _local(offsets: Offsets, posts: Floats) -> Floats:
    return np.asarray(posts + np.array(offsets.offsets)[np.searchsorted(offsets.changes, posts, side="right")] + MONDAY)


def _reached(clock: Clock, offsets: Offsets, posts: Floats, local: Floats) -> Floats:
    """The rhythm time of each post, up to a constant."""
    speeds = np.array(clock.speeds)
    before = np.concatenate(([0.0], np.cumsum(speeds)))
    weeks, rest = np.divmod(local, WEEK)
    hours = np.minimum(rest // HOUR, len(speeds) - 1).astype(np.int64)
    reached = weeks * before[-1] + before[hours] + speeds[hours] * (rest / HOUR - hours)
    if len(posts):
        for change in range(offsets.index(posts[0]), offsets.index(posts[-1])):
            reached -= np.where(posts >= offsets.changes[change], clock.jump(change), 0.0)
    return np.asarray(reached)


def _counted(known: History, clock: Clock, gaps: Floats) -> tail.Gaps:
    cut, ends = known.cut_short(clock)
    weights = _weights(known.at - known.posts[1:][known.whole])
    return tail.count(np.maximum(gaps, 0.0), weights, cut, _weights(known.at - ends))


def _weights(ages: Floats) -> Floats:
    slow, fast = np.exp2(-ages / (c.HALF_LIFE * DAY)), np.exp2(-ages / (c.HALF_LIFE_FAST * DAY))
    return np.asarray(c.SLOW_WEIGHT * slow + c.FAST_WEIGHT * fast)


def _tempo(known: History, last_post: float) -> float:
    ratio = known.rate(c.TEMPO_DAYS, last_post) / known.rate(c.TEMPO_USUAL_DAYS, last_post)
    return float(min(max(ratio**c.TEMPO_POWER, 1 / c.TEMPO_MOST), c.TEMPO_MOST))


def _posts_a_day(known: History) -> float:
    weights = np.exp2((known.posts - known.at) / (c.HALF_LIFE_RATE * DAY))
    return float(weights.sum()) / max(known.faded(c.HALF_LIFE_RATE), 1.0)


def _elapsed(known: History) -> tuple[tuple[float, ...], tuple[LongGap, ...]]:
    """Gaps by the clock on the wall: quantiles, and the longest ones."""
    hours = (np.diff(known.posts)[known.whole] / HOUR).astype(np.float32)
    if not len(hours):
        return (0.0,) * len(c.QUANTILES), ()
    ends = known.posts[1:][known.whole]
    order = np.argsort(-hours, kind="stable")
    late = order[ends[order] > known.at - c.RANK_DAYS * DAY]
    kept = _first(order, late)
    longest = tuple([LongGap(float(ends[i]), float(hours[i])) for i in kept])
    return tuple(np.quantile(hours, c.QUANTILES).astype(np.float32).tolist()), longest


def _first(order: NDArray[np.int64], late: NDArray[np.int64]) -> list[int]:
    chosen = set(order[: c.RANKED].tolist()) | set(late[: c.RANKED].tolist())
    return [i for i in order.tolist() if i in chosen]
