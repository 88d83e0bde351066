"""The delay from a look to the signed message, at the size of a test, and what the judge of it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.demo.answers import Served
from app.demo.origin import Origin
from app.demo.world import World
from app.worker.clock import SystemClock
from bench import delay
from bench.delay import LEAST, VISIT, Stage, judge, promised


def test_whoever_falls_silent_is_told_of_soon_after_the_look(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delay, "SETUP_SECONDS", 0.0)
    monkeypatch.setattr(delay, "PROMISED_SECONDS", 10.0)  # other tests run beside this one
    found = asyncio.run(delay.measure(new_database(), tmp_path, 12, 0.0, 1))
    assert promised(found), found


def stage_with(looks: dict[str, list[timedelta]], told: dict[str, timedelta | None]) -> Stage:
    """Accounts that were looked at, and told of, so long after the deadline and the margin."""
    clock = SystemClock()
    stage = Stage(clock)
    due = clock.now()
    margin = timedelta(minutes=2)
    stage.origins.append(Origin(World.of([]), clock.now))
    for name, times in looks.items():
        stage.names[f"acc_{name}"] = name
        stage.deadlines[name], stage.margins[name] = due - margin, margin
        stage.origins[0].served += [Served(name, due + at, None, complete=True) for at in times]
    for name, at in told.items():
        if at is not None:
            body = {
                "type": "account.quiet",
                "timestamp": (due - margin).isoformat(),
                "data": {"account": {"id": f"acc_{name}"}},
            }
            stage.arrived.append((body, due + at))
    return stage


SECOND = timedelta(seconds=1)


def test_the_delay_is_that_from_the_look_that_proves_it() -> None:
    found = judge(stage_with({"a": [-SECOND, SECOND], "b": [2 * SECOND]}, {"a": 2 * SECOND, "b": 5 * SECOND}))
    assert (found["p50_s"], found["max_s"]) == (1.0, 3.0)
    assert not promised(found)
    assert promised(judge(stage_with({"a": [SECOND]}, {"a": 3 * SECOND})))


@pytest.mark.parametrize(
    ("looks", "told", "fault"),
    [
        ([-SECOND], SECOND, "without_proof"),
        ([SECOND], None, "missing"),
        ([SECOND, LEAST], LEAST + SECOND, "waited_for_another_look"),
    ],
)
def test_a_quiet_without_proof_or_after_another_look_or_none_is_short(
    looks: list[timedelta], told: timedelta | None, fault: str
) -> None:
    found = judge(stage_with({"a": looks, "b": [SECOND]}, {"a": told, "b": 2 * SECOND}))
    assert found[fault] == 1
    assert not promised(found)


def test_a_counter_and_the_page_after_it_are_one_look() -> None:
    assert promised(judge(stage_with({"a": [SECOND, VISIT]}, {"a": VISIT + SECOND})))


def test_a_message_told_twice_is_short() -> None:
    stage = stage_with({"a": [SECOND]}, {"a": 2 * SECOND})
    stage.arrived *= 2
    assert not promised(judge(stage))
