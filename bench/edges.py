"""A rule judged a microsecond around its threshold, and posts just before it (battery F9, F10): one transition or none.

Every case has its own last post, length and margin, and is judged where coverage ends a microsecond before, at and
after the deadline, each twice. Then posts a microsecond before the deadline again and again: nothing may be told.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.coverage import Covered
from app.domain.events import EventType
from app.domain.models import DEFAULT_KINDS, Interval, Kind, Post
from app.domain.rules import Rule, RuleState
from app.domain.silence import open_streak
from app.domain.transitions import evaluate
from app.domain.verdicts import Facts, Told
from bench import harness

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
#: Where coverage ends, against the deadline, and how many quiets are on record after it.
EDGES = ((-TICK, 0), (timedelta(0), 1), (TICK, 1))
SEED = 9


class Judged:
    """One account and one rule, judged again and again as the worker does."""

    def __init__(self, rule: Rule, begins: datetime) -> None:
        self.rule = rule
        self.state = RuleState(1, 1, baseline=begins, since=begins)
        self.told: list[Told] = []

    def look(self, last: datetime, proven_to: datetime, now: datetime) -> None:
        """Judge by a look at ``now`` that proves the time from before the last post to ``proven_to``."""
        post = Post(f"{last:%d%H%M%S%f}", Kind.ORIGINAL, last, last)
        streak = open_streak([post], Covered(live=(Interval(last - DAY, proven_to),)), now, DEFAULT_KINDS)
        done = evaluate(self.rule, Facts((streak,), good_at=now), self.state, now)
        self.state = done.after
        self.told += done.told


def edges(number: int, rng: random.Random) -> dict[str, int]:
    """About ``number`` judgements; how many left another number of quiets than they must, or another time."""
    judgements = wrong = 0
    for last, length, margin in _cases(rng):
        if judgements >= number:
            break
        account, deadline = Judged(Rule(length=length, id=1), last), last + length
        account.look(last, last + TICK, last + margin + TICK)
        for after, quiets in EDGES:
            for _ in range(2):
                account.look(last, deadline + after, deadline + after + margin)
                found = [(told.type, told.occurred_at) for told in account.told]
                wrong += found != [(EventType.QUIET, deadline)] * quiets
                judgements += 1
    return {"judgements": judgements, "wrong": wrong}


def _cases(rng: random.Random) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    while True:
        last = START + TICK * rng.randrange(10**13)
        length = timedelta(minutes=15) + TICK * rng.randrange(10**13)
        yield last, length, TICK * rng.randrange(10**9)


def flapping(posts: int, rng: random.Random) -> int:
    """How many events there are of an account that always posts a microsecond before its deadline."""
    last, length, margin = next(_cases(rng))
    account = Judged(Rule(length=length, id=1), last)
    for _ in range(posts):
        account.look(last, last + length - TICK, last + length - TICK + margin)
        last += length - TICK
        account.look(last, last + TICK, last + TICK + margin)
    return len(account.told)


def run(number: int, posts: int) -> dict[str, Any]:
    """Both."""
    rng = random.Random(SEED)
    with harness.Stopwatch() as watch:
        found = edges(number, rng)
    return {**found, "microseconds_each": watch.cpu / number * 1e6, "posts": posts, "events": flapping(posts, rng)}


def promised(found: dict[str, Any]) -> bool:
    """One transition only, and none of a post in time."""
    return bool(found["wrong"] == found["events"] == 0)


def main() -> None:
    """Measure and tell."""
    parser = harness.parser(__doc__)
    parser.add_argument("--judgements", type=int, default=1_000_000)
    parser.add_argument("--posts", type=int, default=500)
    given = parser.parse_args()
    found = run(given.judgements, given.posts)
    harness.report(promised(found), found, given.json)


if __name__ == "__main__":
    main()
