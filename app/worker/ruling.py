"""Judges accounts by the rules, from one row where that is enough, else from posts and coverage.

May assume that the caller's transaction holds the accounts' state rows. Promises: nothing is written but a pause of
ours that nobody had noticed, and that before anything is judged; whatever is told is told on full evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.adaptive import needs_rhythm, rearmed, threshold_of
from app.domain.models import DEFAULT_KINDS, Kind
from app.domain.rhythm.state import Rhythm
from app.domain.silence import Streak, Threshold
from app.domain.transitions import evaluate, since_judged
from app.domain.verdicts import Facts, Judgement
from app.storage import judgements, pauses, rhythms
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
    known = await rhythms.load(conn, {case.state.account_id for case in cases if needs_rhythm(case.rule)})
    cases, thresholds = _with_thresholds(cases, known, now)
    facts = {_pair(case): _facts(ctx, case, epoch, seen) for case in cases}
    judged: list[Judged] = []
    rest: list[Case] = []
    for case in cases:
        done = _judged_by_row(case, facts[_pair(case)], thresholds.get(_pair(case)), now)
        if done is None:
            rest.append(case)
        else:
            judged.append((case, done))
    for kinds in sorted({case.rule.kinds for case in rest}):
        of_kinds = [case for case in rest if case.rule.kinds == kinds]
        judged += await _judge_by_history(conn, of_kinds, kinds, facts, thresholds, now)
    return sorted(judged, key=lambda each: (each[0].state.account_id, each[0].rule.id))


def _pair(case: Case) -> Pair:
    return case.state.account_id, case.rule.id


def _with_thresholds(
    cases: Sequence[Case], known: Mapping[int, Rhythm], now: datetime
) -> tuple[list[Case], dict[Pair, Threshold]]:
    """The cases as they are judged, and by what adaptive rules judge them."""
    made = {_pair(case): threshold_of(case.rule, known.get(case.state.account_id), case.state) for case in cases}
    thresholds = {pair: threshold for pair, threshold in made.items() if threshold is not None}
    found = [
        replace(case, state=rearmed(case.state, threshold, case.standing.last_post_at, now))
        if (threshold := thresholds.get(_pair(case))) is not None
        else case
        for case in cases
    ]
    return found, thresholds


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


def _judged_by_row(case: Case, facts: Facts, threshold: Threshold | None, now: datetime) -> Judgement | None:
    """The judgement where one row is enough; None where posts and coverage have to be read: whatever is told is told
    on full evidence."""
    state, last = case.state, case.standing.last_post_at
    if case.rule.kinds != DEFAULT_KINDS:
        return None
    if state.last_post_at != last and not _only_moves(case, case.rule.threshold(threshold), last):
        return None
    streak = streak_of(case.standing, now)
    if streak is None:
        return None
    done = evaluate(case.rule, _with(facts, [streak]), state, now, threshold)
    return None if done.told else done


def _only_moves(case: Case, threshold: Threshold, last: datetime | None) -> bool:
    """Whether the last post, which is another one now, can have ended no silence that is news."""
    state, known = case.state, case.state.last_post_at
    if state.quiet_event_id is not None or last is None:
        return False
    return last < state.baseline if known is None else last < threshold.deadline(known)


def _with(facts: Facts, streaks: Iterable[Streak]) -> Facts:
    return replace(facts, streaks=tuple(streaks))


async def _judge_by_history(
    conn: AsyncConnection,
    cases: Sequence[Case],
    kinds: Kind,
    facts: Mapping[Pair, Facts],
    thresholds: Mapping[Pair, Threshold],
    now: datetime,
) -> list[Judged]:
    since: dict[int, datetime] = {}
    for case in cases:
        # Before the first post that was judged, a silence is news if its deadline comes after the rule did.
        start = case.state.last_post_at or case.state.baseline - case.rule.longest
        since[case.state.account_id] = min(since.get(case.state.account_id, start), start)
    streaks = await judgements.streaks_since(conn, since, kinds, now)
    judged = []
    for case in cases:
        wanted = _with(facts[_pair(case)], since_judged(streaks[case.state.account_id], case.state))
        judged.append((case, evaluate(case.rule, wanted, case.state, now, thresholds.get(_pair(case)))))
    return judged
