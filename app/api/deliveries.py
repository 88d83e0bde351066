"""/v1/webhooks/{webhook}/deliveries: what was sent to an endpoint, every attempt, and sending it again.

What an endpoint answered is shown to administrators only: whoever may name an endpoint must not read through us what
others, or machines of our own network, say to us.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from app.api import context, gate, hook_shapes, idempotency, openapi, paging, reading, replies
from app.api.problems import BadWindow
from app.api.routing import Route
from app.api.webhooks import WebhookKey, find, note
from app.errors import NotFound
from app.storage import deliveries
from app.webhooks.attempts import ERRORS

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Route)
EventKey = Annotated[str, Path(max_length=64, description="An event's id.", examples=["evt_5f1d0c3a9be84c6d7e20af11"])]
COLUMNS = ("event", "type", "account", "occurred_at", "recorded_at", "status", "attempts", "next_attempt_at", "done_at")


@router.get("/{webhook}/deliveries", summary="List deliveries", responses=openapi.lists(hook_shapes.Deliveries))
async def list_deliveries(
    request: Request,
    webhook: WebhookKey,
    status: Annotated[hook_shapes.DeliveryStatus | None, Query()] = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """What was and is to be sent to an endpoint, the newest first."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        endpoint = await find(request, conn, webhook)
        after = place[0] if place else None
        found = await deliveries.page(conn, endpoint.id, status=status, after=after, limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda each: [each.id])
    page = replies.Listing([row(each) for each in found[:limit]], COLUMNS, "Deliveries as they stand now.", following)
    return replies.listing(request, page)


@router.get(
    "/{webhook}/deliveries/{event}", summary="Read a delivery", responses=openapi.reads(hook_shapes.DeliveryAttempts)
)
async def read_delivery(request: Request, webhook: WebhookKey, event: EventKey) -> Response:
    """One delivery with its last hundred attempts."""
    async with context.of(request).engine.connect() as conn:
        endpoint = await find(request, conn, webhook)
        found = await deliveries.find(conn, endpoint.id, reading.text(event, "event", 64))
        if found is None:
            raise NotFound("This event does not go to this endpoint.", field="event", hint="See its deliveries.")
        tried = await deliveries.attempts(conn, found.id)
    curious = gate.allows(request.state.caller.scopes, "admin")
    return replies.single(request, {**row(found), "tried": [attempt(each, curious) for each in tried]})


@router.post("/{webhook}/replay", summary="Send again", responses=openapi.reads(hook_shapes.Replayed))
async def replay(request: Request, webhook: WebhookKey, body: hook_shapes.Replay) -> Response:
    """Send one event again, or of a range what did not arrive (with ``delivered`` all of it), under the ids it had.

    What is still due is not sent twice, so it may be asked for twice. A disabled endpoint gets it once enabled.
    """
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    now = context.of(request).clock()

    async def make(conn: Any) -> tuple[int, replies.Row]:
        endpoint = await find(request, conn, webhook)
        await note(request, conn, "webhook.replay", endpoint)
        return 200, {"replayed": await _replay(conn, endpoint.id, body, now)}

    return await idempotency.once(request, make)


async def _replay(conn: Any, id_: int, wish: hook_shapes.Replay, now: datetime) -> int:
    event = wish.event or wish.after
    if event is not None and not await deliveries.knows_event(conn, event):
        raise NotFound("There is no such event in the log.", field="event" if wish.event else "after")
    if wish.event is not None:
        return int(await deliveries.replay_one(conn, id_, wish.event, now))
    if wish.after is not None:
        return await deliveries.replay_after(conn, id_, wish.after, delivered=wish.delivered, now=now)
    until = wish.until or now
    if wish.since is None or until <= wish.since:
        raise BadWindow("The range is empty: until must be after since.", field="until")
    return await deliveries.replay_range(conn, id_, wish.since, until, delivered=wish.delivered, now=now)


def row(delivery: deliveries.Delivery) -> replies.Row:
    """A delivery as the API shows it."""
    return {
        "event": delivery.event,
        "type": delivery.type,
        "account": delivery.account,
        "occurred_at": delivery.occurred_at,
        "recorded_at": delivery.recorded_at,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.due_at,
        "done_at": delivery.done_at,
    }


def attempt(tried: deliveries.Attempt, curious: bool) -> replies.Row:
    """An attempt; ``curious`` may see the endpoint's answer."""
    answer = tried.answer.decode("utf-8", "replace").replace("\x00", "\ufffd") if tried.answer else None
    return {
        "number": tried.number,
        "at": tried.at,
        "duration_ms": tried.duration_ms,
        "status": tried.status,
        "error": tried.error,
        "detail": ERRORS.get(tried.error or ""),
        "next_attempt_at": tried.next_at,
        "answer": answer if curious else None,
    }
