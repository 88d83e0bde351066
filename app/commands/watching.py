"""``watch``, ``import`` and ``poll``: what is watched, and a look right now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.commands import compose, output, runtime
from app.commands.local import LocalApi, local_api
from app.commands.options import AsJson, DataDir
from app.errors import BadInput, NotFound, QuietwatchError, Unavailable
from app.storage import accounts, names
from app.worker import poll as polling
from app.worker.context import Context

_MEDIA = {
    ".csv": "text/csv",
    ".opml": "text/x-opml",
    ".xml": "text/x-opml",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".txt": "text/plain",
}


def watch(
    urls: Annotated[list[str], typer.Argument(help="Profile links, handles or feed addresses.")],
    subject: Annotated[str | None, typer.Option(help="The person or organisation they belong to.")] = None,
    zone: Annotated[str | None, typer.Option(help="The subject's IANA time zone.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Tag them; repeat it.")] = None,
    role: Annotated[str, typer.Option(help="personal, official or brand.")] = "official",
    look: Annotated[bool, typer.Option(help="Look at them now and read their history back.")] = True,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Watch accounts from now on. Those that cannot be found are named; the others are kept. Exit code 2 if any failed.

    quietwatch watch https://bsky.app/profile/alice.bsky.social @bob@mastodon.social https://example.org/blog
    """
    wish: dict[str, Any] = {"tags": tag or [], "role": role}
    wish |= {name: value for name, value in (("subject", subject), ("zone", zone)) if value is not None}

    async def each(ctx: Context, api: LocalApi) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        with output.progress(as_json) as bar:
            for url in bar.track(urls, description="resolving"):
                results.append(await _watch_one(api, url, wish))
        if look:
            await _look(ctx, [r["account"]["key"] for r in results if "account" in r], as_json)
        return results

    _finish(_work(data_dir, each), as_json)


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, OPML, JSON, YAML, or one link a line.")],
    dry_run: Annotated[bool, typer.Option(help="Resolve and check everything, change nothing.")] = False,
    form: Annotated[str | None, typer.Option("--format", help="csv, opml, json, yaml, txt; else by the name.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Watch every account of a list. One result per row; good rows are kept. Exit code 2 if any failed."""
    media = _MEDIA.get(f".{form}" if form else file.suffix.lower())
    if media is None:
        runtime.fail(BadInput(f"cannot tell the format of {file.name}", hint="say it with --format"))
    try:
        body = file.read_bytes()
    except OSError as error:
        runtime.fail(BadInput(f"cannot read {file}: {error.strerror}"))
    params = {"dry_run": "true"} if dry_run else None

    async def send(ctx: Context, api: LocalApi) -> list[dict[str, Any]]:
        with output.aside.status("resolving and storing every row") if not as_json else output.nothing():
            found = await api.post("/v1/accounts/import", body, media, params)
        items: list[dict[str, Any]] = found["items"]
        return items

    _finish(_work(data_dir, send), as_json)


def poll(
    account: Annotated[list[str] | None, typer.Argument(help="These accounts, due or not, beside what is due.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every watched account, due or not.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Look once at what is due (or at the named accounts) and say what came of it."""

    async def work(ctx: Context, api: LocalApi) -> dict[str, Any]:
        if every or account:
            await _make_due(ctx, account or [])
        with output.aside.status("looking, at each host slowly") if not as_json else output.nothing():
            report = await polling.run_once(ctx, ctx.clock.now())
        if report.error is not None:
            raise Unavailable(f"{report.dropped} looks could not be written down: {report.error}")
        return {"polls": report.polls, "new_posts": report.new_posts, "outcomes": dict(report.outcomes)}

    done = _work(data_dir, work)
    if as_json:
        output.print_json(done)
        return
    what = ", ".join(f"{count} {name}" for name, count in sorted(done["outcomes"].items()))
    output.console.print(
        output.plain(f"{done['polls']} looks ({what or 'nothing was due'}), {done['new_posts']} new posts")
    )


def _work(data_dir: Path | None, job: Any) -> Any:
    settings = runtime.settings(data_dir=data_dir)

    async def main() -> Any:
        async with (
            runtime.database(settings) as engine,
            compose.worker_context(settings, engine) as ctx,
            local_api(settings, engine, compose.resolver(ctx)) as api,
        ):
            return await job(ctx, api)

    return runtime.run(main)


async def _watch_one(api: LocalApi, url: str, wish: dict[str, Any]) -> dict[str, Any]:
    try:
        body = msgspec.json.encode({"url": url, **wish})
        return {"input": url, "result": "watched", "account": await api.post("/v1/accounts", body, "application/json")}
    except QuietwatchError as error:
        problem = {"detail": str(error), "tried": list(getattr(error, "tried", ()))}
        return {"input": url, "result": "failed", "problem": problem}


async def _look(ctx: Context, keys: list[str], quiet: bool) -> None:
    if keys:
        with output.aside.status("looking at them and reading their history back") if not quiet else output.nothing():
            await polling.run_once(ctx, ctx.clock.now())


async def _make_due(ctx: Context, keys: list[str]) -> None:
    async with ctx.engine.begin() as conn:
        ids = []
        for key in keys:
            found = await names.find(conn, key)
            if found is None:
                raise NotFound("No watched account goes by this name.", hint=f"quietwatch watch {key}")
            ids.append(found.id)
        if not keys:
            ids = [found.id for found in await accounts.page(conn, limit=1_000_000)]
        await accounts.poll_now(conn, ids, ctx.clock.now())


def _finish(results: list[dict[str, Any]], as_json: bool) -> None:
    failed = [row for row in results if row["result"] == "failed"]
    if as_json:
        output.print_json(results)
    else:
        output.print_table(("input", "result", "account"), [_row(row) for row in results])
        for row in failed:
            for line in row["problem"].get("tried") or ():
                output.aside.print(output.plain(f"  {row.get('input')}: tried {line}"))
    if failed:
        raise typer.Exit(2)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    account = row.get("account") or {}
    problem = row.get("problem") or {}
    return (row.get("input"), row["result"], account.get("key") or problem.get("detail"))
