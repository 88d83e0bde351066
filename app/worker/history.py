"""Reads back page by page until the page joins what is known, or a bound is reached.

May assume the first page was read. Promises: pages are merged into one, each post once; never more than the bounds;
a failure on the way keeps what was read and says whether it is worth coming back for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.domain.models import Failure, OutcomeName, Page
from app.platforms.base import Platform, Request, Target
from app.worker.context import Options, Parser
from app.worker.conversation import Send, read, unreadable
from app.worker.findings import Exchange
from app.worker.line import Closed

_PASSING = frozenset({OutcomeName.RATE_LIMITED, OutcomeName.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class ReadBack:
    """All pages as one, and whether something that passes cut the reading short."""

    page: Page
    exchanges: tuple[Exchange, ...]
    cut_short: bool = False


async def read_back(
    platform: Platform,
    target: Target,
    page: Page,
    exchange: Exchange,
    *,
    send: Send,
    enough: Callable[[Page], bool],
    options: Options,
    parser: Parser | None,
) -> ReadBack:
    """Merge older pages into ``page`` until ``enough`` says so, the source has no more, or a bound is met.

    The first page is known not to be enough.
    """
    exchanges = [exchange]
    newest, merged = page, page
    while not merged.complete and _within(merged, len(exchanges), options):
        request = platform.older(target, newest, exchanges[-1].response)
        if request is None:
            break
        older = await _older(platform, target, request, send, parser)
        if not isinstance(older, tuple):
            return ReadBack(merged, tuple(exchanges), cut_short=older)
        newest, found = older
        exchanges.append(found)
        longer = merge(merged, newest)
        if len(longer.posts) == len(merged.posts) and not newest.complete and newest.posts:
            break  # the source gives the same page again and again
        merged = longer
        if enough(merged):
            break
    return ReadBack(merged, tuple(exchanges))


def merge(page: Page, older: Page) -> Page:
    """One listing of both; what the source says of itself is taken from the first page."""
    known = {post.native_id for post in page.posts}
    posts = page.posts + tuple(post for post in older.posts if post.native_id not in known)
    return replace(page, posts=posts, complete=older.complete, kinds=page.kinds & older.kinds)


def _within(page: Page, pages: int, options: Options) -> bool:
    return pages < options.history_pages and len(page.posts) < options.history_items


async def _older(
    platform: Platform, target: Target, request: Request, send: Send, parser: Parser | None
) -> tuple[Page, Exchange] | bool:
    """The older page, or whether its failure passes."""
    try:
        answer = await send(request)
    except Closed:
        return True
    if isinstance(answer, Failure):
        return answer.outcome in _PASSING
    try:
        look = await read(parser, len(answer.body), platform.read, target, answer)
    except Exception as error:
        look = unreadable(error, answer.url)
    if isinstance(look, Page):
        return look, Exchange(request, answer)
    return isinstance(look, Failure) and look.outcome in _PASSING
