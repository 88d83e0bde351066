"""Writes down what a group of looks found: one transaction for many accounts.

May assume: every finding's claim was leased to this process at some time. Promises: an account whose lease token no
longer matches is left out of the whole transaction; after a crash at any moment either all of a group is written or
nothing, and then the leases run out and the looks are made again; nothing is written twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from app.domain.models import OutcomeName, Page, Stretch
from app.domain.pace import NextLook, Rest
from app.domain.sighting import LATE_IMPORT
from app.domain.silence import counts
from app.storage import coverage, gaps, looks, memory, rhythms, sightings
from app.storage.claims import HEADS, Memory
from app.storage.engine import AsyncConnection
from app.storage.sightings import NewPosts
from app.worker import telling
from app.worker.buckets import bucket_of
from app.worker.context import Context
from app.worker.findings import Finding
from app.worker.judging import Known, Stored, Verdict, judge, stretches_after, unknown_ids
from app.worker.remembering import believed_target, remembered
from app.worker.standing import gaps_since, look_of, next_look_of, observed_days, state_after
from app.worker.telling import Glimpse


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding with everything that follows from it."""

    found: Finding
    verdict: Verdict
    memory: Memory
    planned: NextLook

    @property
    def account_id(self) -> int:
        """Whose."""
        return self.found.claim.account_id


async def apply(ctx: Context, findings: Sequence[Finding], now: datetime) -> list[Entry]:
    """Write these looks, at most one an account; returns those that were written."""
    async with ctx.engine.begin() as conn:
        held = await looks.hold(conn, {found.claim.account_id: found.claim.token for found in findings})
        kept = sorted((f for f in findings if f.claim.account_id in held), key=lambda f: f.claim.account_id)
        if not kept:
            return []
        stored = await _read(conn, kept)
        entries = [_entry(ctx, found, stored[found.claim.account_id], now) for found in kept]
        await _write(ctx, conn, entries, now)
    return entries


def _entry(ctx: Context, found: Finding, stored: Stored, now: datetime) -> Entry:
    platform = ctx.platforms[found.claim.platform]
    verdict = judge(ctx, platform, found, stored)
    kept = remembered(found, verdict.memory)
    return Entry(found, verdict, kept, next_look_of(ctx, platform, found, verdict, kept, now))


async def _read(conn: AsyncConnection, kept: Sequence[Finding]) -> dict[int, Stored]:
    """What is stored of the posts that the pages show beyond those of the last page."""
    pages = {f.claim.account_id: (f, f.look) for f in kept if isinstance(f.look, Page)}
    unknown = {
        account_id: ids
        for account_id, (f, page) in pages.items()
        if f.claim.polled_at is not None and (ids := unknown_ids(f.claim, page))  # before the first look: nothing
    }
    posts = await sightings.known_posts(conn, unknown)
    links = {
        account_id: wanted
        for account_id, ids in unknown.items()
        if (wanted := _links_if_rekeyed(pages[account_id][1], set(ids) - posts[account_id].keys()))
    }
    by_link = await sightings.known_links(conn, links)
    old = await _all_coverage(conn, [pages[account_id] for account_id in unknown])
    return {
        f.claim.account_id: Stored(
            {name: Known(*known) for name, known in posts.get(f.claim.account_id, {}).items()},
            {url: min(ids) for url, ids in by_link.get(f.claim.account_id, {}).items() if len(ids) == 1},
            old.get(f.claim.account_id),
        )
        for f in kept
    }


def _links_if_rekeyed(page: Page, fresh: set[str]) -> set[str]:
    """The links to look up where more than half of the page's ids are new: a feed may have named its posts anew."""
    if 2 * len(fresh) <= len(page.posts):
        return set()
    return {post.alias for post in page.posts if post.alias is not None and post.native_id in fresh}


async def _all_coverage(conn: AsyncConnection, pages: Sequence[tuple[Finding, Page]]) -> dict[int, list[Stretch]]:
    """All stretches of accounts whose claim does not hold them all, where a post claims to be from long ago."""
    wanted = [
        found.claim.account_id
        for found, page in pages
        if len(found.claim.heads) >= HEADS
        and any(p.posted_at is not None and found.looked_at - p.posted_at > LATE_IMPORT for p in page.posts)
    ]
    return await coverage.load(conn, wanted) if wanted else {}


