"""From a finding and what is stored to what has to be written: the only place where a look becomes knowledge.

May assume: ``Stored`` was read under the account's row lock. Promises: pure; a look that proves nothing changes no
coverage, whatever it showed; posts are news only where neither their id nor, in a feed that named its posts anew, their
link is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.coverage import Change, extend, head_of, known_at, proven_to, unchanged
from app.domain.coverage import Head as CoverageHead
from app.domain.intervals import intersect
from app.domain.joining import Judgement, PageMemory, judge_page, page_again, rekeyed
from app.domain.models import DateNote, Interval, Kind, Page, Post, Stretch, Unchanged
from app.domain.sighting import EARLIEST_CLAIM, sighted
from app.platforms.base import Platform
from app.storage.claims import Claim, Head
from app.storage.looks import Grown
from app.worker.context import Context
from app.worker.counting import explains
from app.worker.findings import Finding
from app.worker.looking import page_memory


@dataclass(frozen=True, slots=True)
class Known:
    """A stored post as far as it matters here."""

    posted_at: datetime
    deleted: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database knows of the posts on a page."""

    posts: Mapping[str, Known] = field(default_factory=dict)
    id_by_link: Mapping[str, str] = field(default_factory=dict)
    """Only links that name exactly one post."""
    coverage: Sequence[Stretch] | None = None
    """All of it, where posts from long ago turned up; None: what came with the claim is enough."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look changes."""

    news: tuple[Post, ...] = ()
    deleted: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    """(stored id, new id) of a feed that names its posts anew."""
    coverage: tuple[Grown, ...] = ()
    memory: PageMemory | None = None
    """None keeps the last page."""
    late: int = 0
    """News inside time that had been called covered."""

    @property
    def proved(self) -> bool:
        """Whether coverage grew or was confirmed."""
        return bool(self.coverage)


def judge(ctx: Context, platform: Platform, found: Finding, stored: Stored) -> Verdict:
    """What the look means. Failures mean nothing."""
    look = found.look
    proof = proven_to(found.looked_at, ctx.margin(platform), found.stale, found.skew)
    if isinstance(look, Page):
        return _counted(ctx, platform, found, _judge_page(ctx, platform, found, look, stored, proof))
    if isinstance(look, Unchanged) and found.void is None:
        return _counted(ctx, platform, found, _judge_unchanged(ctx, found, look, proof))
    return Verdict()


def _counted(ctx: Context, platform: Platform, found: Finding, verdict: Verdict) -> Verdict:
    """The same, but "unchanged" shall not speak of a page that does not show all that its counter counts."""
    if found.counter is None:  # nothing was counted: nothing has to be explained
        return verdict
    memory = verdict.memory or page_memory(found.claim)
    shown = sum(bool(post.kind & platform.counted_kinds) for post in verdict.news)
    if not memory.proven or found.void is not None or explains(platform, found, shown, ctx.margin(platform)):
        return verdict
    return replace(verdict, memory=replace(memory, proven=False))


def unknown_ids(claim: Claim, page: Page) -> list[str]:
    """The ids of the page that the last page did not have: these are looked up."""
    before = set(claim.memory.page_ids)
    return [post.native_id for post in page.posts if post.native_id not in before]


def _judge_page(
    ctx: Context, platform: Platform, found: Finding, page: Page, stored: Stored, proof: datetime
) -> Verdict:
    claim = found.claim
    memory = page_memory(claim)
    ids = {post.native_id for post in page.posts}
    known = {name for name, _ in memory.ids_times if name in ids} | stored.posts.keys()
    renamed: dict[str, str] = {}
    if stored.id_by_link:
        aliases = {post.native_id: post.alias for post in page.posts if post.alias is not None}
        renamed = rekeyed(aliases, known, stored.id_by_link)
    if renamed:
        memory = _renamed(memory, renamed)
        known |= renamed.keys()
    news = _news(found, page, known, stored.coverage, _counted_since(ctx, platform, claim))
    back = tuple(name for name, post in stored.posts.items() if post.deleted)
    moved = tuple((old, new) for new, old in renamed.items())
    late = _late(claim, news)
    if found.void is not None:
        return Verdict(news=news, returned=back, moved=moved, late=late)
    whole = head_of(stretches(claim), page.kinds)
    judgement = _verdict(found, page, stored, memory, known, proof, whole)
    changes = _extended(ctx, claim, found, judgement, page.kinds, proof, whole)
    return Verdict(news, tuple(judgement.deleted), back, moved, changes, judgement.memory, late)


def _verdict(
    found: Finding,
    page: Page,
    stored: Stored,
    memory: PageMemory,
    known: set[str],
    proof: datetime,
    head: CoverageHead | None,
) -> Judgement:
    times, at = dict(memory.ids_times), found.looked_at
    stamps = [
        (post.native_id, claimed)
        if (claimed := post.posted_at) is not None and EARLIEST_CLAIM <= claimed <= at
        else (post.native_id, _given(post.native_id, at, times, stored))
        for post in page.posts
    ]
    return judge_page(
        stamps,
        known,
        memory,
        ordered=page.ordered,
        complete=page.complete,
        head=head.end if head else None,
        proven_to=proof,
        account_created_at=page.account_created_at or found.claim.created_at,
    )


