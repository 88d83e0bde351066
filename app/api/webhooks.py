"""/v1/webhooks: endpoints, their secrets, and whether they are sent anything. A secret is shown once."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.api import context, gate, hook_shapes, idempotency, openapi, paging, reading, replies
from app.api.routing import Route
from app.domain.events import EventType, NewEvent
from app.errors import BadInput, Conflict, NotFound
from app.storage import audit, deliveries, events, webhooks
from app.storage.webhooks import Sealed, Webhook
from app.webhooks import housekeeping, policy, signing

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Route)
WebhookKey = Annotated[str, Path(max_length=64, description="An endpoint's id.", examples=["whk_0a1b2c3d4e5f60718293"])]
COLUMNS = ("id", "url", "host", "description", "types", "tags", "per_second", "status", "reason", "created_at")


@router.get("", summary="List endpoints", responses=openapi.lists(hook_shapes.Webhooks))
async def list_webhooks(request: Request, limit: paging.Limit = 100, cursor: paging.Cursor = None) -> Response:
    """Endpoints in the order of addition; never a secret."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        found = await webhooks.page(conn, shared.clock(), after=place[0] if place else None, limit=limit + 1)
        counts = await deliveries.count(conn, [each.id for each in found])
    following = paging.next_of(request, shared.secret, found, limit, lambda each: [each.id])
    rows = [row(request, each, counts.get(each.id, {})) for each in found[:limit]]
    return replies.listing(request, replies.Listing(rows, COLUMNS, "Endpoints as they stand now.", following))


@router.post("", status_code=201, summary="Make an endpoint", responses=openapi.makes(hook_shapes.MadeWebhook))
async def make_webhook(request: Request, body: hook_shapes.NewWebhook) -> Response:
    """Send events to an address from now on. The answer holds the secret; it is encrypted and not shown again.

    Under an Idempotency-Key the repeated answer has no secret: rotate it if it was lost.
    """
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    shared = context.of(request)
    shared.vet_endpoint(body.url)
    text, sealed = secret_of(request, body.secret)
    values = body.model_dump(exclude={"secret"})

    async def make(conn: Any) -> tuple[int, replies.Row]:
        made = await webhooks.add(conn, values, sealed, shared.clock())
        await note(request, conn, "webhook.add", made)
        return 201, {**row(request, made, {}), "secret": text}

    return await idempotency.once(request, make, unkept="secret")


@router.get("/{webhook}", summary="Read an endpoint", responses=openapi.reads(hook_shapes.Webhook))
async def read_webhook(request: Request, webhook: WebhookKey) -> Response:
    """An endpoint, whether it works, and how much is still to be delivered to it."""
    async with context.of(request).engine.connect() as conn:
        found = await find(request, conn, webhook)
        return replies.single(request, await whole(request, conn, found))


@router.patch("/{webhook}", summary="Change an endpoint", responses=openapi.reads(hook_shapes.Webhook))
async def patch_webhook(request: Request, webhook: WebhookKey, body: hook_shapes.WebhookChange) -> Response:
    """Change address, types, tags or limit. What is left out stays; null takes a limit away."""
    shared = context.of(request)
    changes = body.model_dump(exclude_unset=True)
    if "url" in changes:
        shared.vet_endpoint(changes["url"])
    async with shared.engine.begin() as conn:
        found = await find(request, conn, webhook, lock=True)
        changed = await webhooks.patch(conn, found.id, changes, shared.clock())
        await note(request, conn, "webhook.patch", found)
        return replies.single(request, await whole(request, conn, changed))


@router.delete(
    "/{webhook}", status_code=204, summary="Delete an endpoint", responses={204: {"description": "Deleted."}}
)
async def delete_webhook(request: Request, webhook: WebhookKey) -> Response:
    """Delete it with its secrets and deliveries. The events stay in the log."""
    async with context.of(request).engine.begin() as conn:
        found = await find(request, conn, webhook, lock=True)
        await webhooks.remove(conn, found.id)
        await note(request, conn, "webhook.delete", found)
    return Response(status_code=204)


@router.post("/{webhook}/rotate", summary="Rotate the secret", responses=openapi.reads(hook_shapes.MadeWebhook))
async def rotate_secret(request: Request, webhook: WebhookKey, body: hook_shapes.Rotation | None = None) -> Response:
    """Sign with a new secret from now on, and for 24 hours with the old one too. The answer holds the new one, once.

    Repeating it under an Idempotency-Key makes no second one.
    """
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    now = context.of(request).clock()
    text, sealed = secret_of(request, body.secret if body else None)

    async def make(conn: Any) -> tuple[int, replies.Row]:
        found = await find(request, conn, webhook, lock=True)
        until = now + policy.ROTATION
        if not await webhooks.rotate(conn, found.id, sealed, now, until, policy.MOST_OLD_SECRETS):
            detail = f"{policy.MOST_OLD_SECRETS} old secrets are still in force."
            raise Conflict(detail, field="webhook", hint="Each is for 24 hours after it was replaced: wait.")
        await note(request, conn, "webhook.rotate", found)
        return 200, {**await whole(request, conn, await find(request, conn, webhook)), "secret": text}

    return await idempotency.once(request, make, unkept="secret")


