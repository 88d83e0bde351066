"""Bluesky: the AppView's author feed for looks, getProfiles as batch counter, both without a login.

Assumes accounts named by DID. Promises: polls go to the AppView alone; the directory and the account's own server are
asked only why an account is not shown. There is no fall-back to the servers' listRecords for looks: it would cost two
requests an account, cannot be batched, has another order (record keys, which may be anything) and another host for
every account, and an AppView that is down comes back with everything it missed.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec

from app.domain.models import DEFAULT_KINDS, Failure, Identity, Kind, Look, OutcomeName, Page, Unchanged
from app.platforms import bluesky_names
from app.platforms.base import About, Conversation, CounterLook, CounterMissing, CounterMoved, Request, Response, Target
from app.platforms.bluesky_absence import confirm_empty, error_failure, explain_absence, is_not_found
from app.platforms.bluesky_calls import Profiles, author_feed, profiles
from app.platforms.bluesky_feed import Feed, hidden_from_strangers, known_handle, page_of, read_feed
from app.platforms.bluesky_identity import resolve_account
from app.platforms.jsonapi import read_json

_PROFILES = msgspec.json.Decoder(Profiles)
#: Pages without an item but with a cursor that one look follows (the AppView leaves out what it may not show).
_EMPTY_PAGES = 5
_MOST_POSTS = 1 << 62


class Bluesky:
    """``appview`` and ``plc`` are base URLs without a slash at the end."""

    name = "bluesky"
    margin = timedelta(minutes=5)
    counted_kinds = Kind.ORIGINAL | Kind.REPLY | Kind.QUOTE
    batch_size = 25
    spacing = timedelta(milliseconds=100)
    about = About(
        name="bluesky",
        title="Bluesky",
        sees="posts, replies, quotes, reposts, of every public account",
        cannot_see="posts deleted between two looks; posts hidden by the network; back-dated posts far down the feed "
        "until the daily full read reaches them",
        needs="nothing",
        history="the whole visible history, 100 posts a page",
        batch="25 accounts a request (posts, replies and quotes; reposts need the page)",
        limits="unpublished; at most 10 requests a second are made, and what the answers ask for is kept",
        terms="public web data; the label !no-unauthenticated is kept in mind and posts are never stored",
    )

    def __init__(self, appview: str, plc: str) -> None:
        self.appview = appview.rstrip("/")
        self.plc = plc.rstrip("/")

    def recognises(self, text: str) -> bool:
        """A DID, an at:// URI, a link into the app, ``@`` and a domain, or a handle under bsky.social."""
        return bluesky_names.actor_of(text) is not None

    def resolve(self, text: str) -> Generator[Request, Response, Identity]:
        """To the DID; raises ResolveError."""
        return resolve_account(self.appview, self.plc, text)

    def look(self, target: Target) -> Conversation:
        """The newest page of the author feed, and the reason where there is none."""
        response = yield author_feed(self.appview, target.native_id)
        if response.status == 304:
            return Unchanged(DEFAULT_KINDS)
        if is_not_found(response):
            return (yield from explain_absence(self.appview, self.plc, target.native_id))
        page = self.read(target, response)
        pages = 1
        while isinstance(page, Page) and not page.posts and pages < _EMPTY_PAGES:
            request = self.older(target, page, response)
            if request is None:
                break
            response = yield request
            page, pages = self.read(target, response), pages + 1
        if isinstance(page, Page) and not page.posts and target.has_posts:
            return (yield from self._turned_empty(target, page))
        return page

    def _turned_empty(self, target: Target, page: Page) -> Conversation:
        if not page.complete:
            return Failure(OutcomeName.UNREADABLE, "empty", "empty pages of an account that has posts")
        failure = yield from confirm_empty(self.plc, target.native_id)
        return page if failure is None else failure

    def older(self, target: Target, page: Page, response: Response) -> Request | None:
        """The page after the cursor: a page may be short, or empty, without being the last."""
        feed = read_feed(response)
        if not isinstance(feed, Feed) or not feed.cursor:
            return None
        if feed.cursor in parse_qs(urlsplit(response.url).query).get("cursor", ()):
            return None  # it leads nowhere: the same page for ever
        return author_feed(self.appview, target.native_id, feed.cursor)

    def read(self, target: Target, response: Response) -> Look:
        """One page of the feed."""
        if response.status == 304:
            return Unchanged(DEFAULT_KINDS)
        failure = error_failure(response)
        if failure is not None:
            return failure
        feed = read_feed(response)
        if isinstance(feed, Failure):
            return feed
        page = page_of(feed, target.native_id)
        if isinstance(page, Failure):
            return page
        hidden = hidden_from_strangers(feed, target.native_id)
        if hidden is None or hidden == bool(target.memory.get("hidden")):
            return page
        return replace(page, memory={**target.memory, "hidden": hidden})

    def count(self, targets: Sequence[Target]) -> Request:
        """getProfiles for at most 25 accounts."""
        return profiles(self.appview, (target.native_id for target in targets))

    def read_count(self, targets: Sequence[Target], response: Response) -> Mapping[int, CounterLook]:
        """postsCount of each. Accounts that are missing, suspended or deactivated are left out without a word."""
        failure = error_failure(response)
        if failure is not None:
            return dict.fromkeys((target.account_id for target in targets), failure)
        answer = read_json(_PROFILES, response)
        if isinstance(answer, Failure):
            return dict.fromkeys((target.account_id for target in targets), answer)
        counts = {profile.did: (profile.posts_count, known_handle(profile.handle)) for profile in answer.profiles}
        return {
            target.account_id: self._compare(target, *counts.get(target.native_id, (None, None))) for target in targets
        }

    def least_new(self, before: int, after: int) -> int:
        """The difference; who deleted as well has posted more."""
        return max(after - before, 0)

    def _compare(self, target: Target, count: int | None, handle: str | None) -> CounterLook:
        if count is None or not 0 <= count < _MOST_POSTS:
            return CounterMissing()
        if count != target.counter:
            return CounterMoved(count)
        return Unchanged(self.counted_kinds, counter=count, handle=handle)

    def post_url(self, native_id: str, handle: str, account_native_id: str) -> str | None:
        """The DID form of a post's address, which survives renames."""
        return bluesky_names.post_url(native_id, account_native_id)
