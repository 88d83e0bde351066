"""Mastodon and servers that speak its API, without a login: statuses of the home server, counters in batches.

Assumes accounts named ``<host>/<id>``. Promises: an account is looked at only where it is at home; a counter alone
never proves a post; a server that closes its API is watched through RSS, for originals only, and asked again weekly.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.models import DEFAULT_KINDS, Failure, Identity, Kind, Look, OutcomeName, Page, Unchanged
from app.platforms import mastodon_calls as calls
from app.platforms import mastodon_rss as rss
from app.platforms.base import About, Conversation, CounterLook, CounterMissing, CounterMoved, Request, Response, Target
from app.platforms.jsonapi import moment, read_json, read_ok
from app.platforms.mastodon_identity import resolve_account
from app.platforms.mastodon_names import derived_url, name_of, split_native, user_of
from app.platforms.mastodon_shapes import (
    ACCOUNT,
    ACCOUNTS,
    STATUSES,
    Account,
    Status,
    closed_failure,
    counter_of,
    current_handle,
    is_home,
    least_new,
    notes_of,
    page_of,
)

_ASK_API_AGAIN = timedelta(days=7)
_NOTES = ("limited", "noindex")
#: Answers to the batch counter that mean: this server has none. Each account is then looked at alone.
_NO_BATCH = (400, 401, 404, 405, 422)


class Mastodon:
    """Stateless; every server is a host of its own."""

    name = "mastodon"
    margin = timedelta(minutes=2)
    counted_kinds = DEFAULT_KINDS
    batch_size = 40
    spacing = timedelta(milliseconds=1100)  # 300 requests in 5 minutes are granted; a little less is asked for
    about = About(
        name="mastodon",
        title="Mastodon, and servers with its API (Pleroma, Akkoma, GoToSocial)",
        sees="public and unlisted posts, replies, quotes and boosts, at the account's home server",
        cannot_see="posts for followers; posts deleted between two looks; replies, quotes and boosts where the server "
        "shows its API only after a login (then originals, from RSS; on GoToSocial without unlisted ones)",
        needs="nothing",
        history="the whole visible history, 40 posts a page, 300 pages in 15 minutes; some owners let old posts go",
        batch="40 accounts a request on Mastodon 4.3 and later",
        limits="300 requests in 5 minutes and address; at most 0.9 a second are made to one server",
        terms="each server has rules of its own; one request at a time, with a contact in the User-Agent",
    )

    def recognises(self, text: str) -> bool:
        """``@user@domain``, ``user@domain``, or a link like ``https://domain/@user``."""
        return name_of(text) is not None

    def resolve(self, text: str) -> Generator[Request, Response, Identity]:
        """To the account at home; raises ResolveError."""
        return resolve_account(text)

    def look(self, target: Target) -> Conversation:
        """The newest statuses; where there are none, or a refusal, the reason."""
        if "rss" in target.memory:
            return (yield from self._look_at_feed(target))
        host, account_id = _api_id(target)
        if account_id is None:
            return (yield from self._find_feed(target))
        response = yield calls.statuses(host, account_id)
        if response.status == 401:
            return (yield from self._find_feed(target))
        page = self.read(target, response)
        if not isinstance(page, Page):
            return page
        if not page.posts:
            return (yield from self._explain_empty(target, page, host, account_id))
        if not target.has_posts and not page.complete and calls.next_before(response) is None:
            return (yield from self._confirm_end(target, page, host, account_id))
        return page

    def _explain_empty(self, target: Target, page: Page, host: str, account_id: str) -> Conversation:
        """A suspended account's list is empty too; and an emptied account is believed only if it counts no post."""
        response = yield calls.account(host, account_id)
        failure = calls.refusal_of(response)
        if failure is not None:
            return failure
        account = read_json(ACCOUNT, response)
        if isinstance(account, Failure):
            return account
        if str(account.id) != account_id:
            return Failure(OutcomeName.UNREADABLE, "another_account", "the server answered for another account")
        closed = closed_failure(account, host)
        if closed is not None:
            return closed
        if target.has_posts and account.statuses_count != 0:
            return Failure(OutcomeName.UNREADABLE, "empty", "an empty page of an account that has posts")
        return replace(
            page,
            complete=True,
            counter=counter_of(account),
            handle=current_handle(account, target.handle),
            account_created_at=moment(account.created_at)[0],
            memory=_memory(target, account),
        )

    def _confirm_end(self, target: Target, page: Page, host: str, account_id: str) -> Conversation:
        """A short page need not be the last: servers filter after they count. An empty one after it is."""
        rest = self.read(
            target, (yield calls.statuses(host, account_id, calls.oldest([post.native_id for post in page.posts])))
        )
        if not isinstance(rest, Page):
            return page
        shown = {post.native_id for post in page.posts}
        posts = page.posts + tuple(post for post in rest.posts if post.native_id not in shown)
        return replace(page, posts=posts, complete=rest.complete)

    def _find_feed(self, target: Target) -> Conversation:
        """The API wants a login: the first RSS feed that answers stands in for it from now on."""
        host, _ = split_native(target.native_id)
        for url in rss.addresses(host, user_of(target.handle)):
            response = yield rss.request(url)
            page = rss.read_rss(response, host, target.handle)
            if isinstance(page, Page):
                return _of_feed(target, page, url, response.requested_at)
            if page.outcome is OutcomeName.GONE and page.stop:
                return Failure(OutcomeName.SUSPENDED, "http_410", "suspended for good by its server (410)", stop=True)
        return Failure(OutcomeName.AUTH_REQUIRED, "http_401", "shown only after a login, and no RSS feed is offered")

    def _look_at_feed(self, target: Target) -> Conversation:
        url = str(target.memory["rss"])
        host, _ = split_native(target.native_id)
        response = yield rss.request(url)
        if response.status == 304:
            return Unchanged(Kind.ORIGINAL)
        page = rss.read_rss(response, host, target.handle)
        if isinstance(page, Failure):
            return page
        if response.requested_at - _asked_at(target) < _ASK_API_AGAIN:
            return _of_feed(target, page, url, None)
        opened = yield from self._ask_api(target, host)
        return _of_feed(target, page, url, response.requested_at) if opened is None else opened

    def _ask_api(self, target: Target, host: str) -> Generator[Request, Response, Page | None]:
        """The page of an API that answers again; None where it does not."""
        _, account_id = _api_id(target)
        if account_id is None:
            account = read_ok(ACCOUNT, (yield calls.lookup(host, user_of(target.handle))))
            if account is None or not is_home(account, user_of(target.handle)):
                return None
            account_id = str(account.id)
        memory = {k: v for k, v in target.memory.items() if k not in ("rss", "asked")} | {"id": account_id}
        page = self.read(replace(target, memory=memory), (yield calls.statuses(host, account_id)))
        return replace(page, memory=memory) if isinstance(page, Page) and page.posts else None

    def older(self, target: Target, page: Page, response: Response) -> Request | None:
        """The page before the last status. Drawn on the smaller budget that servers keep for paging."""
        host, account_id = _api_id(target)
        shown = read_ok(STATUSES, response)
        if account_id is None or not shown or Kind.REPOST not in page.kinds:
            return None
        return calls.statuses(
            host, account_id, calls.next_before(response) or calls.oldest([str(status.id) for status in shown])
        )

    def read(self, target: Target, response: Response) -> Look:
        """One page of statuses; an empty one is the end of the list."""
        if response.status == 304:
            return Unchanged(DEFAULT_KINDS)
        failure = calls.refusal_of(response)
        if failure is not None:
            return failure
        statuses = read_json(STATUSES, response)
        if isinstance(statuses, Failure):
            return statuses
        host, account_id = _api_id(target)
        page = page_of(statuses, host, account_id or "", target.handle)
        if isinstance(page, Failure):
            return page
        if not statuses:
            return replace(page, complete=True)
        return replace(page, complete=_is_whole(statuses, response), memory=_memory(target, statuses[0].account))

    def count(self, targets: Sequence[Target]) -> Request:
        """At most 40 accounts of one server."""
        host, _ = split_native(targets[0].native_id)
        ids = (_api_id(target)[1] for target in targets)
        return calls.accounts(host, (account_id for account_id in ids if account_id is not None))

    def read_count(self, targets: Sequence[Target], response: Response) -> Mapping[int, CounterLook]:
        """The counters of each. A server without batches leaves every account to be looked at alone."""
        failure = None if response.status in _NO_BATCH else calls.refusal_of(response)
        if failure is not None:
            return dict.fromkeys((target.account_id for target in targets), failure)
        found = {str(account.id): account for account in read_ok(ACCOUNTS, response) or ()}
        return {target.account_id: _compare(target, found.get(_api_id(target)[1] or "")) for target in targets}

    def least_new(self, before: int, after: int) -> int:
        """The difference of the counts; one where only the date of the last post is later (delete and redraft)."""
        return least_new(before, after)

    def post_url(self, native_id: str, handle: str, account_native_id: str) -> str | None:
        """Mastodon's permalink for numeric ids; other servers' links are stored."""
        return derived_url(native_id, handle, split_native(account_native_id)[0])


