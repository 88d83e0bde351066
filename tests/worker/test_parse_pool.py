"""Parsing that can be stopped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest

from app.worker.parse_pool import ParseKilled, ParsePool


def measure(body: bytes) -> int:
    return len(body)


def hang(body: bytes) -> int:
    while True:
        pass


def devour(body: bytes) -> int:
    return len(bytearray(512 * 1024 * 1024))


def crash(body: bytes) -> int:
    os._exit(3)


def refuse(body: bytes) -> int:
    raise ValueError("not a feed")


@pytest.fixture(scope="module")
def pool() -> Iterator[ParsePool]:
    made = ParsePool(processes=2, seconds=1)
    yield made
    made.close()


async def test_results_and_errors_come_back(pool: ParsePool) -> None:
    assert await pool.parse_bounded(measure, bytes(1_000_000)) == 1_000_000
    with pytest.raises(ValueError, match="not a feed"):
        await pool.parse_bounded(refuse, b"")


@pytest.mark.parametrize("hostile", [hang, devour, crash])
async def test_hostile_documents_are_killed_and_harm_nobody(pool: ParsePool, hostile: Callable[[bytes], int]) -> None:
    attempt = asyncio.create_task(pool.parse_bounded(hostile, b""))
    await asyncio.sleep(0)  # it has been handed over, and the loop goes on
    assert not attempt.done()
    with pytest.raises(ParseKilled):
        await asyncio.wait_for(attempt, 60)
    assert await asyncio.gather(*(pool.parse_bounded(measure, b"x") for _ in range(4))) == [1] * 4


async def test_a_cancelled_parse_frees_its_process(pool: ParsePool) -> None:
    for _ in range(4):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.parse_bounded(hang, b""), 0.05)
    assert await pool.parse_bounded(measure, b"x") == 1
