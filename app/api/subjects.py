"""/v1/subjects and /v1/tags: whom the accounts belong to and how they are filed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from app.api import bodies, context, idempotency, models, openapi, paging, reading, replies
from app.api.routing import Route
from app.errors import Conflict, NotFound
from app.storage import accounts, audit, erasure, subjects

router = APIRouter(tags=["subjects"], route_class=Route)
COLUMNS = ("id", "name", "zone", "accounts", "added_at")
SubjectKey = Annotated[str, Path(max_length=600, description="A subject's id or name.")]


@router.get("/v1/subjects", summary="List subjects", responses=openapi.lists(models.Subjects))
async def list_subjects(request: Request, limit: paging.Limit = 100, cursor: paging.Cursor = None) -> Response:
    """Subjects in the order of addition."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        found = await subjects.page(conn, after=place[0] if place else None, limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda subject: [subject.id])
    page = replies.Listing([row(one) for one in found[:limit]], COLUMNS, "Subjects as they stand now.", following)
    return replies.listing(request, page)


@router.post("/v1/subjects", status_code=201, summary="Make a subject", responses=openapi.makes(models.Subject))
async def make_subject(request: Request, body: bodies.NewSubject) -> Response:
    """A person or organisation with a name nobody else has, and a time zone."""
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    now = context.of(request).clock()

    async def make(conn: Any) -> tuple[int, replies.Row]:
        found, new = await subjects.add(conn, body.name, zone=reading.zone(body.zone).key, now=now)
        if not new:
            raise Conflict("Another subject has this name.", field="name", hint=f"It is {found.public_id}.")
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="subject.add", object=found.public_id, now=now)
        return 201, row(found)

    return await idempotency.once(request, make)


@router.get("/v1/subjects/{subject}", summary="Read a subject", responses=openapi.reads(models.Subject))
async def read_subject(request: Request, subject: SubjectKey) -> Response:
    """A subject by id or name."""
    async with context.of(request).engine.connect() as conn:
        found = await find(conn, subject)
    return replies.single(request, row(found))


@router.patch("/v1/subjects/{subject}", summary="Change a subject", responses=openapi.reads(models.Subject))
async def patch_subject(request: Request, subject: SubjectKey, body: bodies.SubjectChange) -> Response:
    """Change the name or the time zone; what is left out stays."""
    shared = context.of(request)
    changes = body.model_dump(exclude_unset=True)
    if "zone" in changes:
        changes["zone"] = reading.zone(changes["zone"]).key
    async with shared.engine.begin() as conn:
        found = await find(conn, subject)
        changed = await subjects.patch(conn, found.id, changes)
        actor, now = request.state.caller.prefix, shared.clock()
        await audit.append(conn, actor=actor, action="subject.patch", object=found.public_id, now=now)
    return replies.single(request, row(changed or found))


@router.delete(
    "/v1/subjects/{subject}",
    status_code=204,
    summary="Delete or erase a subject",
    responses={204: {"description": "Done."}},
)
async def delete_subject(
    request: Request,
    subject: SubjectKey,
    erase_accounts: Annotated[bool, Query(description="Erase its accounts too, for good.")] = False,
) -> Response:
    """Delete the subject; its accounts stay and belong to nobody, or are erased with it on request."""
    shared = context.of(request)
    now = shared.clock()
    async with shared.engine.begin() as conn:
        found = await find(conn, subject)
        if erase_accounts:
            await erasure.erase_subject(conn, found.id, now)
        else:
            await subjects.delete_one(conn, found.id)
        action = "subject.erase" if erase_accounts else "subject.delete"
        await audit.append(conn, actor=request.state.caller.prefix, action=action, object=found.public_id, now=now)
    return Response(status_code=204)


@router.get("/v1/tags", summary="All tags", responses=openapi.lists(models.TagList))
async def list_tags(request: Request) -> Response:
    """Every tag in use with the number of its accounts."""
    async with context.of(request).engine.connect() as conn:
        found = await accounts.tags(conn)
    rows = [{"tag": tag, "accounts": number} for tag, number in found]
    return replies.listing(request, replies.Listing(rows, ("tag", "accounts"), "Tags as they are in use now."))


@router.delete("/v1/tags/{tag}", summary="Take a tag off", responses=openapi.reads(models.TagUse))
async def delete_tag(request: Request, tag: Annotated[str, Path(max_length=600)]) -> Response:
    """Take the tag off every account; says how many had it."""
    shared, name = context.of(request), reading.text(tag, "tag", 64)
    async with shared.engine.begin() as conn:
        number = await accounts.forget_tag(conn, name, context.of(request).clock())
        if not number:
            raise NotFound("No account has this tag.", field="tag", hint="See GET /v1/tags.")
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="tag.delete", object=name, now=shared.clock())
    return replies.single(request, {"tag": name, "accounts": number})


async def find(conn: Any, key: str) -> subjects.Subject:
    """The subject in a path. Raises NotFound."""
    found = await subjects.find(conn, reading.text(key, "subject"))
    if found is None:
        raise NotFound("There is no such subject.", field="subject", hint="See GET /v1/subjects.")
    return found


def row(subject: subjects.Subject) -> replies.Row:
    """A subject as the API shows it."""
    return {
        "id": subject.public_id,
        "name": subject.name,
        "zone": subject.zone,
        "accounts": subject.accounts,
        "added_at": subject.added_at,
    }
