"""/accounts/{id}: one account with its silence, what was observed, its longest streaks and each look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.domain import calendar, sentences, worth
from app.domain import silence as judge
from app.domain.coverage import Covered, known_at
from app.domain.intervals import clip, total
from app.domain.models import DEFAULT_KINDS, Interval, Post
from app.domain.outcomes import explain
from app.domain.rhythm.readings import silence_meaning
from app.domain.rhythm.state import Rhythm
from app.domain.silence import Streak
from app.errors import NotFound
from app.storage import accounts, coverage, names, polls, posts, rhythms, silence
from app.web import rhythm as shape
from app.web import site
from app.web.board import LENGTHS, web_link, why

router = APIRouter(route_class=site.Page, include_in_schema=False)
SHOWN = timedelta(days=28)
#: Silences are looked for this far back.
REMEMBERED = timedelta(days=400)
#: Width of the strip of coverage in its own units.
WIDTH = 1000
STREAKS, LOOKS = 10, 30
NO_POST = "No post is on record, so nothing is known of its rhythm."
NOT_FITTED = "Its rhythm has not been worked out yet; that is done within a minute of the first posts."


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of the strip: its place, its width, and what it stands for."""

    x: float
    width: float
    seen: str


@router.get("/accounts/{account}")
async def account_page(request: Request, account: Annotated[str, Path(max_length=64)]) -> Response:
    """One account."""
    await site.admit(request)
    shared = site.of(request)
    now = shared.clock()
    async with shared.engine.connect() as conn:
        account_id = await names.find_id(conn, account) if account.startswith("acc_") else None
        owner = await accounts.get(conn, account_id or 0)
        standing = (await silence.load_standings(conn, [account_id or 0])).get(account_id or 0)
        if owner is None or standing is None:
            raise NotFound("There is no such account.")
        stretches = (await coverage.load(conn, [owner.id]))[owner.id]
        made = (await posts.load_last(conn, [owner.id], before=now - REMEMBERED))[owner.id]
        made += (await posts.load(conn, [owner.id], window=Interval(now - REMEMBERED, posts.LATEST)))[owner.id]
        looks = await polls.page(conn, owner.id, limit=LOOKS)
        rhythm = (await rhythms.load(conn, [owner.id])).get(owner.id)
    covered = known_at(stretches, None, DEFAULT_KINDS)
    streaks = judge.streaks(made, covered, now, DEFAULT_KINDS)
    state = judge.state(streaks[-1], timedelta(days=7), now)
    window = Interval(now - SHOWN, now)
    spoken = site.language(request)
    return site.render(
        request,
        "account.html",
        now=now,
        owner=owner,
        zone=calendar.zone(owner.zone),
        profile=web_link(owner.profile_url),
        standing=standing,
        state=state,
        least=LENGTHS["P7D"],
        streak=streaks[-1],
        why=why(silence.Row(standing, streaks[-1], state), spoken),
        worth=said(rhythm, streaks[-1], now, spoken),
        portrait=shape.portrait(rhythm, streaks[-1].starts_at) if rhythm and streaks[-1].starts_at else None,
        no_portrait=NO_POST if streaks[-1].starts_at is None else NOT_FITTED,
        height=shape.HEIGHT,
        last=_last(shared, owner, streaks[-1].post),
        longest=longest(streaks, now),
        looks=[(poll, explain(poll.outcome, spoken)) for poll in looks],
        width=WIDTH,
        bars=bars(covered, window),
        ticks=ticks(made, window),
        days=[(_place(span.start, window), day) for day, span in calendar.local_days(window, owner.zone)][1::7],
        share=round(100 * (total(clip(covered.all(), window)) / window.length)),
        shown_posts=sum(1 for post in made if window.start <= post.posted_at < window.end),
    )


def _last(shared: site.Site, owner: accounts.Account, post: Post | None) -> tuple[Post, str | None] | None:
    if post is None:
        return None
    platform = shared.platforms.get(owner.platform)
    url = post.url or (platform.post_url(post.native_id, owner.handle, owner.native_id) if platform else None)
    return post, web_link(url)


def said(rhythm: Rhythm | None, streak: Streak, now: datetime, spoken: str) -> str | None:
    """What the silence is worth, in a sentence; None where nothing of it was observed or no rhythm is known."""
    length = worth.observed(streak, now)
    if rhythm is None or streak.starts_at is None or length < timedelta(minutes=1):
        return None
    meaning = silence_meaning(rhythm, streak.starts_at, now, streak.unobserved)
    return sentences.of_silence(worth.weigh(meaning, length), spoken)


def longest(streaks: Sequence[Streak], now: datetime) -> list[Streak]:
    """The longest silences by what is possible, the open one among them."""
    known = [streak for streak in streaks if streak.starts_at is not None]
    return sorted(known, key=lambda one: (one.ends_at or now) - (one.starts_at or now), reverse=True)[:STREAKS]


def bars(covered: Covered, window: Interval) -> list[Bar]:
    """The covered parts of the window as pieces of the strip; what lies between them was not observed."""
    pieces = [(piece, "live") for piece in clip(covered.live, window)]
    pieces += [(piece, "back") for piece in clip(covered.retrospective, window)]
    return [
        Bar(_place(piece.start, window), max(_place(piece.end, window) - _place(piece.start, window), 0.5), seen)
        for piece, seen in sorted(pieces, key=lambda pair: pair[0])
    ]


def ticks(made: Sequence[Post], window: Interval) -> list[float]:
    """Where posts lie in the strip, at most one mark per unit."""
    inside = {round(_place(post.posted_at, window)) for post in made if window.start <= post.posted_at < window.end}
    return sorted(float(place) for place in inside)


def _place(at: datetime, window: Interval) -> float:
    return round(WIDTH * ((at - window.start) / window.length), 2)