def _given(name: str, looked_at: datetime, times: Mapping[str, datetime], stored: Stored) -> datetime:
    # Undated, or dated ahead: the time it was given when it was first seen stands, or it would move with every look.
    known = stored.posts.get(name)
    return min(times.get(name) or (known.posted_at if known else looked_at), looked_at)


def _counted_since(ctx: Context, platform: Platform, claim: Claim) -> datetime | None:
    """From when on nothing but a counter may have vouched for the account; None where there is no counter."""
    return claim.paged_at - ctx.margin(platform) if platform.batch_size and claim.paged_at else None


def _news(
    found: Finding, page: Page, known: set[str], coverage: Sequence[Stretch] | None, counted_since: datetime | None
) -> tuple[Post, ...]:
    fresh = {post.native_id: post for post in page.posts if post.native_id not in known}
    if not fresh:
        return ()
    rows = stretches(found.claim) if coverage is None else coverage
    live = known_at(rows, None, page.kinds).live if rows else ()
    if counted_since is not None:
        # A counter that stood still may have hidden a post: what a page then brings is no late import.
        live = intersect(live, (Interval(EARLIEST_CLAIM, counted_since),))
    return tuple(sighted(post, found.looked_at, found.claim.good_at, live, found.seen_by) for post in fresh.values())


def _late(claim: Claim, news: Sequence[Post]) -> int:
    covered = claim.covered_until
    if covered is None:
        return 0
    return sum([post.posted_at < covered and not post.note & DateNote.BACKDATED for post in news])


def _renamed(memory: PageMemory, renamed: Mapping[str, str]) -> PageMemory:
    new_by_old = {old: new for new, old in renamed.items()}
    stamps = tuple((new_by_old.get(name, name), at) for name, at in memory.ids_times)
    return PageMemory(stamps, frozenset(new_by_old.get(name, name) for name in memory.missing), memory.proven)


def _judge_unchanged(ctx: Context, found: Finding, look: Unchanged, proof: datetime) -> Verdict:
    claim = found.claim
    memory = page_memory(claim)
    if memory.proven:
        return Verdict(coverage=_confirmed(ctx, found, look.kinds, proof))
    # The same page stands: what it left open is decided by seeing it again.
    again = page_again(memory)
    if not again:
        return Verdict()
    head = head_of(stretches(claim), look.kinds)
    judgement = judge_page(
        again,
        {name for name, _ in again},
        memory,
        ordered=False,
        complete=False,
        head=head.end if head else None,
        proven_to=proof,
        account_created_at=claim.created_at,
    )
    changes = _extended(ctx, claim, found, judgement, look.kinds, proof, head)
    return Verdict(deleted=tuple(judgement.deleted), coverage=changes, memory=judgement.memory)


def _extended(
    ctx: Context,
    claim: Claim,
    found: Finding,
    judgement: Judgement,
    kinds: Kind,
    proof: datetime,
    whole: CoverageHead | None,
) -> tuple[Grown, ...]:
    row = row_of(claim, kinds)
    changes = extend(
        row.stretch if row else None,
        looked_at=found.looked_at,
        proven_to=proof,
        judgement=judgement,
        kinds=kinds,
        previous_look_at=whole.looked_at if whole else None,
        live_gap=ctx.options.live_gap,
    )
    return _grown(claim, row, changes)


def _confirmed(ctx: Context, found: Finding, kinds: Kind, proof: datetime) -> tuple[Grown, ...]:
    claim = found.claim
    row = row_of(claim, kinds)
    whole = head_of(stretches(claim), kinds)
    if whole is None:
        return ()
    # A counter's own row goes on where a page has meanwhile covered the time after it: the row then bounds the pause
    # between its looks by itself. Across a hole it must not grow.
    goes_on = row is not None and whole.start <= row.stretch.end <= whole.end
    changes = unchanged(
        row.stretch if row else None,
        looked_at=found.looked_at,
        proven_to=proof,
        proven=True,
        kinds=kinds,
        since=None if goes_on else whole.end,
        previous_look_at=None if goes_on else whole.looked_at,
        live_gap=ctx.options.live_gap,
    )
    return _grown(claim, row, changes)


def _grown(claim: Claim, row: Head | None, changes: Sequence[Change]) -> tuple[Grown, ...]:
    return tuple(
        Grown(claim.account_id, change.stretch, row.row_id if change.replaces_head and row else None)
        for change in changes
    )


def row_of(claim: Claim, kinds: Kind) -> Head | None:
    """The newest row of exactly these kinds."""
    return next((head for head in claim.heads if head.stretch.kinds == kinds), None)


def stretches(claim: Claim) -> list[Stretch]:
    """The newest stretches of the account, as claimed."""
    return [head.stretch for head in claim.heads]


def stretches_after(claim: Claim, grown: Sequence[Grown]) -> list[Stretch]:
    """The same once the look is written."""
    replaced = {piece.row_id for piece in grown}
    return [head.stretch for head in claim.heads if head.row_id not in replaced] + [g.stretch for g in grown]
