"""/v1/notifiers: people who are told. An address holds passwords: it is encrypted, and only its service is shown."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import SecretStr

from app.api import context, idempotency, notifier_shapes, openapi, paging, reading, replies, shapes
from app.api.routing import Route
from app.domain.durations import parse_duration
from app.domain.messages import trial
from app.domain.services import service_of
from app.errors import BadInput, NotFound, Unavailable
from app.sealing import CannotOpen
from app.storage import audit, notifiers
from app.storage.notifiers import Notifier

router = APIRouter(prefix="/v1/notifiers", tags=["notifiers"], route_class=Route)
Key = Annotated[str, Path(max_length=64, description="A notifier's id.", examples=["ntf_4bd0c1f7e2a95836d0e1"])]
COLUMNS = ("id", "name", "service", "types", "tags", "language", "zone", "digest", "status", "reason", "created_at")
_PLAIN = ("name", "service", "types", "tags", "language", "zone", "status", "reason", "failures")
_TIMES = ("failing_since", "next_at", "sent_at", "created_at")
_HINT = "Write it as docs/notifiers.md says, for example mailtos://user:password@example.org?to=me@example.org."


@router.get("", summary="List notifiers", responses=openapi.lists(notifier_shapes.Notifiers))
async def list_notifiers(request: Request, limit: paging.Limit = 100, cursor: paging.Cursor = None) -> Response:
    """Notifiers in the order of addition; never an address."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        found = await notifiers.page(conn, after=place[0] if place else None, limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda each: [each.id])
    rows = [row(each) for each in found[:limit]]
    return replies.listing(request, replies.Listing(rows, COLUMNS, "Notifiers as they stand now.", following))


@router.post("", status_code=201, summary="Make a notifier", responses=openapi.makes(notifier_shapes.Notifier))
async def make_notifier(request: Request, body: notifier_shapes.NewNotifier) -> Response:
    """Tell a person what happens from now on. The address is checked as far as it can be without sending."""
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    values = body.model_dump(mode="json", exclude={"address", "digest"})
    values |= {"zone": reading.zone(body.zone).key, "digest": parse_duration(body.digest)}
    values |= await _sealed(request, body.address)
    now = context.of(request).clock()

    async def make(conn: Any) -> tuple[int, replies.Row]:
        made = await notifiers.add(conn, notifiers.NewNotifier(**values), now)
        await _note(request, conn, "notifier.add", made)
        return 201, row(made)

    return await idempotency.once(request, make)


@router.get("/{notifier}", summary="Read a notifier", responses=openapi.reads(notifier_shapes.Notifier))
async def read_notifier(request: Request, notifier: Key) -> Response:
    """A notifier and whether it works."""
    async with context.of(request).engine.connect() as conn:
        return replies.single(request, row(await _find(conn, notifier)))


@router.patch("/{notifier}", summary="Change a notifier", responses=openapi.reads(notifier_shapes.Notifier))
async def patch_notifier(request: Request, notifier: Key, body: notifier_shapes.NotifierChange) -> Response:
    """What is left out stays. Disabling forgets what it had still to tell; enabling forgets its failures."""
    changes = body.model_dump(mode="json", exclude_unset=True, exclude={"address", "digest"})
    if "zone" in changes:
        changes["zone"] = reading.zone(changes["zone"]).key
    if "digest" in body.model_fields_set:
        changes["digest"] = parse_duration(body.digest)
    if "address" in body.model_fields_set:
        changes |= await _sealed(request, body.address)
    async with context.of(request).engine.begin() as conn:
        found = await _find(conn, notifier)
        changed = await notifiers.patch(conn, found.id, changes)
        await _note(request, conn, "notifier.patch", found)
    return replies.single(request, row(changed))


@router.delete(
    "/{notifier}", status_code=204, summary="Delete a notifier", responses={204: {"description": "Deleted."}}
)
async def delete_notifier(request: Request, notifier: Key) -> Response:
    """Its address and what it had still to tell go with it."""
    async with context.of(request).engine.begin() as conn:
        found = await _find(conn, notifier)
        await notifiers.remove(conn, found.id)
        await _note(request, conn, "notifier.delete", found)
    return Response(status_code=204)


@router.post("/{notifier}/test", summary="Send a test message", responses=openapi.reads(notifier_shapes.Tested))
async def send_test(request: Request, notifier: Key) -> Response:
    """Send a message now, enabled or not, and say what came of it; at most 30 seconds. Nothing else changes."""
    shared = context.of(request)
    async with shared.engine.begin() as conn:
        found = await _find(conn, notifier)
        ciphertext, key_id = await notifiers.sealed(conn, found.id)
        await _note(request, conn, "notifier.test", found)
    if shared.messenger is None:
        raise Unavailable("This process sends no messages.")
    try:
        address = shared.sealer.open(ciphertext, key_id).decode()
    except CannotOpen:
        return replies.single(request, {"delivered": False, "reason": "sealed"})
    reason = await shared.messenger.send(address, trial(found.name, found.language))
    return replies.single(request, {"delivered": reason is None, "reason": reason})


async def _sealed(request: Request, address: SecretStr) -> dict[str, Any]:
    """The columns of an address. Raises BadInput, which holds nothing of it."""
    shared, text = context.of(request), address.get_secret_value()
    try:
        service = service_of(text)
    except ValueError as error:
        raise BadInput(f"The address {error}.", field="address", hint=_HINT) from None
    if shared.messenger is not None and await shared.messenger.check(text) is not None:
        raise BadInput(f"This is no address of {service.title}.", field="address", hint=_HINT)
    ciphertext, key_id = shared.sealer.seal(text.encode())
    return {"service": service.name, "ciphertext": ciphertext, "key_id": key_id}


async def _find(conn: Any, key: str) -> Notifier:
    found = await notifiers.find(conn, reading.text(key, "notifier"))
    if found is None:
        raise NotFound("There is no such notifier.", field="notifier", hint="See GET /v1/notifiers.")
    return found


async def _note(request: Request, conn: Any, action: str, found: Notifier) -> None:
    actor, now = request.state.caller.prefix, context.of(request).clock()
    await audit.append(conn, actor=actor, action=action, object=found.public_id, now=now)


def row(found: Notifier) -> replies.Row:
    """A notifier as the API shows it."""
    return {
        "id": found.public_id,
        **{name: getattr(found, name) for name in _PLAIN},
        **shapes.length("digest", found.digest),
        **{name: getattr(found, name) for name in _TIMES},
    }
