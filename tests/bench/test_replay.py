"""The replay at the size of a test: real accounts with faults, asked and judged by one who knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import create_engine
from bench import replay, replay_rules, replay_world

ACCOUNTS, DAYS, QUESTIONS = 3, 3, 300


@pytest.fixture
def data(corpus: Path) -> Path:
    return corpus / "data" / "replay_2020_jul_oct.parquet"


@pytest.fixture
async def other_engine(new_database: Callable[[], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(new_database())
    yield engine
    await engine.dispose()


def build(data: Path) -> replay_world.Replay:
    return replay_world.build(replay_world.load(data, ACCOUNTS, DAYS), seed=2020)


async def test_no_answer_is_wrong_whatever_goes_wrong_and_in_whatever_order_items_come(
    engine: AsyncEngine, other_engine: AsyncEngine, data: Path
) -> None:
    world = build(data)
    run = await replay.play(engine, world, options=replay.REPEATABLE)
    assert len(run.oracles) == 2 * ACCOUNTS
    assert run.looks["page"] > 50
    assert run.looks.total() > run.looks["page"] + run.looks["unchanged"]  # faults were met
    asked = replay.questions(world, QUESTIONS, seed=1)
    answers = await replay.ask(run, asked, world.ends_at)
    figures = replay.judge(run, asked, answers)
    figures |= await replay.judge_streaks(run, world.ends_at)
    assert figures["wrong"] == 0, figures["wrong_examples"]
    assert figures["wrong_streaks"] == 0, figures["wrong_streak_examples"]
    assert figures["questions"] == QUESTIONS * 2 * ACCOUNTS
    assert min(figures["posted"], figures["silent"], figures["unknown"], figures["streaks"]) > 0

    mixed = await replay.play(other_engine, build(data), permuted=True, options=replay.REPEATABLE)
    assert mixed.names == run.names
    assert await replay.ask(mixed, asked, world.ends_at) == answers


async def test_every_true_crossing_is_told_once_and_no_outage_makes_anybody_quiet(
    engine: AsyncEngine, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_rules, "LENGTH", timedelta(hours=9))  # in three days nobody is silent for two
    world = replay_world.build(replay_world.load(data, ACCOUNTS, DAYS), seed=2020)
    run = await replay.play(engine, world, options=replay.REPEATABLE, with_rule=True)
    figures = await replay_rules.judge(engine, run.oracles, world)
    assert figures["true_crossings"] > 5
    assert replay_rules.promised(figures), figures
