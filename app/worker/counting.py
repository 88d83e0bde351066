"""The cheapest look: one request that counts the posts of many accounts.

May assume all claims are of one host and one platform with a counter. Promises: every claim gets exactly one answer of
its batch; a batch that fails is a failure of each of its accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain import pace
from app.domain.models import DEFAULT_KINDS, Failure, OutcomeName
from app.platforms.base import CounterLook, CounterMissing, Platform, Target
from app.storage.claims import Claim
from app.worker.context import Parser
from app.worker.conversation import Send, read, unreadable
from app.worker.findings import Exchange, Finding

#: A server without a batch counter is asked for one again after this long: it may have been brought up to date.
ASK_AGAIN = timedelta(days=1)
Counted = list[tuple[Claim, CounterLook, tuple[Exchange, ...]]]


def batch_size(platform: Platform, refused_at: datetime | None, now: datetime) -> int:
    """How many accounts one request counts; 0 where there is no counter, or the host has refused it within a day."""
    return 0 if refused_at is not None and now - refused_at < ASK_AGAIN else platform.batch_size


def is_refused(counted: Counted) -> bool:
    """Whether the server has no such counter: it answers with an error, and the platform says to look at each alone."""
    return all(
        isinstance(answer, CounterMissing) and any(each.response.status >= 400 for each in exchanges)
        for _, answer, exchanges in counted
    )


def target_of(claim: Claim) -> Target:
    """What the platform is told about the account."""
    return Target(
        account_id=claim.account_id,
        native_id=claim.native_id,
        handle=claim.handle,
        host=claim.host,
        memory=claim.memory.platform,
        counter=claim.counter,
        has_posts=claim.last_post_at is not None or bool(claim.memory.page_ids),
    )


def page_is_due(claim: Claim, now: datetime) -> bool:
    """Whether it is time for the daily full page: somewhat earlier than a day, each account at its own time."""
    if claim.paged_at is None:
        return True
    early = pace.JITTER * pace.uniform(claim.account_id, -1)
    return now + pace.COUNT_INTERVAL > claim.paged_at + pace.PAGE_EVERY * (1 - early)


def can_be_trusted(claim: Claim, platform: Platform, now: datetime) -> bool:
    """A counter that stands still says something only about a proven page that is not older than a day, and nothing of
    the kinds that it leaves out: where a rule's deadline has passed, a page decides."""
    if not claim.proven_page or page_is_due(claim, now):
        return False
    deadline, covered = claim.deadline, claim.covered_until
    decided = deadline is None or deadline > now or (covered is not None and covered >= deadline)
    return decided or platform.counted_kinds & DEFAULT_KINDS == DEFAULT_KINDS


async def count(platform: Platform, claims: Sequence[Claim], send: Send, parser: Parser | None) -> Counted:
    """Ask the counters of at most ``batch_size`` accounts. Raises what ``send`` raises."""
    targets = [target_of(claim) for claim in claims]
    request = platform.count(targets)
    answer = await send(request)
    if isinstance(answer, Failure):
        return [(claim, answer, ()) for claim in claims]
    try:
        found = await read(parser, len(answer.body), platform.read_count, targets, answer)
    except Exception as error:
        found = dict.fromkeys((claim.account_id for claim in claims), unreadable(error, answer.url))
    exchanges = (Exchange(request, answer),)
    return [(claim, found.get(claim.account_id, CounterMissing()), exchanges) for claim in claims]


def explains(platform: Platform, found: Finding, shown: int, margin: timedelta) -> bool:
    """Whether a page holds all that its counter counts, ``shown`` counted posts of it being new.

    A counter may run ahead of the page: it stands still afterwards, and a post that it counts was never seen. Where the
    page does not account for the move, or nothing is known to compare with, it is read again, and believed once the
    counter has stood still for the settling margin.
    """
    before, counter, last_look = found.claim.counter, found.counter, found.claim.polled_at
    if counter is None:
        return True
    if before is None or last_look is None:
        return False
    if found.claim.proven_page:
        return platform.least_new(before, counter) <= shown
    return counter == before and found.looked_at - margin >= last_look


def is_passing(failure: Failure) -> bool:
    """Whether a failed batch is the host's trouble; otherwise it has no such counter, and pages are read instead."""
    return failure.outcome in (OutcomeName.RATE_LIMITED, OutcomeName.UNREACHABLE) or bool(failure.retry_after)
