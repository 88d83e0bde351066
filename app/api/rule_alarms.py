"""/v1/rules/{rule}/alarms: how often an adaptive rule has cried wolf, against how often it may."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api import context, openapi, paging, replies, watched
from app.api.answers import ShortAccount
from app.api.models import Page
from app.api.routing import Route
from app.api.rules import RuleId, find
from app.domain import worth
from app.errors import BadInput
from app.storage import accounts, alarms
from app.storage.alarms import Kept, OfAccount

router = APIRouter(prefix="/v1/rules", tags=["rules"], route_class=Route)
METHOD = "Of 365 days, or since the rule was changed or came to judge it. A false alarm: a post ended what was told."
COLUMNS = (
    "account.id",
    "account.platform",
    "account.handle",
    "account.subject",
    "years",
    "told",
    "false_alarms",
    "borne",
)


class AccountAlarms(BaseModel):
    """What a rule has told of an account."""

    account: ShortAccount
    years: float = Field(description="For how long it has been judged, at most one.")
    told: int = Field(description="How often it was told to be quiet, what was true before left out.")
    false_alarms: int = Field(description="How many of these silences ended with a post.")
    borne: float = Field(description="How many are borne in that time.")


class AlarmTotals(BaseModel):
    """The same of all accounts that it judges."""

    account_years: float
    told: int
    false_alarms: int
    borne: float
    accounts_above: int = Field(description="Accounts with more false alarms than are borne in their time.")
    accounts_below: int
    drifts: bool = Field(description="Whether there are more than were asked for, beyond chance.")


class RuleAlarms(Page):
    """What an adaptive rule has told, account by account."""

    rule: str
    totals: AlarmTotals
    items: list[AccountAlarms]


@router.get("/{rule}/alarms", summary="False alarms of an adaptive rule", responses=openapi.lists(RuleAlarms))
async def list_alarms(
    request: Request, rule: RuleId, limit: paging.Limit = 100, cursor: paging.Cursor = None
) -> Response:
    """Every account that the rule judges, in the order of addition; totals are of all of them."""
    shared = context.of(request)
    place = paging.start(request, shared.secret, cursor)
    now = shared.clock()
    async with shared.engine.connect() as conn:
        found = await find(conn, rule)
        judged = await alarms.kept(conn, now, found.public_id)
        if not judged:
            raise BadInput("A fixed rule promises nothing about false alarms.", field="rule")
        kept = judged[0]
        each = await alarms.of_accounts(conn, found.public_id, now, place[0] if place else 0, limit + 1)
        owners = await accounts.get_many(conn, [one.account_id for one in each])
    following = paging.next_of(request, shared.secret, each, limit, lambda one: [one.account_id])
    rows = [
        {"account": watched.short(owners[one.account_id]), **_figures(one, kept)}
        for one in each[:limit]
        if one.account_id in owners
    ]
    head = {"rule": found.public_id, "totals": _totals(kept)}
    told = [kept.told, kept.ended, kept.drifts, [(one.account_id, one.told, one.ended) for one in each]]
    return replies.listing(request, replies.Listing(rows, COLUMNS, METHOD, following, head), facts=told)


def _figures(one: OfAccount, kept: Kept) -> replies.Row:
    return {
        "years": worth.rounded(one.years),
        "told": one.told,
        "false_alarms": one.ended,
        "borne": worth.rounded(kept.false_alarms * one.years),
    }


def _totals(kept: Kept) -> replies.Row:
    return {
        "account_years": worth.rounded(kept.account_years),
        "told": kept.told,
        "false_alarms": kept.ended,
        "borne": worth.rounded(kept.expected),
        "accounts_above": kept.above,
        "accounts_below": kept.below,
        "drifts": kept.drifts,
    }
