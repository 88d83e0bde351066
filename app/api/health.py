"""/v1/health: liveness, readiness, and /metrics for Prometheus.

Probes also find the two under /health, where orchestrators look for them; the document names one address each.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app import metrics
from app.api import context, gate, models, openapi, replies
from app.api.problems import of_database
from app.api.routing import OPEN, SCOPE, Route
from app.storage import claims, migrate

router = APIRouter(tags=["health"], route_class=Route)
WITHOUT_KEY: dict[str, Any] = {SCOPE: OPEN}
#: Looks later than this mean that no worker keeps up, or that none runs.
LATEST = 600.0
Check = dict[str, object]


@router.get("/health/live", include_in_schema=False, openapi_extra=WITHOUT_KEY)
@router.get(
    "/v1/health/live", summary="Liveness", openapi_extra=WITHOUT_KEY, responses={200: {"model": models.Liveness}}
)
async def live() -> Response:
    """The process runs and answers; says nothing about the database."""
    return Response(b'{"status":"alive"}', media_type=replies.JSON, headers={"Cache-Control": "no-store"})


@router.get("/health/ready", include_in_schema=False, openapi_extra=WITHOUT_KEY)
@router.get(
    "/v1/health/ready",
    summary="Readiness",
    openapi_extra=WITHOUT_KEY,
    responses={200: {"model": models.Readiness}, 503: {"model": models.Readiness, "description": "Not ready."}},
)
async def ready(request: Request) -> Response:
    """Whether the database answers, has the schema of this version, and looks are made when they are due."""
    checks = await check(context.of(request))
    good = all(found["ok"] for found in checks.values())
    body = replies.encode({"status": "ready" if good else "unready", "checks": checks})
    return Response(body, 200 if good else 503, {"Cache-Control": "no-store"}, media_type=replies.JSON)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    openapi_extra=WITHOUT_KEY,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **openapi.WITH_KEY},
)
async def figures(request: Request) -> Response:
    """Counters and gauges in Prometheus's text format. Needs a key with read, unless the operator opened it."""
    shared = context.of(request)
    if not shared.open_metrics:
        await gate.admit(shared, request, "read")
    return Response(metrics.render(), media_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


async def check(shared: context.Context) -> dict[str, Check]:
    """Each part of readiness; a part that cannot be judged without the database is not ready."""
    try:
        async with shared.engine.connect() as conn:
            revision = await migrate.current(conn)
            overdue, lag = await claims.backlog(conn, shared.clock())
    except Exception as error:
        if of_database(error) is None and "Undefined" not in str(error):
            raise
        away: Check = {"ok": False, "detail": "The database does not answer."}
        return {"database": away, "schema": away, "scheduler": away}
    late = lag.total_seconds()
    newest = shared.newest_schema
    return {
        "database": {"ok": True, "detail": "The database answers."},
        "schema": {"ok": revision == newest, "detail": f"Revision {revision}; this version needs {newest}."},
        "scheduler": {"ok": late <= LATEST, "detail": f"{overdue} looks are due, the oldest since {late:.0f} s."},
    }
