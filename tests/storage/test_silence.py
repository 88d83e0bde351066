"""The board's one read says what the domain says over posts and coverage."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.models import DEFAULT_KINDS, Kind
from app.domain.silence import State, Streak, state
from app.errors import NotFound
from app.storage import names, silence, streaks
from app.storage.names import Selection
from tests.storage.histories import DAY, HOUR, NOW, add_account, world

EVERYONE = Selection(tag="all")
THRESHOLDS = (HOUR, DAY, 7 * DAY, 30 * DAY)


def visible(streak: Streak) -> tuple[object, ...]:
    """What both ways give (the rows name neither the post nor the largest gap)."""
    return (
        streak.starts_at,
        streak.starts_after,
        streak.proven,
        streak.possible,
        streak.unobserved,
        streak.retrospective,
        streak.tail,
    )


@pytest.mark.parametrize("seed", range(3))
async def test_board_equals_the_domain(engine: AsyncEngine, seed: int) -> None:
    async with engine.begin() as conn:
        ids = await world(conn, seed, 80)
    async with engine.connect() as conn:
        expected = await silence.open_streaks(conn, ids, now=NOW)
        for least in THRESHOLDS:
            rows = await silence.board(conn, EVERYONE, now=NOW, least=least, limit=1000)
            assert sorted(row.standing.account_id for row in rows) == ids
            for row in rows:
                wanted = expected[row.standing.account_id]
                assert visible(row.streak) == visible(wanted)
                assert row.state == state(wanted, least, NOW)
            counted = await silence.tally(conn, EVERYONE, now=NOW, least=least)
            assert counted == {each: sum(row.state == each for row in rows) for each in State}
            worked_out = await silence.board_at(conn, EVERYONE, now=NOW, least=least, limit=1000)
            assert [silence.place(row) for row in worked_out] == [silence.place(row) for row in rows]
            assert [row.state for row in worked_out] == [row.state for row in rows]


async def test_board_is_paged_without_loss_or_repetition(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await world(conn, 5, 40)
    async with engine.connect() as conn:
        for wanted in (None, [State.UNKNOWN], [State.ACTIVE, State.QUIET]):
            for read in (silence.board, silence.board_at):
                whole = await read(conn, EVERYONE, now=NOW, least=DAY, states=wanted, limit=1000)
                after, walked = None, []
                while part := await read(conn, EVERYONE, now=NOW, least=DAY, states=wanted, after=after, limit=7):
                    walked += part
                    after = silence.place(part[-1])
                assert [row.standing for row in walked] == [row.standing for row in whole]
                assert wanted is not None or len(walked) == len(ids)
                times = [row.streak.starts_at for row in walked if row.streak.starts_at]
                assert times == sorted(times)


async def test_an_earlier_moment_shows_what_was_known_then(engine: AsyncEngine) -> None:
    """Never a definite answer that the whole record contradicts for that moment."""
    async with engine.begin() as conn:
        ids = await world(conn, 9, 60)
    async with engine.connect() as conn:
        for days in (1, 5, 20):
            moment = NOW - days * DAY
            then = await silence.open_streaks(conn, ids, now=moment, as_of=moment)
            for streak in then.values():
                assert streak.post is None or streak.post.first_seen_at <= moment
                assert streak.tail is None or streak.tail.end <= moment


async def test_one_account_tells_the_same_with_its_post_and_its_largest_gap(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ids = await world(conn, 2, 60)
    async with engine.connect() as conn:
        expected = await silence.open_streaks(conn, ids, now=NOW)
        for row in await silence.board(conn, EVERYONE, now=NOW, least=DAY, limit=1000):
            found = await streaks.one(conn, row.standing.public_id, now=NOW)
            assert found
            assert found.standing == row.standing
            assert found.streak == expected[row.standing.account_id]
            assert found == await streaks.one(conn, f"bluesky:{row.standing.handle}", now=NOW)
        assert await streaks.one(conn, "acc_none", now=NOW) is None
        assert await streaks.one(conn, "nobody.example", now=NOW) is None


async def test_other_kinds(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await world(conn, 3, 30)
    async with engine.connect() as conn:
        rows = await silence.board_at(conn, EVERYONE, now=NOW, least=DAY, kinds=Kind.STORY, limit=100)
        for row in rows:
            assert row.streak.post is None or row.streak.post.kind == Kind.STORY
        assert any(row.streak.post for row in rows)


async def test_selection(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        one = await add_account(conn, "one", tags=["a", "b"])
        two = await add_account(conn, "two", tags=["b"])
    async with engine.connect() as conn:
        for selection, wanted in (
            (Selection(), [one.id, two.id]),
            (Selection(tag="a"), [one.id]),
            (Selection(tag="b", ids=(two.id,)), [two.id]),
            (Selection(platform="bluesky"), [one.id, two.id]),
            (Selection(platform="feed"), []),
            (Selection(subject_id=1), []),
            (Selection(ids=()), []),
        ):
            rows = await silence.board(conn, selection, now=NOW, least=DAY)
            assert [row.standing.account_id for row in rows] == wanted
            assert await names.select_ids(conn, selection, limit=10) == wanted
        with pytest.raises(NotFound):
            await names.find_many(conn, [one.public_id, "acc_missing"])
        assert await names.find_many(conn, [two.public_id, "one.example", two.public_id]) == [two.id, one.id]


async def test_nothing_known_is_unknown(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await add_account(conn, "new", tags=["all"])
    async with engine.connect() as conn:
        (row,) = await silence.board(conn, EVERYONE, now=NOW, least=timedelta(seconds=1))
        assert row.state is State.UNKNOWN
        assert row.streak.possible is None
        assert row.standing.outcome is None
        assert DEFAULT_KINDS  # the default board counts no stories
