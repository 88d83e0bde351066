"""/v1/rules: from when on a silence is told, and what each rule makes of the accounts it judges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from app.api import context, idempotency, openapi, paging, reading, replies, rule_bodies, shapes, told, watched
from app.api.routing import Route
from app.domain.models import KIND_NAMES
from app.domain.rules import NewRule, Rule, RuleState
from app.domain.silence import State
from app.errors import BadInput, NotFound
from app.storage import accounts, audit, names, rule_states, rules
from app.storage.accounts import Account

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route)
RuleId = Annotated[str, Path(max_length=64, examples=["rul_5b1c7e90d2f4a6b8c3e1"])]
METHOD = "Rules as they stand now, in the order in which they were made."
STATES_METHOD = "States as they were last judged; what is held waits for fresh evidence of a degraded source."
COLUMNS = (
    "id",
    "name",
    "kind",
    "status",
    "account",
    "subject",
    "tag",
    "length",
    "length_seconds",
    "false_alarms",
    "least",
    "least_seconds",
    "greatest",
    "greatest_seconds",
    "kinds",
    "late",
    "late_seconds",
    "repeat_every",
    "repeat_every_seconds",
    "repeat_most",
    "version",
    "created_at",
    "updated_at",
)
STATE_COLUMNS = (
    "account.id",
    "account.platform",
    "account.handle",
    "account.subject",
    "state",
    "since",
    "last_post_at",
    "deadline",
    "late_at",
    "held_since",
    "reminders",
    "judged",
)


@router.post("", status_code=201, summary="Make a rule", responses=openapi.makes(told.Rule))
async def make_rule(request: Request, body: rule_bodies.NewRule) -> Response:
    """It judges what is known at once: an account that is quiet already is told, as ``initial``."""
    if (answer := await idempotency.earlier(request)) is not None:
        return answer
    now = context.of(request).clock()
    given = rule_bodies.read(body)

    async def make(conn: Any) -> tuple[int, replies.Row]:
        made = await rules.create(conn, NewRule(**given, **await _scope(conn, body)), now)
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="rule.add", object=made.public_id, now=now)
        return 201, row(made)

    return await idempotency.once(request, make)


@router.get("", summary="List rules", responses=openapi.lists(told.Rules))
async def list_rules(
    request: Request,
    account: Annotated[str | None, Query(max_length=2100, description="Only rules on just this account.")] = None,
    subject: Annotated[str | None, Query(max_length=200, description="Only rules on this subject.")] = None,
    tag: Annotated[str | None, Query(max_length=64, description="Only rules on this tag.")] = None,
    status: Annotated[Literal["active", "paused"] | None, Query()] = None,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Rules in the order in which they were made."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        found = await rules.page(
            conn,
            account_id=await _account_id(conn, account),
            subject_id=await watched.subject_id(conn, subject),
            tag=tag,
            status=status,
            after=place[0] if place else None,
            limit=limit + 1,
        )
    following = paging.next_of(request, shared.secret, found, limit, lambda rule: [rule.id])
    return replies.listing(request, replies.Listing([row(each) for each in found[:limit]], COLUMNS, METHOD, following))


@router.get("/{rule}", summary="Read a rule", responses=openapi.reads(told.Rule))
async def read_rule(request: Request, rule: RuleId) -> Response:
    """A rule by its id."""
    async with context.of(request).engine.connect() as conn:
        found = await find(conn, rule)
    return replies.single(request, row(found))


@router.patch("/{rule}", summary="Change, pause or resume a rule", responses=openapi.reads(told.Rule))
async def patch_rule(request: Request, rule: RuleId, body: rule_bodies.RuleChange) -> Response:
    """What is left out stays; null takes away. A change that may change a judgement is judged at once."""
    shared = context.of(request)
    now, changes = shared.clock(), rule_bodies.read(body)
    async with shared.engine.begin() as conn:
        found = await find(conn, rule)
        changed = await rules.patch(conn, found.id, changes, now)
        if changed is None:
            raise NotFound("The rule was deleted meanwhile.", field="rule")
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="rule.patch", object=found.public_id, now=now)
    return replies.single(request, row(changed))


@router.delete("/{rule}", status_code=204, summary="Delete a rule", responses={204: {"description": "Deleted."}})
async def delete_rule(request: Request, rule: RuleId) -> Response:
    """Delete it with its states. What it told stays in the log."""
    shared = context.of(request)
    async with shared.engine.begin() as conn:
        found = await find(conn, rule)
        await rules.delete(conn, found.id)
        actor = request.state.caller.prefix
        await audit.append(conn, actor=actor, action="rule.delete", object=found.public_id, now=shared.clock())
    return Response(status_code=204)


@router.get("/{rule}/states", summary="What a rule makes of each account", responses=openapi.lists(told.RuleStates))
async def list_states(
    request: Request,
    rule: RuleId,
    state: Annotated[State | None, Query(description="Only accounts in this state.")] = None,
    held: Annotated[bool, Query(description="Only where a transition waits for fresh evidence.")] = False,
    limit: paging.Limit = 100,
    cursor: paging.Cursor = None,
) -> Response:
    """Every account that the rule judges, with its state, since when, and when it would be quiet."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    async with shared.engine.connect() as conn:
        found = await find(conn, rule)
        after = (place[0], found.id) if place else (0, 0)
        states = await rule_states.page(conn, rule_id=found.id, state=state, held=held, after=after, limit=limit + 1)
        owners = await accounts.get_many(conn, [each.account_id for each in states])
        totals = await rule_states.tally(conn, found.id)
    following = paging.next_of(request, shared.secret, states, limit, lambda each: [each.account_id])
    shown = [state_row(found, owners[each.account_id], each) for each in states[:limit] if each.account_id in owners]
    head = {"rule": found.public_id, "totals": totals}
    return replies.listing(request, replies.Listing(shown, STATE_COLUMNS, STATES_METHOD, following, head))


