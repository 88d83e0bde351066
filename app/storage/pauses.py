"""Our own life: the last beat of any worker, and when there was none.

May assume the caller's transaction. Promises: a pause is written once, by whoever notices it first, before anything is
judged in the same transaction; as long as somebody beats nobody waits for anybody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.raw import fetch

#: No beat of any worker for so long: we were not there.
LONGEST_BEAT = timedelta(minutes=2)
STOPPED, CLOCK_STEP = "stopped", "clock_step"

_READ = """
select beat_at, (select max(ends_at) from own_pauses where ends_at <= $1::timestamptz + interval '1 minute') from pulse
"""
_FIRST = "insert into pulse (id, beat_at) values (1, $1) on conflict do nothing"
_LOCK = "select beat_at from pulse where id = 1 for update"
_PAUSE = "insert into own_pauses (starts_at, ends_at, cause) values ($1, $2, $3)"
_BEAT = "update pulse set beat_at = $1 where id = 1 and beat_at <> $1"


async def notice(
    conn: AsyncConnection, now: datetime, longest: timedelta = LONGEST_BEAT, step: timedelta | None = None
) -> datetime | None:
    """When our last pause ended, None where there was none; one that nobody has noticed yet is written first.

    ``step``: by how much the wall clock of this machine was just set. Evidence from before the end is not fresh.
    """
    rows = await fetch(conn, _READ, now)
    if not rows:
        await fetch(conn, _FIRST, now)
        return None
    beat_at, epoch = rows[0]
    if abs(now - beat_at) <= longest and step is None:
        found: datetime | None = epoch
        return found
    beat_at = (await fetch(conn, _LOCK))[0][0]
    if abs(now - beat_at) > longest or step is not None:
        cause = CLOCK_STEP if step is not None or now < beat_at else STOPPED
        await fetch(conn, _PAUSE, min(beat_at, now), now, cause)
        await fetch(conn, _BEAT, now)
    return now


async def beat(conn: AsyncConnection, now: datetime) -> None:
    """A sign of life, after ``notice``."""
    await fetch(conn, _BEAT, now)
