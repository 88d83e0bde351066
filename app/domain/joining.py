"""Whether a page joins what is known, which posts it shows to be deleted, and what it proves where it does not join.

Assumes: a source shows its newest posts by time, at least one of them, plus at most ``FLOATERS`` posts that may stand
anywhere (pinned, bumped) where it does not guarantee its order. Times are aware UTC. Promises: the verdict depends on
the set of posts on the page alone, never on their order or repetition, and no instant is proven in which a post could
be visible and unknown. docs/truth.md, "What one look proves", tells the rule in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

#: Posts of an unordered source that may stand on its page whatever their time.
FLOATERS = 3
#: Posts of the last page that are remembered.
REMEMBERED = 100

Stamp = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class PageMemory:
    """What the last full page showed, newest first, and the posts that were missing from it for the first time."""

    ids_times: tuple[Stamp, ...] = ()
    missing: frozenset[str] = frozenset()
    """Posts in ``ids_times`` that the last page passed without showing them: missing once more, they are deleted."""
    proven: bool = False
    """The same page seen again would join: only then does "unchanged" extend the stretch (``coverage.unchanged``)."""


NO_PAGE = PageMemory()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look came to."""

    joined: bool
    """Coverage runs on from ``head`` without a hole."""
    starts_at: datetime
    """Where that which this look proves starts: ``head`` when joined; never after ``proven_to``."""
    deleted: frozenset[str]
    """Posts found to be deleted: missing for the second look in a row."""
    memory: PageMemory
    """What to remember for the next look."""
    suspended: bool = False
    """A post is missing for the first time: this look proves nothing, the next one decides."""


def judge_page(
    posts: Sequence[Stamp],
    known_ids: Collection[str],
    memory: PageMemory,
    *,
    ordered: bool,
    complete: bool,
    head: datetime | None,
    proven_to: datetime,
    account_created_at: datetime | None = None,
) -> Judgement:
    """Judge one look: all its pages merged, (id, time) in any order.

    ``posts`` carry the claimed time, never later than the look; an undated post carries its stored effective time where
    it is known and the time of the look where it is not. ``known_ids``: the ids among them stored before this look.
    ``head``: end of the contiguous coverage for the kinds of this page, None before the first proof.
    ``proven_to``: see ``coverage.proven_to``. ``complete``: the page is the account's whole visible history.
    """
    floaters = 0 if ordered else FLOATERS
    before = dict(memory.ids_times)
    page = _merge(posts, before)
    known = {name: at for name, at in page.items() if name in before or name in known_ids}
    gone = {name: at for name, at in before.items() if name not in page}
    passed = set(gone) if complete else _passed(page, known, gone, floaters)
    deleted = frozenset(passed & memory.missing)
    suspects = {name: gone[name] for name in passed - deleted}
    if suspects:
        held = PageMemory(_newest_first(page | suspects), frozenset(suspects))
        return Judgement(False, proven_to, deleted, held, suspended=True)
    again = complete or _reaches(page, page, {}, proven_to, floaters)
    kept = PageMemory(_newest_first(page), proven=again)
    lost = {name: at for name, at in gone.items() if name not in passed}
    if head is not None and (complete or _reaches(page, known, lost, head, floaters)):
        return Judgement(True, head, deleted, kept)
    if complete:
        starts = min(filter(None, (account_created_at, *page.values())), default=proven_to)
    else:
        starts = _start(page, known, lost, head, floaters) or proven_to
    return Judgement(False, min(starts, proven_to), deleted, kept)


def surely_joins(posts: Iterable[Stamp], memory: PageMemory, *, ordered: bool, head: datetime | None) -> bool:
    """Whether ``judge_page`` is certain to find that the page joins, or to suspend it, whatever else is known: it shows
    more known posts before ``head`` than can float. False says nothing."""
    if head is None:
        return False
    before = dict(memory.ids_times)
    known = [name for name, at in _merge(posts, before).items() if at < head and name in before]
    return len(known) > (0 if ordered else FLOATERS)


def page_again(memory: PageMemory) -> tuple[Stamp, ...]:
    """The posts of the last page, to be judged once more when the source says that the very same page still stands.

    For an answer 304 while ``memory.proven`` is false: ``judge_page(page_again(memory), ...)`` decides about suspects.
    """
    return tuple(stamp for stamp in memory.ids_times if stamp[0] not in memory.missing)


def rekeyed(aliases: Mapping[str, str], known_ids: Collection[str], id_by_alias: Mapping[str, str]) -> dict[str, str]:
    """The new ids of old posts, as {new id: stored id}, where a source has changed how it names its posts.

    ``aliases``: alias by id for the posts of the page that have one. Empty unless more than half of the page's ids are
    unknown while their aliases are known; a single re-used link is then still a new post.
    """
    renamed = {
        name: id_by_alias[alias] for name, alias in aliases.items() if name not in known_ids and alias in id_by_alias
    }
    return renamed if 2 * len(renamed) > len(aliases) else {}


def _merge(posts: Iterable[Stamp], before: Mapping[str, datetime]) -> dict[str, datetime]:
    """Each post once. Of several times the latest counts: it proves least."""
    page: dict[str, datetime] = {}
    for name, at in posts:
        page[name] = max(at, page.get(name) or before.get(name, at))
    return page


def _passed(
    page: Mapping[str, datetime], known: Mapping[str, datetime], gone: Mapping[str, datetime], floaters: int
) -> set[str]:
    """The missing posts that the page would show if they were still there.

    Either more known posts older than it are shown than can float, or nothing new is shown and it would be the newest.
    An older post may have scrolled off, aged out or lost its pin: that is no deletion.
    """
    if not gone or not known:
        return set()
    times = sorted(known.values())
    least = times[floaters] if len(times) > floaters else times[-1]
    settled = len(times) > floaters or len(known) == len(page)
    return {name for name, at in gone.items() if settled and at > least}


def _reaches(
    page: Mapping[str, datetime],
    known: Mapping[str, datetime],
    lost: Mapping[str, datetime],
    head: datetime,
    floaters: int,
) -> bool:
    """Whether the page reaches back past ``head``, so that it shows everything after it.

    Either more known posts before ``head`` are shown than can float, or even the newest post of the page is known and
    lies before it (and either nothing is new or nothing is lost).
    """
    if not known:
        return False
    times = sorted(known.values())
    if len(times) > floaters and times[floaters] < head:
        return True
    return times[-1] < head and times[-1] == max(page.values()) and (len(known) == len(page) or not lost)


def _start(
    page: Mapping[str, datetime],
    known: Mapping[str, datetime],
    lost: Mapping[str, datetime],
    head: datetime | None,
    floaters: int,
) -> datetime | None:
    """Where the stretch of a page that does not join starts; None where it proves nothing before its own end.

    The oldest post of which it is certain that it does not float. New posts from before ``head`` are late imports and
    prove nothing. After the first look the newest post of a short page will do: the source always shows its newest.
    """
    floor = max((at for at in lost.values() if len(known) <= floaters or at >= min(known.values())), default=None)
    firm = sorted(
        at
        for name, at in page.items()
        if (floor is None or at > floor) and (head is None or at >= head or name in known)
    )
    if len(firm) > floaters:
        return firm[floaters]
    newest = max(page.values(), default=None)
    if head is None or newest is None or newest < head or (floor is not None and newest <= floor):
        return None
    return newest


def _newest_first(page: Mapping[str, datetime]) -> tuple[Stamp, ...]:
    return tuple(sorted(page.items(), key=lambda stamp: (stamp[1], stamp[0]), reverse=True)[:REMEMBERED])
