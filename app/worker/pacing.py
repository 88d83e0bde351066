"""When the account is due again: the domain's pace within this installation's bounds.

Promises: what a source asked for (Retry-After, max-age, ttl) and the least intervals of the settings always hold;
``poll_default`` other than its documented value stretches or shrinks every interval of our own in proportion.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.outcomes import proves
from app.domain.pace import COUNT_INTERVAL, NextLook, Situation, next_look
from app.platforms.base import Platform
from app.worker.context import Options

ZERO = timedelta(0)


def plan(situation: Situation, platform: Platform, options: Options, now: datetime) -> NextLook:
    """The next look after one that ended at ``now``."""
    planned = next_look(situation, now)
    if planned.at is None:
        return planned
    wait = (planned.at - now) * (options.poll_default / COUNT_INTERVAL)
    if proves(situation.outcome):
        wait = min(wait, options.poll_longest)
    least = options.feed_least if platform.name == "feed" else options.poll_least
    if situation.batch and not situation.proven_page:
        # A counter is believed once it has stood still for a margin; a companion's look may come a quarter early.
        least = max(least, situation.margin * 2)
    asked = max(situation.least_interval or ZERO, situation.retry_after or ZERO)
    return NextLook(now + max(wait, least, asked), planned.full_page, planned.rest)
