"""/v1/accounts/import: many accounts at once. One result per row; good rows are kept when others fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from app.api import adding, bodies, context, idempotency, models, openapi, problems, replies, watched, watchlists
from app.api.problems import UnsupportedMedia
from app.api.routing import Route
from app.domain.models import Identity
from app.errors import BadInput, QuietwatchError
from app.storage import names

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Route)
#: Accounts that are resolved at the same time.
AT_ONCE = 10
COLUMNS = (
    "row",
    "input",
    "result",
    "account.id",
    "account.key",
    "account.profile_url",
    "problem.detail",
    "problem.field",
)
_SOURCES: dict[str, Any] = {name: {"schema": {"type": "string"}} for name in watchlists.READERS}


@dataclass(slots=True)
class Row:
    """A row on its way from text to account."""

    entry: watchlists.Entry
    wish: bodies.NewAccount | None = None
    identity: Identity | None = None
    problem: QuietwatchError | None = None


@router.post(
    "/import",
    summary="Import a watchlist",
    responses=openapi.lists(models.Imported),
    openapi_extra={"requestBody": {"required": True, "content": _SOURCES}},
)
async def import_accounts(
    request: Request,
    dry_run: Annotated[bool, Query(description="Resolve and check everything, change nothing.")] = False,
) -> Response:
    """Watch every account of a CSV, OPML, JSON or YAML list, or of plain links line by line (at most 1,000 rows).

    The columns or members are those of a single create: url (or handle), subject, zone, tags, role, valid_from,
    valid_to. Each row has its result: ``added``, ``known``, ``would_add``, or ``failed`` with the problem.
    """
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    reader = watchlists.READERS.get(media)
    if reader is None:
        raise UnsupportedMedia("This format is not understood.", field="Content-Type", hint=", ".join(_SOURCES))
    rows = [Row(entry) for entry in watchlists.read(await request.body(), reader)]
    if not rows:
        raise BadInput("The list is empty.", field="body")
    shared = context.of(request)
    for row in rows:
        _validate(row)
    limit = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_resolve(shared, row, limit) for row in rows if row.wish))
    actor = request.state.caller.prefix
    results = [await _finish(shared, row, actor, dry_run) for row in rows]
    totals = dict(Counter(str(result["result"]) for result in results))
    head = {"dry_run": dry_run, "totals": {"rows": len(results), **totals}}

    async def told(_: Any) -> tuple[int, replies.Row]:
        return 200, {**head, "items": results, "next": None, "method": METHOD}

    if idempotency.key_of(request) is not None:
        return await idempotency.once(request, told)
    return replies.listing(request, replies.Listing(results, COLUMNS, METHOD, head=head))


METHOD = "One result per row, in the order of the list; rows that failed changed nothing."


def _validate(row: Row) -> None:
    values = {name: value for name, value in row.entry.values.items() if name in watchlists.FIELDS}
    try:
        row.wish = bodies.NewAccount.model_validate(values)
    except ValidationError as error:
        row.problem = problems.from_validation([{**item, "loc": ("row", *item["loc"])} for item in error.errors()])


async def _resolve(shared: context.Context, row: Row, limit: asyncio.Semaphore) -> None:
    assert row.wish is not None  # noqa: S101 - rows that failed validation are not resolved
    try:
        async with limit:
            row.identity = await adding.resolve(shared, row.wish.pasted)
    except QuietwatchError as error:
        row.problem = error


async def _finish(shared: context.Context, row: Row, actor: str, dry_run: bool) -> replies.Row:
    shown = row.entry.values.get("url") or row.entry.values.get("handle") or ""
    told: replies.Row = {"row": row.entry.number, "input": problems.printable(str(shown)), "result": "failed"}
    if row.wish is not None and row.identity is not None:
        try:
            told |= await _keep(shared, row.wish, row.identity, actor, dry_run)
        except QuietwatchError as error:
            row.problem = error
    if row.problem is not None:
        told["problem"] = problems.document(row.problem)
    return {"account": None, "problem": None, **told}


async def _keep(
    shared: context.Context, wish: bodies.NewAccount, identity: Identity, actor: str, dry_run: bool
) -> replies.Row:
    async with shared.engine.begin() as conn:
        if dry_run:
            known = await names.find(conn, f"{identity.platform}:{identity.native_id}")
            return {"result": "known" if known else "would_add", "account": watched.full(known) if known else None}
        account, new = await adding.add(conn, identity, wish, actor=actor, now=shared.clock())
    return {"result": "added" if new else "known", "account": watched.full(account)}
