"""Where an account stands after a look: its state row, its line in the list of looks, when it is due again.

Promises: pure; failures in a row and "since when" follow from the claimed state and this look alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import EllipsisType

from app.domain.coverage import Head, head_of
from app.domain.models import DEFAULT_KINDS, DateNote, Failure, OutcomeName, Page, Post, Unchanged
from app.domain.pace import NextLook, Situation
from app.platforms.base import Platform
from app.storage.claims import Claim, Memory
from app.storage.looks import Look, State
from app.worker.context import Context
from app.worker.counting import batch_size
from app.worker.findings import Finding
from app.worker.judging import Verdict, stretches_after
from app.worker.pacing import plan

#: A pace looks back over at most so many days.
PACE_DAYS = 28.0
_VOID = {
    "read_back_cut_short": "older pages could not be read; to be continued",
    "clock_step": "our clock was set during the look",
}


def outcome_of(found: Finding) -> OutcomeName:
    """How the look ended."""
    if isinstance(found.look, Failure):
        return found.look.outcome
    if found.void is not None:
        return OutcomeName.UNREACHABLE
    return OutcomeName.PAGE if isinstance(found.look, Page) else OutcomeName.UNCHANGED


def reason_of(found: Finding) -> str | None:
    """The stable code of a failed look."""
    return found.look.reason if isinstance(found.look, Failure) else found.void


def failures_of(found: Finding) -> int:
    """Failed looks in a row, this one included."""
    failed = isinstance(found.look, Failure) or found.void is not None
    return found.claim.failures + 1 if failed else 0


def look_of(found: Finding, verdict: Verdict) -> Look:
    """The look's line in the list of looks."""
    look = found.look
    detail = look.detail or None if isinstance(look, Failure) else _VOID.get(found.void or "")
    return Look(
        found.claim.account_id,
        found.looked_at,
        outcome_of(found).value,
        reason_of(found),
        detail,
        len(verdict.news),
    )


def next_look_of(
    ctx: Context, platform: Platform, found: Finding, verdict: Verdict, memory: Memory, now: datetime
) -> NextLook:
    """When the account is due again."""
    claim, look = found.claim, found.look
    last = [post.posted_at for post in verdict.news if _counts(post)]
    situation = Situation(
        account_id=claim.account_id,
        turn=int(found.looked_at.timestamp()),
        outcome=outcome_of(found),
        failures=failures_of(found),
        outcome_since=_since(found),
        retry_after=look.retry_after if isinstance(look, Failure) else None,
        reason=reason_of(found),
        stop=isinstance(look, Failure) and look.stop,
        least_interval=memory.least_interval,
        posts_per_day=None if claim.posts_per_day is None else claim.posts_per_day / 1000,
        last_post_at=max([*last, *([claim.last_post_at] if claim.last_post_at else [])], default=None),
        margin=ctx.margin(platform),
        batch=batch_size(platform, claim.counter_refused_at, found.looked_at) > 0,
        paged_at=_paged_at(found),
        proven_page=_proven_page(found, verdict),
    )
    return plan(situation, platform, ctx.options, now)


def state_after(found: Finding, verdict: Verdict, planned: NextLook) -> State:
    """The account's row after the look."""
    claim = found.claim
    whole = head_of(stretches_after(claim, verdict.coverage), DEFAULT_KINDS)
    covered_from, live_from = _contiguous(claim, whole)
    return State(
        account_id=claim.account_id,
        token=claim.token,
        next_poll_at=planned.at,
        polled_at=found.looked_at,
        good_at=found.looked_at if verdict.proved else claim.good_at,
        paged_at=_paged_at(found),
        proven_page=_proven_page(found, verdict),
        outcome=outcome_of(found).value,
        reason=reason_of(found),
        outcome_since=_since(found),
        failures=failures_of(found),
        counter=_counter(found),
        covered_from=covered_from,
        covered_until=whole.end if whole else None,
        covered_live_from=live_from,
    )


def observed_days(state: State) -> float:
    """For how many of the last 28 days the account has been observed, at least one."""
    days = (state.polled_at - (state.covered_from or state.polled_at)) / timedelta(days=1)
    return min(max(days, 1.0), PACE_DAYS)


def gaps_since(found: Finding, verdict: Verdict) -> datetime | EllipsisType | None:
    """The earliest moment from which on streaks on record change; None: from the beginning; ...: nowhere."""
    last = found.claim.last_post_at
    if verdict.moved:
        return None
    rows = {head.row_id: head.stretch.end for head in found.claim.heads}
    starts = [rows.get(piece.row_id or 0, piece.stretch.start) for piece in verdict.coverage]
    news = [post.posted_at for post in verdict.news]
    if last is None:
        return None if news else ...
    if news:
        return min(last, *starts, *news)
    # Without news only the proven parts of closed streaks can grow: those before the last post.
    return min(starts) if any(at < last for at in starts) else ...


def _contiguous(claim: Claim, whole: Head | None) -> tuple[datetime | None, datetime | None]:
    """Since when it is covered, and live, without a break; rows older than the claim's are remembered by the state."""
    if whole is None:
        return None, None
    start, live, until = whole.start, whole.live_from, claim.covered_until
    if until is not None and claim.covered_from is not None and start <= until:
        start = min(start, claim.covered_from)
    if until is not None and live is not None and claim.covered_live_from is not None and live <= until:
        live = min(live, claim.covered_live_from)
    return start, live


def _since(found: Finding) -> datetime:
    claim = found.claim
    if claim.outcome == outcome_of(found).value and claim.outcome_since is not None:
        return claim.outcome_since
    return found.looked_at


def _paged_at(found: Finding) -> datetime | None:
    """The last full page, or the last daily check that said the page still stands."""
    if found.void is None and (isinstance(found.look, Page) or (found.checked and isinstance(found.look, Unchanged))):
        return found.looked_at
    return found.claim.paged_at


def _proven_page(found: Finding, verdict: Verdict) -> bool:
    return found.claim.proven_page if verdict.memory is None else verdict.memory.proven


def _counter(found: Finding) -> int | None:
    if isinstance(found.look, Failure) or found.void is not None:
        # A counter that was seen to move and moves back hides a post and a deletion: only a page tells.
        moved = found.counter is not None and found.counter != found.claim.counter
        return None if moved else found.claim.counter
    return found.counter


def _counts(post: Post) -> bool:
    return post.note is DateNote.NONE or not post.note & DateNote.BACKDATED
