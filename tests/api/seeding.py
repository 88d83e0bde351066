"""Accounts with a history, written by the same storage functions that the worker uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.models import DEFAULT_KINDS, Identity, Kind, Post, Stretch
from app.storage import accounts, gaps, looks, sightings, subjects
from app.storage.accounts import Account
from tests.api.conftest import NOW

HOUR = timedelta(hours=1)
GAP = timedelta(minutes=14)
LAG = timedelta(minutes=2)


def ago(hours: float) -> datetime:
    """So many hours before the test's now."""
    return NOW - hours * HOUR


async def watch(
    engine: AsyncEngine,
    handle: str,
    *,
    posts: Sequence[float] = (),
    covered: Sequence[tuple[float, float]] = (),
    outcome: str | None = "page",
    reason: str | None = None,
    subject: str | None = None,
    zone: str = "UTC",
    tags: Sequence[str] = (),
    kinds: Kind = DEFAULT_KINDS,
    platform: str = "bluesky",
    seen_late: timedelta = timedelta(minutes=10),
) -> Account:
    """An account with posts so many hours ago and live coverage from and to so many hours ago."""
    native = f"did:plc:{handle}"
    url = f"https://bsky.app/profile/{handle}"
    identity = Identity(platform, native, handle, "bsky.example", url, display_name=handle.title())
    async with engine.begin() as conn:
        owner_id = (await subjects.add(conn, subject, zone=zone, now=ago(1000)))[0].id if subject else None
        account, _ = await accounts.add(conn, identity, now=ago(1000), subject_id=owner_id, tags=tags)
        made = tuple(
            Post(f"p{number}", Kind.ORIGINAL, ago(hours), ago(hours) + seen_late, f"{url}/post/{number}")
            for number, hours in enumerate(posts)
        )
        await sightings.insert_posts(conn, [sightings.NewPosts(account.id, made)])
        stretches = [
            Stretch(ago(first), ago(last), kinds, True, ago(first) + LAG, ago(last) + LAG, GAP, LAG)
            for first, last in covered
        ]
        await looks.write_coverage(conn, [looks.Grown(account.id, stretch) for stretch in stretches])
        if outcome:
            await _look(conn, account.id, outcome, reason, stretches)
        await sightings.refresh_last_posts(conn, {account.id: 28.0}, NOW)
        await gaps.refresh(conn, {account.id: None})
    return account


async def _look(conn: object, account_id: int, outcome: str, reason: str | None, stretches: Sequence[Stretch]) -> None:
    last = max(stretches, key=lambda stretch: stretch.end, default=None)
    at = last.recorded_to if last and outcome in {"page", "unchanged"} else NOW - timedelta(minutes=1)
    await looks.write_looks(conn, [looks.Look(account_id, at, outcome, reason, None, 0)])  # type: ignore[arg-type]
    state = looks.State(
        account_id,
        0,
        NOW + HOUR,
        at,
        last.recorded_to if last else None,
        None,
        bool(last),
        outcome,
        reason,
        at,
        0,
        None,
        last.start if last else None,
        last.end if last else None,
        last.start if last else None,
    )
    await looks.write_states(conn, [state])  # type: ignore[arg-type]
