"""/: who is quiet, since when, how far that is proven, and why some cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from app.domain import calendar, sentences
from app.domain.durations import parse_duration
from app.domain.models import OutcomeName
from app.domain.outcomes import explain_unknown
from app.domain.reasons import why_unknown
from app.domain.rhythm import constants as c
from app.domain.rhythm.lists import false_flags_a_day
from app.domain.rhythm.readings import Reading
from app.domain.silence import State
from app.errors import BadInput
from app.storage import accounts, silence, unusual
from app.storage.names import Selection
from app.web import site, words

router = APIRouter(route_class=site.Page, include_in_schema=False)
LENGTHS = {"P1D": "1 day", "P2D": "2 days", "P7D": "7 days", "P30D": "30 days"}
ROWS = 100
ORDERS = {"longest": "longest", "unusual": "unusual first"}
#: Words that say how often such a silence comes.
_TOLD = frozenset({Reading.ORDINARY, Reading.UNUSUAL, Reading.RARE})


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the board with its words."""

    row: silence.Row
    zone: ZoneInfo
    post_url: str | None
    why: str
    reading: str | None
    often: str | None


@router.get("/")
async def board(
    request: Request,
    state: Annotated[str | None, Query(max_length=20)] = None,
    least: Annotated[str, Query(max_length=10, alias="min")] = "P7D",
    tag: Annotated[str | None, Query(max_length=64)] = None,
    platform: Annotated[str | None, Query(max_length=32)] = None,
    after: Annotated[str | None, Query(max_length=140)] = None,
    sort: Annotated[str, Query(max_length=10)] = "longest",
) -> Response:
    """The board as a table."""
    await site.admit(request)
    shared = site.of(request)
    now = shared.clock()
    if sort not in ORDERS or least not in LENGTHS or state not in {None, "", *State}:
        raise BadInput("No such choice.", field="min")
    chosen = Selection(tag=tag or None, platform=platform or None)
    states = [State(state)] if state else None
    span = parse_duration(least)
    async with shared.engine.connect() as conn:
        if sort == "unusual":
            now, rarest = _rare_place(after, now)
            ranked = await unusual.board(conn, chosen, now=now, least=span, states=states, after=rarest, limit=ROWS + 1)
            found = [row for row, _ in ranked]
            following = _rare_following(now, ranked) if len(found) > ROWS else None
        else:
            found = await silence.board(
                conn, chosen, now=now, least=span, states=states, after=_place(after), limit=ROWS + 1, weighed=True
            )
            following = _following(found) if len(found) > ROWS else None
        totals, judged = await unusual.tally(conn, chosen, now=now, least=span)
        owners = await accounts.get_many(conn, [row.standing.account_id for row in found[:ROWS]])
        tags = await accounts.tags(conn)
    spoken = site.language(request)
    lines = [_line(shared, row, owners, spoken) for row in found[:ROWS]]
    return site.render(
        request,
        "board.html",
        now=now,
        lines=lines,
        totals=totals,
        lengths=LENGTHS,
        states=list(State),
        tags=[name for name, _ in tags[:500]],
        platforms=list(shared.platforms),
        asked={"state": state or "", "min": least, "tag": tag or "", "platform": platform or "", "sort": sort},
        orders=ORDERS,
        by_chance=false_flags_a_day(c.UNUSUAL_TIMES, judged),
        following=following,
        first=after is None,
    )


def _line(shared: site.Site, row: silence.Row, owners: Mapping[int, accounts.Account], spoken: str) -> Line:
    standing, weight = row.standing, row.weight
    owner = owners.get(standing.account_id)
    platform = shared.platforms.get(standing.platform)
    url = standing.last_post_url
    if url is None and standing.last_post_id is not None and platform is not None:
        url = platform.post_url(standing.last_post_id, standing.handle, standing.native_id)
    told = weight is not None and weight.reading in _TOLD
    return Line(
        row,
        calendar.zone(owner.zone if owner else "UTC"),
        web_link(url),
        why(row, spoken),
        weight.reading if weight and row.streak.proven >= timedelta(minutes=1) else None,
        sentences.often(weight.times_a_year, spoken) if weight and told else None,
    )


def why(row: silence.Row, spoken: str) -> str:
    """How we know, or why we do not, in one clause."""
    match row.state:
        case State.UNKNOWN:
            outcome = OutcomeName(row.standing.outcome) if row.standing.outcome else None
            return explain_unknown(why_unknown(outcome, row.streak), spoken)
        case State.QUIET:
            parts = ["no surviving post seen", *["partly read back later"] * row.streak.retrospective]
            return words.semicolon(spoken).join(map(words.translator(spoken), parts))
        case State.ACTIVE:
            return words.translator(spoken)("posted within this time")


def web_link(url: str | None) -> str | None:
    """The address if it is one of the web: a source's own text never becomes another sort of link."""
    return url if url and url.startswith(("https://", "http://")) else None


def _place(after: str | None) -> tuple[datetime | None, int] | None:
    if after is None:
        return None
    time, _, account_id = after.rpartition("_")
    try:
        if not account_id.isdecimal() or len(account_id) > 9:
            raise ValueError
        return (calendar.parse_instant(time) if time else None), int(account_id)
    except ValueError:
        raise BadInput("No such place in the list.", field="after") from None


def _following(found: list[silence.Row]) -> str:
    time, account_id = silence.place(found[ROWS - 1])
    return f"{time.isoformat().replace('+00:00', 'Z') if time else ''}_{account_id}"


def _rare_place(after: str | None, now: datetime) -> tuple[datetime, unusual.Place | None]:
    """The moment of the first page, which all pages are of, and where the list goes on."""
    if after is None:
        return now, None
    try:
        at, rarity, rest = after.split("_", 2)
        place = _place(rest)
        if place is None:
            raise ValueError
        return calendar.parse_instant(at), unusual.Place(float(rarity), *place)
    except ValueError:
        raise BadInput("No such place in the list.", field="after") from None


def _rare_following(now: datetime, ranked: list[tuple[silence.Row, unusual.Place]]) -> str:
    place = ranked[ROWS - 1][1]
    time = place.last_post_at.isoformat().replace("+00:00", "Z") if place.last_post_at else ""
    return f"{now.isoformat().replace('+00:00', 'Z')}_{place.rarity!r}_{time}_{place.account_id}"
