"""The set-shaped answers are those of the domain over every row."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain import participation as judge
from app.domain.coverage import known_at
from app.domain.models import DEFAULT_KINDS, Interval, Kind, OutcomeName
from app.domain.participation import Answer, Took
from app.storage import coverage, participation, posts
from app.storage.names import Selection
from app.storage.participation import Taker
from tests.storage.histories import DAY, HOUR, NOW, world

EVERYONE = Selection(tag="all")


async def by_hand(
    conn: AsyncConnection, takers: list[Taker], window: Interval, kinds: Kind, as_of: datetime | None
) -> dict[Taker, Answer]:
    """The domain over everything on record."""
    known = as_of or posts.LATEST
    ids = [taker.account_id for taker in takers]
    made = await posts.load(conn, ids, kinds=kinds, as_of=known)
    seen = await coverage.load(conn, ids, as_of=known)
    return {
        taker: judge.answer(
            made[taker.account_id],
            known_at(seen[taker.account_id], as_of, kinds),
            window,
            min(NOW, known),
            kinds,
            last_outcome=OutcomeName(taker.outcome) if taker.outcome else None,
            valid_from=taker.valid_from,
            valid_to=taker.valid_to,
        )
        for taker in takers
    }


@pytest.mark.parametrize("seed", range(3))
async def test_set_equals_the_domain(engine: AsyncEngine, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    async with engine.begin() as conn:
        ids = await world(conn, seed, 60)
    seen: set[Took] = set()
    async with engine.connect() as conn:
        for _ in range(20):
            start = NOW - HOUR * rng.randint(1, 60 * 24)
            window = Interval(start, start + HOUR * rng.choice((1, 6, 24, 24 * 7, 24 * 30)))
            kinds = rng.choice((DEFAULT_KINDS, DEFAULT_KINDS, Kind.ORIGINAL, DEFAULT_KINDS | Kind.STORY))
            as_of = rng.choice((None, None, NOW - DAY * rng.randint(0, 30)))
            found = await participation.answer(conn, EVERYONE, window, now=NOW, kinds=kinds, as_of=as_of)
            assert [taker.account_id for taker, _ in found] == ids
            expected = await by_hand(conn, [taker for taker, _ in found], window, kinds, as_of)
            before = await last_before(conn, ids, start) if kinds == DEFAULT_KINDS and as_of is None else {}
            assert [taker.before for taker, _ in found] == [before.get(each) for each in ids]
            for taker, answer in found:
                wanted = expected[taker]
                seen.add(answer.state)
                assert answer.state == wanted.state
                assert answer.reasons == wanted.reasons
                assert answer.evidence[:1] == wanted.evidence[:1] or ties(answer, wanted)
                assert answer.covered_share == pytest.approx(wanted.covered_share)
                assert (answer.largest_gap, answer.retrospective) == (wanted.largest_gap, wanted.retrospective)
    assert seen == set(Took)


async def last_before(conn: AsyncConnection, ids: list[int], start: datetime) -> dict[int, datetime]:
    """The last posts that break a silence before the window, by account."""
    last = await posts.load_last(conn, ids, before=start, counted=True)
    return {id_: found[0].posted_at for id_, found in last.items() if found}


def ties(one: Answer, other: Answer) -> bool:
    """Of posts made at the same instant either may be named."""
    return one.evidence[0].posted_at == other.evidence[0].posted_at


async def test_paging(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await world(conn, 7, 20)
    window = Interval(NOW - 7 * DAY, NOW - DAY)
    async with engine.connect() as conn:
        first = await participation.answer(conn, EVERYONE, window, now=NOW, limit=12)
        rest = await participation.answer(conn, EVERYONE, window, now=NOW, limit=12, after=first[-1][0].account_id)
        assert [taker.account_id for taker, _ in first + rest] == ids
