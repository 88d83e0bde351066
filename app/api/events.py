"""/v1/events: the log of what became true, live as server-sent events, and as a feed."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from app.api import atom, context, feed_links, gate, openapi, paging, reading, replies, streaming, told
from app.api.problems import BadPosition
from app.api.routing import OPEN, SCOPE, Route
from app.domain.events import USUAL, EventType
from app.errors import Gone, NotFound, Unauthorized
from app.storage import event_log, keys, names, rules
from app.storage.event_log import Event, Filter, Position

router = APIRouter(prefix="/v1", tags=["events"], route_class=Route)
METHOD = "Every event that is kept, in the order it was recorded; timestamp is when it became true."
COLUMNS = (
    "id",
    "position",
    "type",
    "timestamp",
    "sequence",
    "recorded_at",
    "data.account.id",
    "data.account.platform",
    "data.account.handle",
    "data.account.subject",
    "data.rule.id",
    "data.state",
    "data.deadline",
    "data.reason",
)
FEED = "/v1/events.atom"
FEED_ENTRIES = 50
#: Whom the command line asks as: it has no key that could be revoked.
LOCAL = "cli"


class Wanted:
    """The parameters that choose events, the same for the log, the stream and the feed."""

    def __init__(
        self,
        type: Annotated[list[EventType] | None, Query(description="Only these types (repeat it).")] = None,
        account: Annotated[str | None, Query(max_length=2100, description="Only of this account.")] = None,
        rule: Annotated[str | None, Query(max_length=64, description="Only of this rule, by id.")] = None,
        tag: Annotated[str | None, Query(max_length=64, description="Only of accounts with this tag.")] = None,
    ) -> None:
        self.types, self.account, self.rule, self.tag = type, account, rule, tag

    async def filter(self, conn: Any) -> Filter:
        """The filter in the database's terms. Raises NotFound for an account or a rule that is not there."""
        account_id = None
        if (
            self.account is not None
            and (account_id := await names.find_id(conn, reading.text(self.account, "account", 2100))) is None
        ):
            raise NotFound("No watched account goes by this name.", field="account", hint="See GET /v1/accounts.")
        rule = None if self.rule is None else await rules.find(conn, reading.text(self.rule, "rule", 64))
        if self.rule is not None and rule is None:
            raise NotFound("There is no such rule.", field="rule", hint="See GET /v1/rules.")
        return Filter(tuple(each.value for each in self.types or ()), account_id, rule.id if rule else None, self.tag)


Chosen = Annotated[Wanted, Depends()]


