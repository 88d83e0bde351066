"""An outage at the size of a test (battery F7)."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bench import outage
from bench.outage import SCENES, Scene


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
async def test_nobody_is_quiet_by_an_outage_and_who_is_silent_is_told_after_it(
    engine: AsyncEngine, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "STEP", 5 * outage.MINUTE)
    found = await outage.run(engine, scene, 160)
    assert outage.promised(found), found
    assert found["looks_that_failed"] > 0
