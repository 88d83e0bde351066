"""Judges accounts by the rules, from one row where that is enough, else from posts and coverage.

May assume that the caller's transaction holds the accounts' state rows. Promises: nothing is written but a pause of
ours that nobody had noticed, and that before anything is judged; whatever is told is told on full evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.models import DEFAULT_KINDS, Kind
from app.domain.silence import Streak
from app.domain.transitions import Facts, Judgement, evaluate, since_judged
from app.storage import judgements, pauses
from app.storage.engine import AsyncConnection
from app.storage.judgements import Case, Pair
from app.storage.silence import streak_of
from app.worker.context import Context

Judged = tuple[Case, Judgement]


async def judge(
    ctx: Context, conn: AsyncConnection, pairs: Sequence[Pair], now: datetime, seen: Collection[int] = ()
) -> list[Judged]:
    """Judge each pair, in their order; those that are gone are left out. ``seen``: accounts in sight again."""
    if not pairs:
        return []
    epoch = await pauses.notice(conn, now, ctx.options.own_pause)
    cases = await judgements.load(conn, pairs)
    facts = {(case.state.account_id, case.rule.id): _facts(ctx, case, epoch, seen) for case in cases}
    judged: list[Judged] = []
    rest: list[Case] = []
    for case in cases:
        done = _judged_by_row(case, facts[case.state.account_id, case.rule.id], now)
        if done is None:
            rest.append(case)
        else:
            judged.append((case, done))
    for kinds in sorted({case.rule.kinds for case in rest}):
        judged += await _judge_by_history(conn, [case for case in rest if case.rule.kinds == kinds], kinds, facts, now)
    return sorted(judged, key=lambda each: (each[0].state.account_id, each[0].rule.id))


def _facts(ctx: Context, case: Case, epoch: datetime | None, seen: Collection[int]) -> Facts:
    ends = [at for at in (epoch, case.recovered_at) if at is not None]
    return Facts(
        (),
        good_at=case.good_at,
        epoch=max(ends, default=None),
        degraded=case.degraded,
        unobservable=case.unobservable and case.state.account_id not in seen,
        blind=ctx.options.live_gap,
        patience=ctx.options.unobservable_after,
    )


def _judged_by_row(case: Case, facts: Facts, now: datetime) -> Judgement | None:
    """The judgement where one row is enough; None where posts and coverage have to be read: whatever is told is told
    on full evidence."""
    state, last = case.state, case.standing.last_post_at
    if case.rule.kinds != DEFAULT_KINDS:
        return None
    if state.last_post_at != last and not _only_moves(case, last):
        return None
    streak = streak_of(case.standing, now)
    if streak is None:
        return None
    done = evaluate(case.rule, _with(facts, [streak]), state, now)
    return None if done.told else done


def _only_moves(case: Case, last: datetime | None) -> bool:
    """Whether the last post, which is another one now, can have ended no silence that is news."""
    state, known = case.state, case.state.last_post_at
    if state.quiet_event_id is not None or last is None:
        return False
    return last < state.baseline if known is None else last < case.rule.threshold().deadline(known)


def _with(facts: Facts, streaks: Iterable[Streak]) -> Facts:
    return replace(facts, streaks=tuple(streaks))


async def _judge_by_history(
    conn: AsyncConnection, cases: Sequence[Case], kinds: Kind, facts: Mapping[Pair, Facts], now: datetime
) -> list[Judged]:
    since: dict[int, datetime] = {}
    for case in cases:
        # Before the first post that was judged, a silence is news if its deadline comes after the rule did.
        start = case.state.last_post_at or case.state.baseline - case.rule.longest
        since[case.state.account_id] = min(since.get(case.state.account_id, start), start)
    streaks = await judgements.streaks_since(conn, since, kinds, now)
    judged = []
    for case in cases:
        pair = case.state.account_id, case.rule.id
        wanted = since_judged(streaks[case.state.account_id], case.state)
        judged.append((case, evaluate(case.rule, _with(facts[pair], wanted), case.state, now)))
    return judged