@router.post("/{webhook}/enable", summary="Enable an endpoint", responses=openapi.reads(hook_shapes.EnabledWebhook))
async def enable_webhook(request: Request, webhook: WebhookKey) -> Response:
    """Send to it again, first what was held for it. Enabling twice changes nothing."""
    shared = context.of(request)
    async with shared.engine.begin() as conn:
        found = await find(request, conn, webhook, lock=True)
        released = await webhooks.enable(conn, found.id, shared.clock()) if found.status == "disabled" else 0
        await note(request, conn, "webhook.enable", found)
        now_is = await find(request, conn, webhook)
        return replies.single(request, {**await whole(request, conn, now_is), "released": released})


@router.post("/{webhook}/disable", summary="Disable an endpoint", responses=openapi.reads(hook_shapes.Webhook))
async def disable_webhook(request: Request, webhook: WebhookKey) -> Response:
    """Send nothing to it; what is due is held until it is enabled or replayed. Disabling twice changes nothing."""
    shared = context.of(request)
    now = shared.clock()
    async with shared.engine.begin() as conn:
        found = await find(request, conn, webhook, lock=True)
        await note(request, conn, "webhook.disable", found)
        told = await webhooks.disable(conn, [found.id], "requested", now)
        answer = replies.single(request, await whole(request, conn, await find(request, conn, webhook)))
        data = housekeeping.disabled(found.public_id, found.url, "requested")
        news = [NewEvent(EventType.ENDPOINT_DISABLED, now, data, not_webhook=found.id)] if told else []
        await events.record(conn, news, now)
    return answer


@router.post(
    "/{webhook}/test", status_code=202, summary="Send a test", responses={202: {"model": hook_shapes.TestSent}}
)
async def send_test(request: Request, webhook: WebhookKey) -> Response:
    """Record an ``endpoint.test`` event for this endpoint alone; it is delivered like any other, retries included."""
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    now = context.of(request).clock()

    async def make(conn: Any) -> tuple[int, replies.Row]:
        found = await find(request, conn, webhook)
        if found.status != "enabled":
            raise Conflict("The endpoint is disabled.", field="webhook", hint="Enable it first.")
        await note(request, conn, "webhook.test", found)
        data = housekeeping.test(found.public_id, found.url)
        (made,) = await events.record(conn, [NewEvent(EventType.ENDPOINT_TEST, now, data, only_webhook=found.id)], now)
        path = f"/v1/webhooks/{found.public_id}/deliveries/{made.public_id}"
        return 202, {"event": made.public_id, "delivery": path}

    return await idempotency.once(request, make)


def secret_of(request: Request, given: str | None) -> tuple[str, Sealed]:
    """The secret that was given, or a new one: as it is shown, and as it is kept. Raises BadInput."""
    text = given or signing.write_secret(secrets.token_bytes(signing.NEW_BYTES))
    try:
        signing.read_secret(text)
    except signing.BadSecret as error:
        hint = "Leave it out and one is made, or write whsec_ and base64 of 24 to 64 random bytes."
        raise BadInput(f"The secret cannot be used: {error}.", field="secret", hint=hint) from None
    return text, Sealed(*context.of(request).sealer.seal(text.encode()))


async def find(request: Request, conn: Any, key: str, *, lock: bool = False) -> Webhook:
    """The endpoint in a path. Raises NotFound."""
    found = await webhooks.find(conn, reading.text(key, "webhook", 64), context.of(request).clock(), lock=lock)
    if found is None:
        raise NotFound("There is no such endpoint.", field="webhook", hint="See GET /v1/webhooks.")
    return found


async def note(request: Request, conn: Any, action: str, webhook: Webhook) -> None:
    """Who did what to which endpoint."""
    now, actor = context.of(request).clock(), request.state.caller.prefix
    await audit.append(conn, actor=actor, action=action, object=webhook.public_id, now=now)


async def whole(request: Request, conn: Any, webhook: Webhook) -> replies.Row:
    """An endpoint with the number of its deliveries."""
    return row(request, webhook, (await deliveries.count(conn, [webhook.id])).get(webhook.id, {}))


def row(request: Request, webhook: Webhook, counts: dict[str, int]) -> replies.Row:
    """An endpoint as the API shows it to this caller."""
    return {
        "id": webhook.public_id,
        "url": webhook.url if gate.allows(request.state.caller.scopes, "write") else None,
        "host": housekeeping.host_of(webhook.url),
        "description": webhook.description,
        "types": webhook.types,
        "tags": webhook.tags,
        "per_second": webhook.per_second,
        "status": webhook.status,
        "reason": webhook.reason,
        "disabled_at": webhook.disabled_at,
        "failing_since": webhook.failing_since,
        "resting_until": webhook.blocked_until,
        "secrets": webhook.secrets,
        "undelivered": {name: counts.get(name, 0) for name in ("pending", "held", "failed")},
        "created_at": webhook.created_at,
    }