async def find(conn: Any, public_id: str) -> Rule:
    """The rule in a path. Raises NotFound."""
    found = await rules.find(conn, reading.text(public_id, "rule", 64))
    if found is None:
        raise NotFound("There is no such rule.", field="rule", hint="See GET /v1/rules.")
    return found


async def _scope(conn: Any, body: rule_bodies.NewRule) -> dict[str, Any]:
    """Internal ids of what the rule is on. Raises NotFound, BadInput."""
    if sum(each is not None for each in (body.account, body.subject, body.tag)) > 1:
        raise BadInput(
            "A rule is on one account, one subject or one tag.", field="account", hint="Make a rule for each of them."
        )
    return {
        "account_id": await _account_id(conn, body.account),
        "subject_id": await watched.subject_id(conn, body.subject),
        "tag": body.tag,
    }


async def _account_id(conn: Any, key: str | None) -> int | None:
    if key is None:
        return None
    found = await names.find_id(conn, reading.text(key, "account", 2100))
    if found is None:
        raise watched.missing()
    return found


def row(rule: Rule) -> replies.Row:
    """A rule as the API shows it."""
    return {
        "id": rule.public_id,
        "name": rule.name,
        "kind": rule.kind,
        "status": rule.status,
        "account": rule.account,
        "subject": rule.subject,
        "tag": rule.tag,
        **shapes.length("length", rule.length),
        "false_alarms": rule.false_alarms,
        **shapes.length("least", rule.least),
        **shapes.length("greatest", rule.greatest),
        "kinds": [name for name, kind in KIND_NAMES.items() if kind & rule.kinds],
        **shapes.length("late", rule.late),
        **shapes.length("repeat_every", rule.repeat_every),
        "repeat_most": rule.repeat_most,
        "quiet_hours": [each.written() for each in rule.quiet_hours],
        "pauses": [{"from": each.start, "to": each.end} for each in rule.pauses],
        "version": rule.version,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
    }


def state_row(rule: Rule, account: Account, state: RuleState) -> replies.Row:
    """What a rule makes of an account."""
    return {
        "account": watched.short(account),
        "state": state.state.value,
        "since": state.since,
        "last_post_at": state.last_post_at,
        "deadline": state.deadline,
        "late_at": state.late_at,
        "held_since": state.held_since,
        "reminders": state.reminders,
        "judged": state.rule_version == rule.version,
    }