@router.get("/events", summary="The log of events", responses=openapi.lists(told.Events))
async def list_events(
    request: Request,
    chosen: Chosen,
    since: Annotated[str | None, Query(max_length=40, description="Recorded at this instant or later.")] = None,
    until: Annotated[str | None, Query(max_length=40, description="Recorded before this instant.")] = None,
    order: Annotated[Literal["newest", "oldest"], Query(description="Which comes first.")] = "newest",
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Every event that is kept, newest first or oldest first, in the order it was recorded."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    first, last = (reading.instant(text, name) if text else None for text, name in ((since, "since"), (until, "until")))
    async with shared.engine.connect() as conn:
        wanted = replace(await chosen.filter(conn), since=first, until=last)
        after = place[0] if place else None
        found = await event_log.page(conn, wanted, after=after, oldest_first=order == "oldest", limit=limit + 1)
    following = paging.next_of(request, shared.secret, found, limit, lambda event: [event.id])
    return replies.listing(request, replies.Listing([row(each) for each in found[:limit]], COLUMNS, METHOD, following))


@router.get(
    "/events/stream",
    summary="Events as they happen",
    responses={
        200: {"content": {streaming.MEDIA_TYPE: {"schema": {"type": "string"}}}},
        410: {"description": "What followed the position was pruned", "content": openapi.PROBLEM},
    },
)
async def stream_events(
    request: Request,
    chosen: Chosen,
    after: Annotated[str | None, Query(max_length=40, description="Go on behind this position; 0: all kept.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it; it is preferred.")] = None,
) -> Response:
    """Server-sent events: ``id`` is the position, ``event`` the type, ``data`` the event as the log gives it.

    Without a position the stream begins now, at the position in the header Quietwatch-Position.
    """
    shared = context.of(request)
    caller, token = request.state.caller, request.headers.get("authorization", "").partition(" ")[2].strip()
    position = _position(last_event_id if last_event_id is not None else after)
    async with shared.engine.connect() as conn:
        wanted = await chosen.filter(conn)
        if position is not None:
            _refuse_lost(await event_log.judge(conn, position, shared.clock() - shared.keep_events))

    async def alive() -> bool:
        return await shared.keys.verify(token, shared.clock()) is not None

    seat = await shared.live.join(caller.prefix, wanted)
    start = shared.live.begin(seat) if position is None else position
    pieces = streaming.frames(shared.live, seat, shared.engine, start, row, alive)
    return streaming.EventStream(shared.live, seat, pieces, start)


@router.get("/events/feed", summary="A link to a feed", responses=openapi.reads(told.FeedLink))
async def link_feed(request: Request, chosen: Chosen) -> Response:
    """The Atom feed of these events as a link that needs no header, for feed readers.

    Whoever has the link can read the feed. It ends when the key it was obtained with is revoked.
    """
    shared, prefix = context.of(request), request.state.caller.prefix
    async with shared.engine.connect() as conn:
        await chosen.filter(conn)
    link = feed_links.sign(shared.secret, FEED, request.query_params.multi_items(), prefix)
    return replies.single(request, {"url": shared.public_url + link, "key": prefix})


@router.get(
    "/events.atom",
    summary="Events as an Atom feed",
    openapi_extra={SCOPE: OPEN},
    responses={
        200: {"content": {atom.MEDIA_TYPE: {"schema": {"type": "string"}}}},
        304: {"description": "Unchanged since If-None-Match."},
        **openapi.WITH_KEY,
    },
)
async def feed_events(
    request: Request,
    chosen: Chosen,
    key: Annotated[str | None, Query(max_length=64, description="From the link.")] = None,
    signature: Annotated[str | None, Query(max_length=64, description="From the link.")] = None,
) -> Response:
    """The newest 50 events. Needs a key with read, or the link that GET /v1/events/feed gives.

    Without ``type`` it leaves out what is housekeeping: new names of accounts and tests of endpoints.
    """
    shared = context.of(request)
    if key is None and signature is None:
        await gate.admit(shared, request, "read")
    else:
        await _admit_link(shared, request)
    async with shared.engine.connect() as conn:
        wanted = await chosen.filter(conn)
        if not wanted.types:
            wanted = replace(wanted, types=tuple(sorted(each.value for each in USUAL)))
        found = await event_log.page(conn, wanted, limit=FEED_ENTRIES)
    asked = urlencode(sorted(pair for pair in request.query_params.multi_items() if pair[0] != feed_links.SIGNATURE))
    name = hmac.digest(shared.secret, f"feed id\0{asked}".encode(), hashlib.sha256).hex()[:24]
    address = shared.public_url + replies.address(request)
    body = atom.feed(found, identity=f"urn:quietwatch:feed:{name}", address=address, base=shared.public_url)
    return replies.document(request, body, atom.MEDIA_TYPE)


@router.get("/events/{event}", summary="Read an event", responses=openapi.reads(told.Event))
async def read_event(
    request: Request, event: Annotated[str, Path(max_length=64, examples=["evt_9c1d02ab77ef4410c3a5d6e8"])]
) -> Response:
    """One event by its id, which is also the id of every webhook delivery of it."""
    async with context.of(request).engine.connect() as conn:
        found = await event_log.get(conn, reading.text(event, "event", 64))
    if found is None:
        raise NotFound("There is no such event.", field="event", hint="It was pruned or erased, or never was.")
    return replies.single(request, row(found))


def row(event: Event) -> replies.Row:
    """An event as the API shows it; type, timestamp, sequence and data are what webhooks are sent."""
    return {
        "id": event.public_id,
        "position": str(event.id),
        "type": event.type,
        "timestamp": event.occurred_at,
        "sequence": event.sequence,
        "recorded_at": event.recorded_at,
        "data": event.data,
    }


def _position(text: str | None) -> int | None:
    """The position in a header or a query, None where there is none. Raises BadPosition."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _unknown()
    return int(text)


def _refuse_lost(found: Position) -> None:
    """Raises Gone for a position that was pruned, BadPosition for one that never was."""
    if found is Position.PRUNED:
        hint = (
            "Read the log with GET /v1/events, then go on behind the newest position; after=0 begins with the oldest."
        )
        raise Gone("What followed this position is no longer kept.", field="Last-Event-ID", hint=hint)
    if found is Position.UNKNOWN:
        raise _unknown()


def _unknown() -> BadPosition:
    hint = "Send the id of the last event you had from this stream, or the position of an event of the log."
    return BadPosition("This is no position in the log.", field="Last-Event-ID", hint=hint)


async def _admit_link(shared: context.Context, request: Request) -> None:
    """Let a signed link in, within the limits of its key. Raises Unauthorized, TooMany."""
    now, peer = shared.clock(), request.client.host if request.client else "-"
    prefix = feed_links.check(shared.secret, FEED, request.query_params.multi_items())
    if prefix is not None:
        shared.keys.requests.take(prefix, now)
        async with shared.engine.connect() as conn:
            if prefix == LOCAL or await keys.is_alive(conn, prefix):
                return
    shared.keys.failures.take(peer, now)
    hint = "Get a new one from GET /v1/events/feed."
    raise Unauthorized("This link was changed, or its key was revoked.", field="signature", hint=hint)
