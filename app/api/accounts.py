"""/v1/accounts: add, list, read, change, erase."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.api import adding, bodies, context, idempotency, models, openapi, paging, replies, watched
from app.api.routing import Route
from app.api.watched import AccountKey
from app.errors import NotFound
from app.storage import accounts, audit

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Route)


@router.post(
    "",
    status_code=201,
    summary="Watch an account",
    responses=openapi.makes(models.Account) | {200: {"model": models.Account, "description": "It is watched already."}},
)
async def add_account(request: Request, body: bodies.NewAccount) -> Response:
    """Resolve a profile address, a handle or a feed's address and watch what it names, from now on.

    An account that is watched already is returned as it is, with 200.
    """
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    shared = context.of(request)
    identity = await adding.resolve(shared, body.pasted)

    async def make(conn: Any) -> tuple[int, replies.Row]:
        actor = request.state.caller.prefix
        account, new = await adding.add(conn, identity, body, actor=actor, now=shared.clock())
        return (201 if new else 200), watched.full(account)

    return await idempotency.once(request, make)


@router.get("", summary="List accounts", responses=openapi.lists(models.Accounts))
async def list_accounts(
    request: Request,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    platform: Annotated[str | None, Query(max_length=32)] = None,
    subject: Annotated[str | None, Query(max_length=200, description="A subject's id or name.")] = None,
    status: Annotated[models.Status | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of the handle or the displayed name.")] = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Accounts in the order of addition."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        subject_id = await watched.subject_id(conn, subject)
        wanted = accounts.Filter(tag=tag, platform=platform, subject_id=subject_id, status=status, text=q)
        found = await accounts.page(conn, wanted, after=place[0] if place else None, limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda account: [account.id])
    rows = [watched.full(account) for account in found[:limit]]
    return replies.listing(
        request, replies.Listing(rows, watched.COLUMNS, "Accounts as they are watched now.", following)
    )


@router.get("/{account}", summary="Read an account", responses=openapi.reads(models.Account))
async def read_account(request: Request, account: AccountKey) -> Response:
    """An account by id, natural key, profile address or former handle."""
    async with context.of(request).engine.connect() as conn:
        found = await watched.find(conn, account)
    return replies.single(request, watched.full(found))


@router.patch("/{account}", summary="Change an account", responses=openapi.reads(models.Account))
async def patch_account(request: Request, account: AccountKey, body: bodies.AccountChange) -> Response:
    """Change tags, role, subject, validity, or pause and resume. What is left out stays; null takes away."""
    shared = context.of(request)
    now = shared.clock()
    changes = body.model_dump(exclude_unset=True)
    async with shared.engine.begin() as conn:
        found = await watched.find(conn, account)
        if "subject" in changes:
            name = changes.pop("subject")
            changes["subject_id"] = await adding.subject_id(conn, name, None, now) if name else None
        changed = await accounts.patch(conn, found.id, changes, now=now)
        if changed is None:
            raise NotFound("The account was erased meanwhile.", field="account")
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="account.patch", object=found.public_id, now=now)
    return replies.single(request, watched.full(changed))


@router.delete("/{account}", status_code=204, summary="Erase an account", responses={204: {"description": "Erased."}})
async def erase_account(request: Request, account: AccountKey) -> Response:
    """Erase it on request with everything about it, for good; a digest keeps it from being added again."""
    shared = context.of(request)
    now = shared.clock()
    async with shared.engine.begin() as conn:
        found = await watched.find(conn, account)
        await accounts.erase(conn, found.id, now)
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="account.erase", object=found.public_id, now=now)
    return Response(status_code=204)
