"""The world that the documentation's examples are asked about: three accounts, one clock, real storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.events import EventType, NewEvent
from app.domain.models import DEFAULT_KINDS, Identity, Kind, Post, Stretch
from app.platforms.base import ResolveError
from app.storage import accounts, events, gaps, looks, names, sightings, subjects
from tests.api.fitting import fit_all

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LAG = timedelta(minutes=5)
GAP = timedelta(minutes=14)


async def resolve(text: str) -> Identity:
    """The network of the examples: hosts on ``.example`` exist, apart from ``nowhere.example``."""
    if "nowhere" in text:
        raise ResolveError("No account was found for this.", [f"{text}: no such host"])
    if text.startswith("https://bsky.app/profile/"):
        handle = text.rpartition("/")[2]
        return Identity("bluesky", f"did:plc:{handle.partition('.')[0]}", handle, "bsky.example", text)
    if text.startswith("@"):
        _, user, host = text.split("@")
        return Identity("mastodon", f"{host}/1093", text, host, f"https://{host}/@{user}", display_name=user.title())
    return Identity("feed", text, text, text.split("/")[2], text.rpartition("/")[0], display_name="Press Office")


def ago(hours: float) -> datetime:
    """So many hours before the examples' now."""
    return NOW - timedelta(hours=hours)


async def remember(
    conn: AsyncConnection,
    pasted: str,
    subject: str,
    zone: str,
    posts: Sequence[float],
    covered: tuple[float, float],
    *,
    outcome: str = "page",
    reason: str | None = None,
    detail: str | None = None,
) -> None:
    """Watch an account with posts and live coverage so many hours ago."""
    owner = (await subjects.add(conn, subject, zone=zone, now=ago(720)))[0]
    identity = await resolve(pasted)
    link = "{}/{}" if identity.platform != "bluesky" else ""
    account, _ = await accounts.add(conn, identity, now=ago(720), subject_id=owner.id, tags=["pledged"])
    made = tuple(
        Post(f"3lb{n}", Kind.ORIGINAL, ago(h), ago(h) + LAG, link.format(identity.profile_url, 1153 + n) or None)
        for n, h in enumerate(posts)
    )
    await sightings.insert_posts(conn, [sightings.NewPosts(account.id, made)])
    first, last = ago(covered[0]), ago(covered[1])
    stretch = Stretch(first, last, DEFAULT_KINDS, True, first + LAG, last + LAG, GAP, LAG)
    await looks.write_coverage(conn, [looks.Grown(account.id, stretch)])
    good_at = last + LAG
    at = good_at if outcome == "page" else ago(0.1)
    seen = [looks.Look(account.id, good_at, "page", None, None, len(made))]
    failed = [looks.Look(account.id, at, outcome, reason, detail, 0)] if outcome != "page" else []
    for look in [*seen, *failed]:
        await looks.write_looks(conn, [look])
    await looks.write_states(conn, [_state(account.id, at, good_at, outcome, reason, first, last)])
    await sightings.refresh_last_posts(conn, {account.id: 28.0}, NOW)
    await gaps.refresh(conn, {account.id: None})


def _state(
    account_id: int, at: datetime, good_at: datetime, outcome: str, reason: str | None, first: datetime, last: datetime
) -> Any:
    return looks.State(
        account_id=account_id,
        token=0,
        next_poll_at=NOW + timedelta(minutes=9),
        polled_at=at,
        good_at=good_at,
        paged_at=None,
        proven_page=True,
        outcome=outcome,
        reason=reason,
        outcome_since=good_at if outcome == "page" else at,
        failures=0 if outcome == "page" else 1,
        counter=None,
        covered_from=first,
        covered_until=last,
        covered_live_from=first,
    )


async def tell_of_alice(conn: AsyncConnection) -> None:
    """She was quiet for a day in the week before, and is again."""
    account = await names.find(conn, "bluesky:alice.example")
    assert account is not None
    short = {"id": account.public_id, "platform": "bluesky", "handle": account.handle, "subject": account.subject_name}
    for type_, hours, state in ((EventType.QUIET, 142.25, "quiet"), (EventType.RESUMED, 131, "active")):
        data = {"account": short, "state": state, "streak": {"since": ago(190.25)}}
        await events.record(conn, [NewEvent(type_, ago(hours), data, account.id)], ago(hours) + LAG)


async def plant(engine: AsyncEngine) -> None:
    """Alice is silent for three days, Bob has just posted, the press office's server is down."""
    async with engine.begin() as conn:
        await remember(
            conn,
            "https://bsky.app/profile/alice.example",
            "Alice Example",
            "America/Los_Angeles",
            (310.5, 190.25, 131, 104.5, 76.03),
            (400, 0.1),
        )
        await remember(conn, "@bob@social.example", "Bob Example", "Europe/Paris", (98, 49.5, 20, 0.75), (400, 0.1))
        await remember(
            conn,
            "https://press.example/feed.xml",
            "Press Office",
            "UTC",
            (200, 172),
            (300, 30),
            outcome="unreachable",
            reason="http_503",
            detail="the server answered 503",
        )
        await tell_of_alice(conn)
    await fit_all(engine, NOW)
