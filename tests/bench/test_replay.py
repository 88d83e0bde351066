"""The replay at the size of a test: real accounts with faults, asked and judged by one who knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import replay, replay_world

ACCOUNTS, DAYS, QUESTIONS = 3, 3, 300


@pytest.fixture
def data(corpus: Path) -> Path:
    return corpus / "data" / "replay_2020_jul_oct.parquet"


async def test_no_answer_is_wrong_whatever_goes_wrong(engine: AsyncEngine, data: Path) -> None:
    world = replay_world.build(replay_world.load(data, ACCOUNTS, DAYS), seed=2020)
    run = await replay.play(engine, world)
    assert len(run.oracles) == 2 * ACCOUNTS
    assert run.looks["page"] > 50
    assert run.looks.total() > run.looks["page"] + run.looks["unchanged"]  # faults were met
    asked = replay.questions(world, QUESTIONS, seed=1)
    figures = replay.judge(run, asked, await replay.ask(run, asked, world.ends_at))
    figures |= await replay.judge_streaks(run, world.ends_at)
    assert figures["wrong"] == 0, figures["wrong_examples"]
    assert figures["wrong_streaks"] == 0, figures["wrong_streak_examples"]
    assert figures["questions"] == QUESTIONS * 2 * ACCOUNTS
    assert min(figures["posted"], figures["silent"], figures["unknown"], figures["streaks"]) > 0
