"""The OpenAPI document, and that the answers are what it says."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from app.api import answers, history_answers, models, notifier_shapes, rhythm, rule_alarms, told
from app.domain.models import Interval
from app.domain.quiet_hours import QuietHours
from app.domain.rules import NewRule
from app.storage import rules
from tests.api.conftest import NOW, Api
from tests.api.fitting import fit_all
from tests.api.seeding import ago, watch
from tests.api.telling import tell


@pytest.fixture
async def world(api: Api) -> dict[str, str]:
    """Three accounts with everything that can be shown; ids for the paths."""
    first = await watch(api.engine, "a", posts=(300, 30), covered=((400, 40), (35, 0.1)), subject="S", tags=["t"])
    await watch(api.engine, "b", posts=(300,), covered=((400, 100),), outcome="gone", reason="http_410")
    await watch(api.engine, "c", outcome=None)
    (event,) = await tell(api.engine, first)
    await fit_all(api.engine, NOW)
    async with api.client(api.write) as client:
        wish = {"name": "n", "address": "json://h.example/in", "tags": ["t"], "types": ["account.quiet"]}
        made = await client.post("/v1/notifiers", json=wish)
    hours = QuietHours(time(22), time(7), "Europe/Paris")
    new = NewRule(length=timedelta(days=2), quiet_hours=(hours,), pauses=(Interval(ago(9), ago(8)),))
    async with api.engine.begin() as conn:
        rule = await rules.create(conn, new, NOW)
        day = timedelta(days=1)
        adaptive = await rules.create(conn, NewRule("adaptive", false_alarms=2, least=day, greatest=9 * day), NOW)
    return {
        "a": first.public_id,
        "e": event.public_id,
        "r": rule.public_id,
        "d": adaptive.public_id,
        "n": made.json()["id"],
    }


ANSWERS: list[tuple[str, type[BaseModel]]] = [
    ("/v1/accounts", models.Accounts),
    ("/v1/accounts/{a}", models.Account),
    ("/v1/accounts/{a}/silence", answers.Silence),
    ("/v1/accounts/{a}/rhythm", rhythm.RhythmAnswer),
    ("/v1/accounts/{a}/streaks", history_answers.Streaks),
    ("/v1/accounts/{a}/posts", history_answers.Posts),
    ("/v1/accounts/{a}/calendar", history_answers.Calendar),
    ("/v1/accounts/{a}/coverage", history_answers.CoverageList),
    ("/v1/accounts/{a}/polls", history_answers.Polls),
    ("/v1/silence", answers.Board),
    (f"/v1/silence?as_of={ago(20):%Y-%m-%dT%H:%M:%SZ}&kinds=original", answers.Board),
    ("/v1/streaks", answers.LongestList),
    ("/v1/participation?length=P7D", answers.Participation),
    ("/v1/participation?date=2011-12-30", answers.Participation),
    ("/v1/subjects", models.Subjects),
    ("/v1/tags", models.TagList),
    ("/v1/rules", told.Rules),
    ("/v1/rules/{r}", told.Rule),
    ("/v1/rules/{r}/states", told.RuleStates),
    ("/v1/rules/{d}/alarms", rule_alarms.RuleAlarms),
    ("/v1/events", told.Events),
    ("/v1/events/{e}", told.Event),
    ("/v1/events/feed", told.FeedLink),
    ("/v1/platforms", models.Platforms),
    ("/v1/notifiers", notifier_shapes.Notifiers),
    ("/v1/notifiers/{n}", notifier_shapes.Notifier),
    ("/v1/keys", models.Keys),
    ("/v1/audit", models.Audit),
    ("/v1/health/ready", models.Readiness),
    ("/v1/health/live", models.Liveness),
]


@pytest.mark.parametrize(("path", "model"), ANSWERS)
async def test_an_answer_is_what_the_document_says(
    admin: httpx2.AsyncClient, world: dict[str, str], path: str, model: type[BaseModel]
) -> None:
    answer = await admin.get(path.format_map(world))
    assert answer.status_code == 200 or "scheduler" in answer.text, answer.text
    assert_no_more(
        answer.json(), model.model_validate_json(answer.content, strict=False).model_dump(mode="json", by_alias=True)
    )


def assert_no_more(sent: Any, described: Any) -> None:
    """Nothing is sent that the model does not name."""
    if isinstance(sent, dict) and isinstance(described, dict):
        assert set(sent) <= set(described), set(sent) - set(described)
        for name, value in sent.items():
            assert_no_more(value, described[name])
    elif isinstance(sent, list):
        for left, right in zip(sent, described, strict=True):
            assert_no_more(left, right)


async def test_the_document_is_complete(api: Api) -> None:
    answer = await api.client().get("/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert any(status.startswith("2") for status in operation["responses"]), where
            problem = operation["responses"]["422"]["content"]
            assert list(problem) == ["application/problem+json"], where
            if operation["x-required-scope"] != "open":
                assert {"401", "403", "429"} <= set(operation["responses"]), where
                assert operation["security"] == [{"key": []}], where
    assert "qw_" not in answer.text.replace("Bearer qw_...", "")


async def test_the_reference_is_served_from_here(api: Api) -> None:
    client = api.client()
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        asset = await client.get(f"/docs/{name}")
        assert (asset.status_code, len(asset.content) > 50) == (200, True)


async def test_times_are_utc_with_z(admin: httpx2.AsyncClient, world: dict[str, str]) -> None:
    text = (await admin.get(f"/v1/accounts/{world['a']}/silence")).text
    assert "+00:00" not in text
    assert '"2026-11-22T12:00:00Z"' in text


async def test_metrics_need_a_key(api: Api) -> None:
    assert (await api.client().get("/metrics")).status_code == 401
    async with api.client(api.read) as client:
        await client.get("/v1/accounts/acc_none/silence")
        figures = await client.get("/metrics")
    assert 'quietwatch_api_seconds_count{route="/v1/accounts/{account}/silence",status="404"}' in figures.text
