"""Random histories written to the tables the way looks leave them, for comparing answers with the domain's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.coverage import head_of
from app.domain.models import DEFAULT_KINDS, DateNote, Identity, Kind, Post, Stretch
from app.storage import accounts, gaps, sightings
from app.storage.sightings import NewPosts
from app.storage.tables import coverage as coverage_table

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PLATFORM = "bluesky"


def identity(name: str, platform: str = PLATFORM, host: str = "host.example") -> Identity:
    return Identity(
        platform=platform,
        native_id=f"did:plc:{name}",
        handle=f"{name}.example",
        host=host,
        profile_url=f"https://profile.example/{name}",
        display_name=name.title(),
    )


async def add_account(conn: AsyncConnection, name: str, **more: object) -> accounts.Account:
    account, _ = await accounts.add(conn, identity(name), now=NOW - 100 * DAY, **more)  # type: ignore[arg-type]
    return account


def random_posts(rng: random.Random) -> list[Post]:
    """Posts of every sort: dated, undated with and without a bound, back-dated, deleted, at equal times."""
    found = []
    for number in range(rng.choice((0, 1, 2, 5, 12, 30))):
        at = NOW - HOUR * rng.randint(1, 60 * 24)
        note, after = DateNote.NONE, None
        sort = rng.random()
        if sort < 0.1:
            note, after = DateNote.MISSING, at - HOUR * rng.randint(0, 72)
        elif sort < 0.13:
            note = DateNote.UNREADABLE
        elif sort < 0.2:
            note = DateNote.BACKDATED
        seen = at + HOUR * rng.randint(0, 30)
        deleted = seen + HOUR if rng.random() < 0.1 else None
        kind = rng.choice((Kind.ORIGINAL, Kind.REPLY, Kind.REPOST, Kind.STORY))
        found.append(Post(f"p{number}", kind, at, seen, None, note, after, deleted))
    return found


def random_stretches(rng: random.Random) -> list[Stretch]:
    """Live and read-back coverage with holes, for all kinds or some."""
    found = []
    at = NOW - HOUR * rng.randint(10, 70 * 24)
    while at < NOW - HOUR:
        end = min(at + HOUR * rng.randint(1, 30 * 24), NOW - timedelta(minutes=rng.randint(1, 90)))
        kinds = rng.choice((DEFAULT_KINDS | Kind.STORY, DEFAULT_KINDS, DEFAULT_KINDS, Kind.ORIGINAL | Kind.REPLY))
        live = rng.random() < 0.6
        seen = (at, end) if live else (end + HOUR, end + 2 * HOUR)
        gap = timedelta(minutes=rng.randint(5, 600))
        if at < end:
            found.append(Stretch(at, end, kinds, live, *seen, gap, timedelta(minutes=rng.randint(0, 30))))
        at = end + HOUR * rng.choice((0, 0, 0, 5, 60))
    return found


History = tuple[list[Post], list[Stretch]]


async def write(conn: AsyncConnection, histories: dict[int, History]) -> None:
    """Store histories by internal account id and bring the derived rows up to date, as the write path does."""
    await sightings.insert_posts(conn, [NewPosts(id_, tuple(made)) for id_, (made, _) in histories.items()])
    deleted = [
        (id_, post.native_id, post.deleted_seen_at)
        for id_, (made, _) in histories.items()
        for post in made
        if post.deleted_seen_at
    ]
    await sightings.mark_deleted(conn, deleted)
    for id_, (_, seen) in histories.items():
        await add_coverage(conn, id_, seen)
    await sightings.refresh_last_posts(conn, dict.fromkeys(histories, 28.0), NOW)
    heads = {id_: head for id_, (_, seen) in histories.items() if (head := head_of(seen, DEFAULT_KINDS))}
    if heads:
        await conn.execute(
            text(
                "update account_state set covered_from = :start, covered_until = :end, covered_live_from = :live,"
                " outcome = 'page', polled_at = :end where account_id = :id"
            ),
            [{"start": head.start, "end": head.end, "live": head.live_from, "id": id_} for id_, head in heads.items()],
        )
    await gaps.refresh(conn, dict.fromkeys(histories))


async def add_coverage(conn: AsyncConnection, account_id: int, seen: Sequence[Stretch]) -> None:
    """Store stretches as they are."""
    if seen:
        await conn.execute(insert(coverage_table), [_row(account_id, stretch) for stretch in seen])


def _row(account_id: int, stretch: Stretch) -> dict[str, object]:
    return {
        "starts_at": stretch.start,
        "ends_at": stretch.end,
        "recorded_from": stretch.recorded_from,
        "recorded_to": stretch.recorded_to,
        "account_id": account_id,
        "largest_gap_s": int(stretch.largest_gap.total_seconds()),
        "lag_s": int(stretch.lag.total_seconds()),
        "kinds": int(stretch.kinds),
        "live": stretch.live,
    }


async def world(conn: AsyncConnection, seed: int, number: int) -> list[int]:
    """``number`` accounts with random histories, tagged ``all``; their internal ids."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    histories = {}
    for index in range(number):
        validity = {"valid_from": NOW - 20 * DAY} if rng.random() < 0.1 else {}
        account = await add_account(conn, f"person{index}", tags=["all"], **validity)
        histories[account.id] = (random_posts(rng), random_stretches(rng))
    await write(conn, histories)
    return list(histories)
