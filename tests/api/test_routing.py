"""An operation that is asked without a query is given what the framework would give it."""

from __future__ import annotations

from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Path, Query, Request, Response

from app.api import replies
from app.api.routing import OPEN, SCOPE, Route

Name = Annotated[str, Path(min_length=2, max_length=5)]
Limit = Annotated[int, Query(ge=1, le=9, alias="most")]
router = APIRouter(route_class=Route)


@router.get("/one/{name}", openapi_extra={SCOPE: OPEN})
async def read_one(request: Request, name: Name, limit: Limit = 3, kinds: str | None = None) -> Response:
    return replies.single(request, {"name": name, "limit": limit, "kinds": kinds})


@router.get("/numbered/{number}", openapi_extra={SCOPE: OPEN})
async def read_number(request: Request, number: int, limit: Limit) -> Response:
    return replies.single(request, {"number": number, "limit": limit})


async def ask(path: str) -> httpx2.Response:
    app = FastAPI()
    app.include_router(router)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost") as client:
        return await client.get(path)


@pytest.mark.parametrize(
    ("short", "whole", "status"),
    [
        ("/one/abc", "/one/abc?most=3", 200),
        ("/one/a%20b", "/one/a%20b?most=3", 200),
        ("/one/a", "/one/a?most=3", 422),
        ("/one/abcdef", "/one/abcdef?most=3", 422),
    ],
)
async def test_without_a_query_the_answer_is_that_of_the_defaults(short: str, whole: str, status: int) -> None:
    left, right = await ask(short), await ask(whole)
    assert (left.status_code, left.json()) == (right.status_code, right.json())
    assert left.status_code == status


async def test_a_query_that_is_needed_is_missed() -> None:
    assert (await ask("/numbered/7")).status_code == 422
    assert (await ask("/numbered/7?most=4")).json() == {"number": 7, "limit": 4}
