"""Reading the Mastodon API's accounts and statuses, as Mastodon, Pleroma, Akkoma and GoToSocial write them.

Assumes answers of the account's home server, where ids and ``created_at`` are in order. Promises: only what strangers
may see counts (public, unlisted); a list of another account's statuses is never a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.domain.models import DEFAULT_KINDS, Failure, Kind, OutcomeName, Page, SeenPost
from app.platforms.jsonapi import bounded_id, host_of, moment, storable
from app.platforms.mastodon_names import domain_of, handle_of, is_user, permalink_base

_NULL = msgspec.Raw(b"null")
_LONGEST_URL = 2_000
_SECONDS_BITS = 34  # seconds since 1970 until the year 2514


class Moved(msgspec.Struct):
    """Where an account went."""

    acct: str = ""
    url: str | None = None


class Account(msgspec.Struct):
    """An account. Most is optional: servers differ."""

    id: str | int
    username: str = ""
    acct: str = ""
    url: str | None = None
    display_name: str | None = None
    created_at: str | None = None
    statuses_count: int | None = None
    last_status_at: str | None = None
    moved: Moved | None = None
    suspended: bool | None = None
    limited: bool | None = None
    noindex: bool | None = None


class Status(msgspec.Struct):
    """A posting event."""

    id: str | int
    account: Account
    created_at: str | None = None
    in_reply_to_id: msgspec.Raw = _NULL
    in_reply_to_account_id: msgspec.Raw = _NULL
    reblog: msgspec.Raw = _NULL
    quote: msgspec.Raw = _NULL
    quote_id: msgspec.Raw = _NULL
    visibility: str | None = None
    url: str | None = None


class Link(msgspec.Struct):
    """One link of a WebFinger answer."""

    rel: str = ""
    type: str | None = None
    href: str | None = None


class Finger(msgspec.Struct):
    """A WebFinger answer (RFC 7033)."""

    subject: str = ""
    links: list[Link] = []


STATUSES = msgspec.json.Decoder(list[Status])
ACCOUNT = msgspec.json.Decoder(Account)
ACCOUNTS = msgspec.json.Decoder(list[Account])
FINGER = msgspec.json.Decoder(Finger)


def page_of(statuses: Sequence[Status], host: str, account_id: str, handle: str) -> Page | Failure:
    """The posts of a list of statuses; a failure where it is another's, or says that the account is closed."""
    if not all(storable(str(status.id)) for status in statuses):
        return Failure(OutcomeName.UNREADABLE, "wrong_shape", "a post's id is no text that can be kept")
    if any(str(status.account.id) != account_id for status in statuses):
        return Failure(OutcomeName.UNREADABLE, "another_account", "the page shows posts of another account")
    account = statuses[0].account if statuses else None
    closed = closed_failure(account, host) if account is not None else None
    if closed is not None:
        return closed
    seen: dict[str, SeenPost] = {}
    base = permalink_base(handle, host)
    for status in statuses:
        if status.visibility not in ("private", "direct"):
            post = _post(status, base)
            seen.setdefault(post.native_id, post)
    return Page(
        posts=tuple(seen.values()),
        kinds=DEFAULT_KINDS,
        ordered=True,
        handle=None if account is None else current_handle(account, handle),
        counter=None if account is None else counter_of(account),
        account_created_at=None if account is None else moment(account.created_at)[0],
    )


def is_home(account: Account, user: str) -> bool:
    """Whether this is ``user`` at home on the server that says so: elsewhere its ``acct`` carries the domain."""
    return account.username.lower() == user.lower() and "@" not in account.acct and storable(str(account.id))


def closed_failure(account: Account, host: str) -> Failure | None:
    """What an account says about itself that ends the looking."""
    if account.suspended:
        return Failure(OutcomeName.SUSPENDED, "suspended", "suspended by its server")
    if account.moved is not None:
        target = _moved_to(account.moved, host)
        return Failure(OutcomeName.MOVED, "moved", f"the account moved to {target}", moved_to=target)
    return None


def counter_of(account: Account) -> int | None:
    """``statuses_count`` and ``last_status_at`` in one number: it stands still only while both do.

    The count includes boosts, replies and posts for followers only; the date is a day on newer servers.
    """
    if account.statuses_count is None or account.statuses_count < 0:
        return None
    last, _ = moment(account.last_status_at)
    seconds = 0 if last is None else int(last.timestamp())
    return (min(account.statuses_count, 1 << 28) << _SECONDS_BITS) | (seconds & ((1 << _SECONDS_BITS) - 1))


def least_new(before: int, after: int) -> int:
    """How many posts were made at least between two values of ``counter_of``."""
    more = (after >> _SECONDS_BITS) - (before >> _SECONDS_BITS)
    seconds = (1 << _SECONDS_BITS) - 1
    return max(more, int(after & seconds > before & seconds))


def current_handle(account: Account, handle: str) -> str | None:
    """The handle as the account's own server writes it, at the domain known from WebFinger."""
    return handle_of(account.username, domain_of(handle)) if is_user(account.username) and handle else None


def notes_of(account: Account) -> dict[str, object]:
    """What the account says that people should know: shown to fewer, or not to be indexed."""
    notes = {"limited": account.limited, "noindex": account.noindex}
    return {name: True for name, value in notes.items() if value}


def _moved_to(moved: Moved, host: str) -> str:
    if moved.url and host_of(moved.url) and storable(moved.url) and len(moved.url) <= _LONGEST_URL:
        return moved.url
    acct = moved.acct if storable(moved.acct) else "another account"
    return f"@{acct}" if "@" in acct else f"@{acct}@{host}"


def _post(status: Status, base: str | None) -> SeenPost:
    """A boost's own ``url`` is no page for people."""
    posted_at, note = moment(status.created_at)
    native_id, kind = bounded_id(str(status.id)), _kind(status)
    url = None if kind is Kind.REPOST else link_to_store(status.url, native_id, base)
    return SeenPost(native_id, kind, posted_at, url, note)


def link_to_store(url: str | None, native_id: str, base: str | None) -> str | None:
    """The link, where it does not follow from ``base`` and a numeric id, and is a web address that can be kept."""
    if not url or (base is not None and url == base + native_id and native_id.isdigit()):
        return None
    return url if len(url) <= _LONGEST_URL and storable(url) and host_of(url) is not None else None


def _kind(status: Status) -> Kind:
    """A reply whose parent was deleted keeps only ``in_reply_to_account_id``: it stays a reply."""
    if _given(status.reblog):
        return Kind.REPOST
    if _given(status.in_reply_to_id) or _given(status.in_reply_to_account_id):
        return Kind.REPLY
    return Kind.QUOTE if _given(status.quote) or _given(status.quote_id) else Kind.ORIGINAL


def _given(raw: msgspec.Raw) -> bool:
    return bytes(raw).strip() not in (b"null", b"false", b'""')
