"""A simulated account and the page that a source shows of it: the ground on which the join rule is tried."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.domain.coverage import extend, unchanged
from app.domain.joining import NO_PAGE, PageMemory, judge_page, page_again
from app.domain.models import Interval, Kind, Stretch

START = datetime(2026, 3, 1, tzinfo=UTC)
KIND = Kind.ORIGINAL


@dataclass
class Item:
    name: str
    at: datetime
    surfaces: datetime
    """From when on the source shows it; at most the settling margin after ``at`` unless it is back-dated."""


@dataclass
class World:
    """The account as it really is. Times tick in seconds so that no two posts share one."""

    rng: random.Random
    size: int
    pins: int
    ordered: bool
    margin: timedelta
    by_arrival: bool = False
    """The page shows what arrived last instead of what claims to be newest (late imports on top)."""
    items: dict[str, Item] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    times: set[datetime] = field(default_factory=set)
    made: int = 0

    def post(self, at: datetime, now: datetime, late: timedelta = timedelta(0)) -> None:
        while at in self.times:
            at += timedelta(microseconds=1)
        self.times.add(at)
        self.made += 1
        name = f"p{self.made}"
        self.items[name] = Item(name, at, now + late)

    def visible(self, now: datetime) -> list[Item]:
        shown = [item for item in self.items.values() if item.surfaces <= now]
        return sorted(shown, key=lambda i: (i.surfaces, i.at) if self.by_arrival else (i.at,), reverse=True)

    def page(self, now: datetime) -> list[tuple[str, datetime]]:
        visible = self.visible(now)
        shown = visible[: self.size]
        shown += [i for i in visible[self.size :] if i.name in self.pinned]
        page = [(i.name, i.at) for i in shown]
        if not self.ordered:
            page += self.rng.sample(page, k=min(len(page), self.rng.randint(0, 2)))
            self.rng.shuffle(page)
        return page

    def older(self, now: datetime, page: list[tuple[str, datetime]]) -> list[tuple[str, datetime]]:
        """One more page behind what was seen."""
        visible = self.visible(now)
        plain = [i for i in visible if (i.name, i.at) in set(page)]
        depth = max((n for n, i in enumerate(visible) if i in plain and i.name not in self.pinned), default=-1) + 1
        return page + [(i.name, i.at) for i in visible[depth : depth + self.size]]

    def live_on(self, since: datetime, now: datetime) -> None:
        """Something happens between two looks."""
        rng = self.rng
        span = (now - since).total_seconds()
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3, self.size, 3 * self.size])):
            at = since + timedelta(seconds=rng.uniform(0, span))
            late = timedelta(seconds=rng.choice([0, 0, rng.uniform(0, self.margin.total_seconds() * 0.99)]))
            self.post(at, at, late)
        for _ in range(rng.choice([0] * 6 + [1, 2, self.size])):  # back-dated imports
            self.post(since - timedelta(days=rng.uniform(0.01, 40)), now)
        for _ in range(rng.choice([0] * 5 + [1, 1, 2, 5])):  # deletions
            if self.items:
                gone = rng.choice(sorted(self.items)[-8:] if rng.random() < 0.7 else sorted(self.items))
                del self.items[gone]
                self.pinned.discard(gone)
        for _ in range(rng.choice([0] * 8 + [1, 2])):  # a date is edited
            if self.items:
                item = self.items[rng.choice(sorted(self.items))]
                item.at += timedelta(seconds=rng.uniform(-90000, 90000))
                item.at = min(item.at, now)
        while self.pins and self.items and len(self.pinned) < self.pins and rng.random() < 0.4:
            self.pinned.add(rng.choice(sorted(self.items)))
        if self.pinned and rng.random() < 0.3:
            self.pinned.discard(rng.choice(sorted(self.pinned)))


@dataclass
class Watcher:
    """The service, as far as these rules go: it stores ids, the page's memory and its stretches."""

    world: World
    known: dict[str, datetime] = field(default_factory=dict)
    memory: PageMemory = NO_PAGE
    stretches: list[Stretch] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    joins: int = 0

    def look(self, now: datetime, *, again: bool = False, paging: int = 0, complete: bool = False) -> None:
        head = self.stretches[-1] if self.stretches else None
        proven = now - self.world.margin
        if again and head and self.memory.proven:
            self.write(unchanged(head, looked_at=now, proven_to=proven, proven=True, kinds=KIND), now, head)
            return
        page = list(page_again(self.memory)) if again else self.world.page(now)
        for turn in range(paging + 1):
            verdict = judge_page(
                page,
                {name for name, _ in page if name in self.known},
                self.memory,
                ordered=self.world.ordered,
                complete=complete,
                head=head.end if head else None,
                proven_to=proven,
            )
            if verdict.joined or verdict.suspended or turn == paging:
                break
            page = self.world.older(now, page)
        for name, at in page:
            self.known.setdefault(name, at)
        self.memory = verdict.memory
        self.joins += verdict.joined
        for name in verdict.deleted:
            self.deleted.add(name)
        self.write(extend(head, looked_at=now, proven_to=proven, judgement=verdict, kinds=KIND), now, head)

    def write(self, changes: object, now: datetime, head: Stretch | None) -> None:
        for change in changes:  # type: ignore[attr-defined]  # a tuple of Change
            old_end = head.end if head and change.replaces_head and head.start == change.stretch.start else None
            claimed = Interval(old_end or change.stretch.start, change.stretch.end)
            self.check(claimed, now)
            if change.replaces_head:
                self.stretches[-1] = change.stretch
            else:
                self.stretches.append(change.stretch)

    def check(self, claimed: Interval, now: datetime) -> None:
        for item in self.world.items.values():
            if item.surfaces <= now and item.name not in self.known and claimed.start < item.at < claimed.end:
                self.violations.append(f"{item} unknown in {claimed} at {now}")


def run(seed: int, looks: int = 40) -> Watcher:
    rng = random.Random(seed)  # noqa: S311 - a seeded world, not a secret
    ordered = rng.random() < 0.3
    world = World(
        rng,
        size=rng.choice([1, 2, 3, 4, 5, 8, 10, 20]),
        pins=0 if ordered else rng.choice([0, 0, 1, 2, 3]),
        ordered=ordered,
        margin=timedelta(minutes=rng.choice([1, 10, 60])),
    )
    now = START
    for _ in range(rng.choice([0, 0, 1, 2, 5, 30])):
        world.post(START - timedelta(seconds=rng.uniform(1, 3_000_000)), START - timedelta(days=1))
    watcher = Watcher(world)
    paging = rng.choice([0, 0, 1, 20])
    for _ in range(looks):
        step = timedelta(minutes=rng.choice([5, 15, 60, 60, 60, 300, 1800]))
        quiet = rng.random() < 0.35
        before = world.page(now + timedelta(0)) if quiet else None
        if not quiet:
            world.live_on(now, now + step)
        now += step
        page = world.page(now)
        same = (
            before is not None
            and set(before) == set(page)
            and bool(watcher.stretches)
            and set(page) == set(watcher_page(watcher))
        )
        if page or not watcher.known:
            complete = ordered and len(page) < world.size and rng.random() < 0.5
            watcher.look(now, again=same and rng.random() < 0.6, paging=paging, complete=complete or not page)
    return watcher


def watcher_page(watcher: Watcher) -> tuple[tuple[str, datetime], ...]:
    return page_again(watcher.memory)
