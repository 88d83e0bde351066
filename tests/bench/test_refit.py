"""The night of refits at the size of a test."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from bench import refit


async def test_everybody_is_fitted_and_judged_anew(engine: AsyncEngine) -> None:
    histories = [{"posts": [day * 86400.0 for day in range(90)], "gaps": [(10 * 86400.0, 12 * 86400.0)]}]
    assert await refit.fill(engine, histories, 3, rules=True) == 270
    figures = await refit.measure(engine)
    assert (figures["fitted"], figures["judged"]) == (3, 3)
    assert 0 < figures["largest_value_bytes"] <= 2048
