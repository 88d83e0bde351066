"""The page of rules and events: every type has its place, and the recipe for the stream is run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.rule_bodies import NewRule
from app.commands import samples
from app.domain.events import EventType
from tests.api.conftest import build
from tests.api.telling import served, tell
from tests.docs.examples import DOCS, blocks

PAGE = DOCS / "rules-and-events.md"


def test_every_type_is_explained_with_a_sample() -> None:
    assert set(samples.MEANINGS) == set(EventType)
    shown = {msgspec.json.decode(body)["type"] for _, body in blocks(PAGE, "json")}
    assert shown == set(EventType)


def test_every_member_of_a_rule_is_explained() -> None:
    table = PAGE.read_text("utf-8").split("## How it decides")[0]
    assert set(NewRule.model_fields) - {"name", "kind"} <= set(re.findall(r"`(\w+)`", table))


async def test_the_recipe_reads_the_stream(engine: AsyncEngine, tmp_path: Path) -> None:
    [(_, recipe)] = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(compile(recipe, str(PAGE), "exec"), names)  # noqa: S102 - the page's own code
    api = await build(engine, tmp_path)
    wanted = [each.public_id for each in await tell(engine, None, EventType.DEGRADED, times=3)]
    async with served(api.app) as port:
        found: Iterator[Any] = names["events"](f"http://127.0.0.1:{port}", api.read, "1")
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as thread:
            seen = [(await loop.run_in_executor(thread, next, found))["id"] for _ in range(2)]
            await loop.run_in_executor(thread, found.close)  # type: ignore[attr-defined]
    assert seen == wanted[1:]
