"""What is kept for a time only: single looks, events with their messages, attempts at delivery, pauses of ours.

May assume the caller's transaction. Promises: one call deletes at most ``most`` rows, so that no transaction lasts;
posts, coverage and streaks are never touched. An event goes only when nobody waits for it any more: neither an enabled
endpoint, nor an enabled notifier, nor a silence that it opened and that still goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import Instant

#: Rows of one call.
MOST = 10_000


def _statement(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("before", type_=Instant))


_POLLS = _statement("""
DELETE FROM polls WHERE id IN (SELECT id FROM polls WHERE last_at < :before ORDER BY id LIMIT :most)
""")
_ATTEMPTS = _statement("""
DELETE FROM delivery_attempts
WHERE id IN (SELECT id FROM delivery_attempts WHERE at < :before ORDER BY at LIMIT :most)
""")
_DELIVERIES = _statement("""
DELETE FROM deliveries
WHERE id IN (SELECT id FROM deliveries WHERE done_at < :before AND status IN ('delivered', 'failed')
             ORDER BY id LIMIT :most)
""")
_NOTICES = _statement("""
DELETE FROM notices WHERE (notifier_id, event_id) IN (
    SELECT n.notifier_id, n.event_id FROM notices n JOIN notifiers p ON p.id = n.notifier_id
    WHERE p.status = 'disabled' AND n.due_at < :before LIMIT :most)
""")
_EVENTS = _statement("""
DELETE FROM events WHERE id IN (
    SELECT e.id FROM events e
    WHERE e.recorded_at < :before
      AND NOT EXISTS (SELECT FROM deliveries d WHERE d.event_id = e.id AND d.status = 'pending')
      AND NOT EXISTS (SELECT FROM notices n JOIN notifiers p ON p.id = n.notifier_id
                      WHERE n.event_id = e.id AND p.status = 'enabled')
      AND NOT EXISTS (SELECT FROM rule_states s
                      WHERE s.account_id = e.account_id AND s.rule_id = e.rule_id AND s.quiet_event_id = e.id)
    ORDER BY e.recorded_at LIMIT :most)
""")
_PAUSES = _statement("""
DELETE FROM own_pauses
WHERE id IN (SELECT id FROM own_pauses WHERE ends_at < :before AND ends_at < (SELECT max(ends_at) FROM own_pauses)
             ORDER BY id LIMIT :most)
""")


async def prune_polls(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = MOST) -> int:
    """Delete looks that ended before ``now - keep``; how many rows went."""
    return await _prune(conn, _POLLS, now - keep, most)


async def prune_attempts(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = MOST) -> int:
    """Delete attempts made before ``now - keep``; how many rows went. The delivery remembers how it ended."""
    return await _prune(conn, _ATTEMPTS, now - keep, most)


async def prune_deliveries(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = MOST) -> int:
    """Delete deliveries that ended before ``now - keep``; how many rows went. Those that wait or are held stay."""
    return await _prune(conn, _DELIVERIES, now - keep, most)


async def prune_notices(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = MOST) -> int:
    """Delete what disabled notifiers should have told before ``now - keep``; how many rows went."""
    return await _prune(conn, _NOTICES, now - keep, most)


async def prune_events(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = MOST) -> int:
    """Delete events recorded before ``now - keep`` with all that hangs on them; how many events went."""
    return await _prune(conn, _EVENTS, now - keep, most)


async def prune_pauses(conn: AsyncConnection, now: datetime, keep: timedelta, most: int = MOST) -> int:
    """Delete pauses of ours that ended before ``now - keep``; the last one stays: evidence is fresh only behind it."""
    return await _prune(conn, _PAUSES, now - keep, most)


async def _prune(conn: AsyncConnection, statement: TextClause, before: datetime, most: int) -> int:
    return (await conn.execute(statement, {"before": before, "most": most})).rowcount
