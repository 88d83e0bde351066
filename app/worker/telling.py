"""Writes what the rules made of accounts, and tells what is news: all in the caller's transaction.

May assume that the caller's transaction holds the accounts' state rows and has written what its looks found. Promises:
state, event and outbox are one transaction; the log of events is written last; a pause of ours is on record before
anything is judged; looks that change nothing for any rule cost one query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from app.domain.events import EventType, NewEvent
from app.domain.models import DEFAULT_KINDS, Post
from app.domain.pace import FLOOR, confirm_after
from app.domain.quiet_hours import tell_at
from app.domain.rhythm.state import Rhythm
from app.domain.rules import RuleState
from app.domain.silence import State
from app.domain.verdicts import Told
from app.storage import events, judgements, rhythms, rule_states, silence
from app.storage.engine import AsyncConnection
from app.storage.events import Recorded
from app.storage.judgements import Case, Pair
from app.storage.silence import Standing
from app.webhooks import payloads
from app.webhooks.payloads import Owner
from app.worker.context import Context
from app.worker.ruling import Judged, judge


class Glimpse(NamedTuple):
    """What of a look matters to rules and to those who are told."""

    account_id: int
    looked_at: datetime
    platform: str
    proved: bool = False
    posted: bool = False
    """It brought posts that were not known."""
    late: tuple[tuple[datetime, int], ...] = ()
    """(time, kind) of those that are older than the last one known before."""
    renamed: tuple[str, str] | None = None
    """Its handle before and now."""
    moved: bool = False
    """The look found, for the first time, that it is elsewhere."""
    moved_to: str | None = None
    followed: bool = False
    """It is watched there from now on."""


@dataclass(slots=True)
class Telling:
    """What one transaction writes and tells."""

    judged: list[Judged] = field(default_factory=list)
    news: list[NewEvent] = field(default_factory=list)
    quiets: list[tuple[int, int, int]] = field(default_factory=list)
    """(account, rule, place in ``news``)."""
    unseen: dict[int, tuple[datetime, str]] = field(default_factory=dict)


async def after_looks(ctx: Context, conn: AsyncConnection, glimpses: Sequence[Glimpse], now: datetime) -> None:
    """Judge the accounts that were just looked at, tell what is new, and plan the look that confirms a deadline."""
    proved = {each.account_id for each in glimpses if each.proved}
    posted = {each.account_id for each in glimpses if each.posted}
    touched = await judgements.touched(conn, proved, posted)
    about = [each for each in glimpses if each.renamed or each.moved]
    telling = Telling()
    if touched.unseen or about:
        await _tell_sights(conn, telling, about, touched.unseen, {each.account_id: each.looked_at for each in glimpses})
    telling.judged = await judge(ctx, conn, touched.pairs, now, seen=set(touched.unseen))
    await _collect(ctx, conn, telling, now)
    moved = await _write(conn, telling, now, seen=touched.unseen)
    late = [(each.account_id, *post) for each in glimpses for post in each.late]
    if late:
        await _revise(ctx, conn, telling, late, now)
    platforms = {each.account_id: each.platform for each in glimpses}
    await _plan_looks(ctx, conn, {id_: platforms[id_] for id_ in {*moved, *touched.near}}, now)
    await _record(conn, telling, now)


async def when_due(ctx: Context, conn: AsyncConnection, pairs: Sequence[Pair], now: datetime) -> Telling:
    """Judge pairs whose time has come."""
    telling = Telling()
    telling.judged = await judge(ctx, conn, pairs, now)
    await _collect(ctx, conn, telling, now)
    moved = await _write(conn, telling, now)
    platforms = {case.standing.account_id: case.standing.platform for case, _ in telling.judged}
    await _plan_looks(ctx, conn, {id_: platforms[id_] for id_ in moved}, now)
    await _record(conn, telling, now)
    return telling


async def _collect(ctx: Context, conn: AsyncConnection, telling: Telling, now: datetime) -> None:
    """The news of what was judged."""
    olds = [told.old_event_id for _, done in telling.judged for told in done.told if told.old_event_id]
    names = await judgements.event_names(conn, olds) if olds else {}
    known = await _rhythms_of_quiets(conn, telling)
    for case, done in telling.judged:
        rule, standing = case.rule, case.standing
        owner, link = owner_of(standing), partial(_link, ctx, standing)
        later = tell_at(rule.quiet_hours, rule.pauses, now) if done.told else None
        for told in done.told:
            if told.type is EventType.QUIET:
                telling.quiets.append((standing.account_id, rule.id, len(telling.news)))
            rhythm = known.get(standing.account_id) if rule.kinds == DEFAULT_KINDS else None
            data = payloads.transition(told, rule, owner, link, names.get(told.old_event_id or 0), rhythm)
            telling.news.append(NewEvent(told.type, told.occurred_at, data, standing.account_id, rule.id, later))
    for case, done in telling.judged:
        if done.unobservable_since is not None and case.standing.account_id not in telling.unseen:
            _tell_unseen(telling, case, done.unobservable_since)


async def _rhythms_of_quiets(conn: AsyncConnection, telling: Telling) -> dict[int, Rhythm]:
    """Whoever hears of a silence hears what it is worth. Rhythms are of the default kinds."""
    quiets = {
        case.state.account_id
        for case, done in telling.judged
        if any(told.type is EventType.QUIET for told in done.told) and case.rule.kinds == DEFAULT_KINDS
    }
    return await rhythms.load(conn, quiets)


async def _revise(
    ctx: Context, conn: AsyncConnection, telling: Telling, late: Sequence[tuple[int, datetime, int]], now: datetime
) -> None:
    """Quiets that were told and ended, and that a post found only now proves wrong."""
    anyway = [told.old_event_id for _, done in telling.judged for told in done.told if told.old_event_id]
    found = await judgements.overturned(conn, late, anyway)
    names = await judgements.event_names(conn, [each.event_id for each in found]) if found else {}
    for each in found:
        standing, state = each.case.standing, each.case.state.state
        told = Told(EventType.REVISED, now, state, State.QUIET, each.deadline, retrospective=True)
        owner, link = owner_of(standing), partial(_link, ctx, standing)
        data = payloads.transition(told, each.case.rule, owner, link, names[each.event_id])
        telling.news.append(NewEvent(told.type, now, data, standing.account_id, each.case.rule.id))


def _tell_unseen(telling: Telling, case: Case, since: datetime) -> None:
    standing = case.standing
    reason = standing.reason or ("not_looked_at" if standing.outcome in (None, "page", "unchanged") else "")
    reason = reason or str(standing.outcome)
    telling.unseen[standing.account_id] = since, reason
    data = payloads.unobservable(owner_of(standing), since, case.good_at, standing.outcome, reason)
    telling.news.append(NewEvent(EventType.UNOBSERVABLE, since, data, standing.account_id))


async def _tell_sights(
    conn: AsyncConnection,
    telling: Telling,
    about: Sequence[Glimpse],
    unseen: Sequence[int],
    looked_at: Mapping[int, datetime],
) -> None:
    """Renames, moves, and sight that returned: whatever the rules."""
    standings = await silence.load_standings(conn, sorted({*unseen, *(each.account_id for each in about)}))
    for each in about:
        owner, add = owner_of(standings[each.account_id]), partial(_add, telling, each)
        if each.renamed:
            add(EventType.RENAMED, payloads.renamed(owner, *each.renamed))
        if each.moved:
            add(EventType.MOVED, payloads.moved(owner, each.moved_to, followed=each.followed))
    for account_id, sight in (await rule_states.sights(conn, unseen)).items():
        owner, at = owner_of(standings[account_id]), looked_at[account_id]
        data = payloads.observable(owner, sight.unobservable_since, at)
        telling.news.append(NewEvent(EventType.OBSERVABLE, at, data, account_id))


def _add(telling: Telling, glimpse: Glimpse, type_: EventType, data: payloads.Data) -> None:
    telling.news.append(NewEvent(type_, glimpse.looked_at, data, glimpse.account_id))


async def _write(conn: AsyncConnection, telling: Telling, now: datetime, seen: Sequence[int] = ()) -> set[int]:
    """Returns the accounts whose deadlines moved."""
    changed = [done.after for case, done in telling.judged if _matters(case.state, done.after, now)]
    await judgements.write(conn, changed)
    await judgements.mark_seen(conn, seen)
    await judgements.mark_unseen(conn, sorted((i, since, why) for i, (since, why) in telling.unseen.items()))
    moved = {
        case.state.account_id
        for case, done in telling.judged
        if (case.state.deadline, case.state.late_at, case.state.quiet_event_id)
        != (done.after.deadline, done.after.late_at, done.after.quiet_event_id)
    }
    await judgements.set_deadlines(conn, moved, now)
    return moved


def _matters(before: RuleState, after: RuleState, now: datetime) -> bool:
    """Whether the row has to be written. A check that comes too early only looks again, so a later one alone does
    not matter."""
    if before == after:
        return False
    early = before.check_at is not None and before.check_at > now
    only_later = early and (after.check_at is None or before.check_at is None or before.check_at <= after.check_at)
    return not (only_later and _but_check(before) == _but_check(after))


def _but_check(state: RuleState) -> tuple[object, ...]:
    return tuple(getattr(state, name) for name in RuleState.__slots__ if name != "check_at")


async def _plan_looks(ctx: Context, conn: AsyncConnection, platforms: Mapping[int, str], now: datetime) -> None:
    """A look just after each account's next deadline, so that the proof passes it."""
    looks = []
    for account_id in sorted(platforms):
        platform = ctx.platforms[platforms[account_id]]
        least = ctx.options.feed_least if platform.name == "feed" else ctx.options.poll_least
        looks.append((account_id, confirm_after(account_id, ctx.margin(platform)), max(least, FLOOR)))
    await judgements.draw_forward(conn, looks, now)


async def _record(conn: AsyncConnection, telling: Telling, now: datetime) -> None:
    made: list[Recorded] = await events.record(conn, telling.news, now)
    quiets = ((account_id, rule_id, made[place].id) for account_id, rule_id, place in telling.quiets)
    # A quiet that was over when it was found is no longer open.
    still = {
        (done.after.account_id, done.after.rule_id)
        for _, done in telling.judged
        if done.after.quiet_event_id is not None
    }
    last = {(account_id, rule_id): event_id for account_id, rule_id, event_id in quiets}
    await judgements.name_quiets(conn, [(*pair, event_id) for pair, event_id in last.items() if pair in still])


def owner_of(standing: Standing) -> Owner:
    """The account as events name it."""
    return Owner(standing.public_id, standing.platform, standing.handle, standing.subject_name)


def _link(ctx: Context, standing: Standing, post: Post) -> str | None:
    platform = ctx.platforms.get(standing.platform)
    if post.url or platform is None:
        return post.url
    return platform.post_url(post.native_id, standing.handle, standing.native_id)