async def _write(ctx: Context, conn: AsyncConnection, entries: Sequence[Entry], now: datetime) -> None:
    each = [(entry.account_id, entry.verdict) for entry in entries]
    await sightings.rekey(conn, [(i, old, new) for i, v in each for old, new in v.moved])
    await sightings.insert_posts(conn, [NewPosts(i, v.news) for i, v in each if v.news])
    deleted = [(e.account_id, name, e.found.looked_at) for e in entries for name in e.verdict.deleted]
    await sightings.mark_deleted(conn, deleted)
    await sightings.mark_returned(conn, [(i, name) for i, v in each for name in v.returned])
    await looks.write_coverage(conn, [piece for _, v in each for piece in v.coverage])
    await memory.write(conn, {e.account_id: e.memory for e in entries if e.memory != e.found.claim.memory})
    await looks.write_looks(conn, [look_of(e.found, e.verdict) for e in entries])
    states = [state_after(e.found, e.verdict, e.planned) for e in entries]
    await looks.write_states(conn, states)
    shown = {e.account_id for e in entries if isinstance(e.found.look, Page)}
    observed = {state.account_id: observed_days(state) for state in states if state.account_id in shown}
    await sightings.refresh_last_posts(conn, observed, now)
    await _write_gaps(conn, entries)
    await rhythms.follow(conn, {i for i, v in each if v.news}, now)
    moved = await _write_rare(conn, entries, now)
    await telling.after_looks(ctx, conn, [_glimpse(e, e.account_id in moved) for e in entries], now)


def _glimpse(entry: Entry, followed: bool) -> Glimpse:
    """What of the look matters to rules."""
    claim, look = entry.found.claim, entry.found.look
    handle = getattr(look, "handle", None)
    outcome = look_of(entry.found, entry.verdict).outcome
    newly = outcome == OutcomeName.MOVED and claim.outcome != outcome
    return Glimpse(
        claim.account_id,
        entry.found.looked_at,
        claim.platform,
        proved=entry.verdict.proved,
        posted=bool(entry.verdict.news),
        late=tuple(
            (post.posted_at, int(post.kind))
            for post in entry.verdict.news
            if claim.last_post_at is not None and post.posted_at < claim.last_post_at and counts(post, post.kind)
        ),
        renamed=(claim.handle, handle) if handle is not None and handle != claim.handle else None,
        moved=followed or newly,
        moved_to=entry.memory.redirect_to if followed else getattr(look, "moved_to", None),
        followed=followed,
    )


async def _write_gaps(conn: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Closed streaks. What the look itself has brought, or its claim, is not read again."""
    first = [e for e in entries if e.found.claim.polled_at is None and e.verdict.news]
    await gaps.begin(conn, {e.account_id: (e.verdict.news, [g.stretch for g in e.verdict.coverage]) for e in first})
    later = [e for e in entries if e.found.claim.polled_at is not None]
    changed = {e.account_id: since for e in later if (since := gaps_since(e.found, e.verdict)) is not ...}
    whole = (e for e in later if e.account_id in changed and len(e.found.claim.heads) < HEADS)
    covered = {e.account_id: stretches_after(e.found.claim, e.verdict.coverage) for e in whole}
    await gaps.refresh(conn, changed, covered)


async def _write_rare(conn: AsyncConnection, entries: Sequence[Entry], now: datetime) -> set[int]:
    """Renames, believed redirects, accounts that ended. Returns who is watched elsewhere from now on."""
    moved = set()
    for entry in entries:
        claim = entry.found.claim
        handle = getattr(entry.found.look, "handle", None)
        if handle is not None and handle != claim.handle:
            await looks.rename(conn, claim.account_id, handle, now)
        target = believed_target(claim.memory, entry.memory)
        if target is not None and await looks.move(
            conn, claim.account_id, target, bucket_of(urlsplit(target).netloc), now
        ):
            moved.add(claim.account_id)
    stopped = [entry.account_id for entry in entries if entry.planned.rest is Rest.STOPPED]
    await looks.set_status(conn, stopped, "stopped")
    return moved


def by_outcome(entries: Sequence[Entry]) -> dict[str, int]:
    """How many looks ended how."""
    found: dict[str, int] = defaultdict(int)
    for entry in entries:
        found[look_of(entry.found, entry.verdict).outcome] += 1
    return dict(found)