def _compare(target: Target, account: Account | None) -> CounterLook:
    counter = None if account is None else counter_of(account)
    if account is None or counter is None or "rss" in target.memory:
        return CounterMissing()
    if account.suspended or account.moved is not None:
        return CounterMissing()
    if counter != target.counter:
        return CounterMoved(counter)
    return Unchanged(DEFAULT_KINDS, counter=counter, handle=current_handle(account, target.handle))


def _is_whole(statuses: Sequence[Status], response: Response) -> bool:
    """A first page that is short, names no next one, and holds as many posts as the account counts."""
    count = statuses[0].account.statuses_count
    if "max_id=" in response.url or calls.next_before(response) is not None:
        return False
    return count is not None and 0 < count <= len(statuses) < calls.PAGE


def _api_id(target: Target) -> tuple[str, str | None]:
    host, account_id = split_native(target.native_id)
    if account_id.startswith("@"):
        known = target.memory.get("id")
        return host, known if isinstance(known, str) else None
    return host, account_id


def _memory(target: Target, account: Account) -> dict[str, object] | None:
    """The memory with the account's notes; None where nothing in it changes."""
    kept = {name: value for name, value in target.memory.items() if name not in _NOTES}
    memory = kept | notes_of(account)
    return None if memory == dict(target.memory) else memory


def _of_feed(target: Target, page: Page, url: str, asked: datetime | None) -> Look:
    if not page.posts and target.has_posts:
        return Failure(OutcomeName.UNREADABLE, "empty", "an empty feed of an account that has posts")
    if asked is None:
        return page
    return replace(page, memory={**target.memory, "rss": url, "asked": asked.isoformat()})


def _asked_at(target: Target) -> datetime:
    """When the API was last asked in vain; long ago where nobody knows."""
    asked = target.memory.get("asked")
    known, _ = moment(asked)
    return known or datetime.fromisoformat("1995-01-01T00:00:00+00:00")
