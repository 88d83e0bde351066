"""``platforms`` and ``doctor``: what can be watched here, and whether everything is in order."""

from __future__ import annotations

import asyncio
from typing import Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from app import config
from app.commands import compose, output, runtime, selfcheck
from app.commands.local import LocalApi, ask, local_api
from app.commands.options import AsJson, DataDir
from app.config import Settings
from app.errors import QuietwatchError
from app.platforms.base import Request
from app.storage import migrate, server
from app.worker.context import Context

_NOT_WELL = 1
#: Where each platform without an instance of its own is reached; a TLS answer of any status is good.
_STEP_S = 60


def platforms(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """What each platform needs, can see and cannot see."""
    found = ask(data_dir, lambda api: api.read("/v1/platforms"))
    if as_json:
        output.print_json(found)
        return
    columns = ("platform", "sees", "cannot see", "needs", "history", "batch")
    rows = [[p["name"], p["sees"], p["cannot_see"], p["needs"], p["history"], p["batch"]] for p in found["items"]]
    output.print_table(columns, rows)


def doctor(
    network: bool = typer.Option(True, help="Also ask the fixed hosts of the platforms whether they answer."),
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check settings, database, schema, clock, worker and reachability. Exit code 1 if something is wrong."""
    settings = runtime.settings(data_dir=data_dir)
    checks = [_warning(w) for w in config.check(settings)]
    checks += runtime.run(lambda: _examine(settings, network))
    wrong = any(check["result"] == "fail" for check in checks)
    if as_json:
        output.print_json({"ok": not wrong, "checks": checks})
    else:
        output.print_table(("check", "result", "detail"), [[c["check"], c["result"], c["detail"]] for c in checks])
    if wrong:
        raise typer.Exit(_NOT_WELL)


async def _examine(settings: Settings, network: bool) -> list[dict[str, str]]:
    try:
        async with (
            runtime.database(settings) as engine,
            compose.worker_context(settings, engine) as ctx,
            local_api(settings, engine) as api,
        ):
            found = [_check("database", True, await _version(engine)), await _clock(ctx, engine)]
            found += await _readiness(api)
            found += await selfcheck.checks(engine, ctx.clock.now())
            return found + (await _hosts(settings, ctx) if network else [])
    except (QuietwatchError, OSError) as error:
        return [_check("database", False, str(error))]


async def _version(engine: AsyncEngine) -> str:
    async with engine.connect() as conn:
        return f"PostgreSQL {await server.version(conn)}, schema {await migrate.current(conn)}"


async def _clock(ctx: Context, engine: AsyncEngine) -> dict[str, str]:
    async with engine.connect() as conn:
        away = abs((await server.clock(conn) - ctx.clock.now()).total_seconds())
    return _check("clock", away < _STEP_S, f"{away:.1f} s from the database's")


async def _readiness(api: LocalApi) -> list[dict[str, str]]:
    ready = await api.examine("/v1/health/ready")
    return [_check(name, each["ok"], each["detail"]) for name, each in ready["checks"].items() if name != "database"]


async def _hosts(settings: Settings, ctx: Context) -> list[dict[str, str]]:
    addresses = (settings.bluesky_appview_url, settings.bluesky_plc_url)
    answers = await asyncio.gather(*(ctx.fetcher.send(Request(f"{a}/"), now=ctx.clock.now) for a in addresses))
    found = []
    for address, answer in zip(addresses, answers, strict=True):
        status = getattr(answer, "status", None)
        said = f"answers ({status})" if status else getattr(answer, "reason", "")
        found.append({"check": address, "result": "ok" if status else "warn", "detail": said})
    return found


def _warning(warning: config.Warning) -> dict[str, str]:
    return {"check": warning.code, "result": "warn", "detail": f"{warning.setting}: {warning.message}"}


def _check(name: str, good: bool, detail: Any) -> dict[str, str]:
    return {"check": name, "result": "ok" if good else "fail", "detail": str(detail)}
