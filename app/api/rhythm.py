"""/v1/accounts/{a}/rhythm: how an account usually posts, and from when on its silence would be told.

Assumes what the worker fitted last; nothing is fitted here. Promises: without enough history no chance is said; shapes
and gaps are always shown, for they are counted.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api import context, openapi, replies, shapes, watched
from app.api.answers import ShortAccount
from app.api.meanings import BasedOn, NoMeaning
from app.api.routing import Route
from app.api.watched import AccountKey
from app.domain import worth
from app.domain.calibration import Record
from app.domain.durations import format_duration
from app.domain.models import Interval
from app.domain.rhythm import constants as c
from app.domain.rhythm.chances import chance, deadline, expected_posts
from app.domain.rhythm.state import Rhythm
from app.storage import forecasts, rhythms, silence

router = APIRouter(prefix="/v1/accounts/{account}", tags=["history"], route_class=Route)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WINDOWS = (timedelta(hours=6), timedelta(days=1), timedelta(days=3), timedelta(days=7))
FALSE_ALARMS = (12, 4, 2, 1)
LONGEST = 10


class Weekday(BaseModel):
    """A day of the local week."""

    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    posts_a_day: float = Field(description="Lately, on such a day.")
    silent_days: float = Field(description="The share of such days without a post, lately.")


class GapQuantile(BaseModel):
    """So long at most are so many of the gaps between posts."""

    share: float
    gap: str
    gap_seconds: float


class LongGap(BaseModel):
    """A gap with no unobserved time in it."""

    ended_at: datetime
    length: str
    length_seconds: float


class Ahead(BaseModel):
    """A window that starts now."""

    length: str
    p_silent: float
    expected_posts: float


class Deadline(BaseModel):
    """From when on the present silence is told by a rule of so many false alarms a year."""

    false_alarms_per_year: float
    quiet_from: datetime


class RhythmFigures(BaseModel):
    """What was fitted."""

    zone: str = Field(description="The hours below are those of this zone.")
    fitted_at: datetime = Field(description="It ends with the post of this moment.")
    since: datetime = Field(description="Since when the account is known.")
    enough: bool = Field(description="Whether there is history enough to say what a silence is worth.")
    based_on: BasedOn
    posts_a_day: float
    tempo: float = Field(description="How much faster than usual it went before the last post.")
    weekdays: list[Weekday]
    hours: list[float] = Field(description="The share of the posts in each hour of the local day.")
    week: list[list[float]] = Field(
        description="How fast its time runs in each hour of Monday to Sunday; 1 is the mean, 0.08 the least."
    )
    gaps: list[GapQuantile]
    longest: list[LongGap]
    ahead: list[Ahead] | None = Field(description="Null without enough history.")
    deadlines: list[Deadline]


class Checked(BaseModel):
    """What was said of its last days, each before it began, against what came. Only days without a hole count."""

    days: int = Field(description="28 at most.")
    silent: int
    expected_silent: float
    low: int = Field(
        description="If what was said was right, so many are silent 19 times in 20 at least: from here ..."
    )
    high: int = Field(description="... to here.")
    drifts: bool = Field(
        description="The last 7, 14 or 28 are so far off that of a hundred steady accounts at most one looks so."
    )


class RhythmAnswer(BaseModel):
    """How an account usually posts."""

    account: ShortAccount
    at: datetime
    rhythm: RhythmFigures | None
    no_meaning: NoMeaning | None = Field(description="Why there is none.")
    checked: Checked | None = Field(description="Null until its first day was forecast and watched to its end.")


@router.get("/rhythm", summary="Rhythm of an account", responses=openapi.reads(RhythmAnswer))
async def read_rhythm(request: Request, account: AccountKey) -> Response:
    """How the account usually posts: the shape of its week, its gaps, and what follows for the present silence."""
    shared = context.of(request)
    now = shared.clock()
    async with shared.engine.connect() as conn:
        owner = await watched.find(conn, account)
        found = (await rhythms.load(conn, [owner.id])).get(owner.id)
        standings = await silence.load_standings(conn, [owner.id])
        record = await forecasts.record_of(conn, owner.id)
    last_post = standings[owner.id].last_post_at if owner.id in standings else None
    none = NoMeaning.NO_POST if last_post is None else NoMeaning.NOT_FITTED if found is None else None
    shown = figures(found, last_post, now) if found is not None and last_post is not None else None
    payload = {"account": watched.short(owner), "at": now, "rhythm": shown, "no_meaning": none}
    payload["checked"] = checked = _checked(record)
    return replies.single(
        request, payload, facts=[owner.handle, owner.subject_name, last_post, found and found.fitted_at, checked]
    )


def figures(rhythm: Rhythm, last_post: datetime, now: datetime) -> replies.Row:
    """A rhythm as the API shows it."""
    return {
        "zone": rhythm.clock.zone,
        "fitted_at": _moment(rhythm.fitted_at),
        "since": _moment(rhythm.since),
        "enough": rhythm.enough,
        "based_on": {"posts": rhythm.posts, "days_observed": round(rhythm.observed_days, 1)},
        "posts_a_day": worth.rounded(rhythm.posts_a_day),
        "tempo": worth.rounded(rhythm.tempo),
        "weekdays": [_weekday(rhythm, day) for day in range(7)],
        "hours": [round(share, 4) for share in rhythm.hours],
        "week": [[round(speed, 2) for speed in rhythm.clock.speeds[24 * day : 24 * day + 24]] for day in range(7)],
        "gaps": [
            {"share": share, **shapes.length("gap", _hours(hours))}
            for share, hours in zip(c.QUANTILES, rhythm.quantiles, strict=True)
        ],
        "longest": [
            {"ended_at": _moment(gap.ended_at), **shapes.length("length", _hours(gap.hours))}
            for gap in rhythm.longest[:LONGEST]
        ],
        "ahead": [_ahead(rhythm, last_post, now, length) for length in WINDOWS] if rhythm.enough else None,
        "deadlines": [
            {"false_alarms_per_year": times, "quiet_from": deadline(rhythm, last_post, times)} for times in FALSE_ALARMS
        ],
    }


def _checked(record: Record) -> replies.Row | None:
    if not record.chances:
        return None
    low, high = record.usual()
    return {
        "days": len(record.chances),
        "silent": sum(record.silences),
        "expected_silent": worth.rounded(record.expected),
        "low": low,
        "high": high,
        "drifts": record.drifts,
    }


def _weekday(rhythm: Rhythm, day: int) -> replies.Row:
    odds = rhythm.silent_days + rhythm.weekdays[day]
    return {
        "weekday": WEEKDAYS[day],
        "posts_a_day": worth.rounded(7 * rhythm.days[day] * rhythm.posts_a_day),
        "silent_days": round(1 / (1 + math.exp(-odds)), 3),
    }


def _ahead(rhythm: Rhythm, last_post: datetime, now: datetime, length: timedelta) -> replies.Row:
    window = Interval(now, now + length)
    likely = chance(rhythm, last_post, window.start, window.end)
    return {
        "length": format_duration(length),
        "p_silent": worth.rounded(worth.cut_chance(likely, length)),
        "expected_posts": worth.rounded(expected_posts(rhythm, window.start, window.end)),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), UTC)


def _hours(hours: float) -> timedelta:
    return timedelta(seconds=round(3600 * hours))
