"""From what a person pasted to an account at its home server.

WebFinger first: the domain of a handle and the host of its server may differ. Then the API's lookup; servers that
answer it only to people who are logged in are watched through RSS, under ``<host>/@user``.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from app.domain.models import Failure, Identity, Page
from app.platforms import mastodon_calls as calls
from app.platforms import mastodon_rss as rss
from app.platforms.base import Request, ResolveError, Response
from app.platforms.jsonapi import base_url, host_of, moment, read_ok, storable
from app.platforms.mastodon_names import Name, handle_of, is_domain, is_user, name_of
from app.platforms.mastodon_shapes import ACCOUNT, FINGER, Account, Finger, is_home, notes_of

_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class _Home:
    """Where an account is at home: ``user`` at ``domain``, served by ``host``."""

    user: str
    domain: str
    host: str


def resolve_account(text: str) -> Generator[Request, Response, Identity]:
    """The account behind a handle or a link, at home. Raises ResolveError."""
    name = name_of(text)
    if name is None:
        raise ResolveError(f"no fediverse handle or profile link: {text[:100]}")
    tried: list[str] = []
    home = yield from _find_home(name, tried)
    account = yield from _find_account(home, tried)
    if account is not None:
        return _identity(home, account)
    return (yield from _find_feed(home, tried))


def _find_home(name: Name, tried: list[str]) -> Generator[Request, Response, _Home]:
    answer = yield calls.webfinger(name.domain, name.user)
    finger = read_ok(FINGER, answer)
    if finger is None:
        tried.append(f"WebFinger at {name.domain}: {_said(answer)}")
        return _Home(name.user, name.domain, name.domain)
    user, _, domain = finger.subject.removeprefix("acct:").partition("@")
    hosts = (_host_of(finger), host_of(answer.url))
    host = next((host for host in hosts if host and is_domain(host)), name.domain)
    if not is_user(user) or not is_domain(domain):
        user, domain = name.user, name.domain
    return _Home(user, domain.lower(), host)


def _host_of(finger: Finger) -> str | None:
    for link in finger.links:
        if link.rel == "self" and link.href and "json" in (link.type or ""):
            return host_of(link.href)
    return None


def _find_account(home: _Home, tried: list[str]) -> Generator[Request, Response, Account | None]:
    """By lookup; by the name as id, which Pleroma takes. None where the API is closed to strangers."""
    for request in (calls.lookup(home.host, home.user), calls.account(home.host, home.user)):
        answer = yield request
        account = read_ok(ACCOUNT, answer)
        if account is not None and is_home(account, home.user):
            return account
        what = "an account of another name or server" if account is not None else _said(answer)
        tried.append(f"{request.url}: {what}")
        if answer.status in (401, 403):
            return None
    raise ResolveError(f"no account {handle_of(home.user, home.domain)} at {home.host}", tried)


def _find_feed(home: _Home, tried: list[str]) -> Generator[Request, Response, Identity]:
    handle = handle_of(home.user, home.domain)
    for url in rss.addresses(home.host, home.user):
        answer = yield Request(url)
        page = rss.read_rss(answer, home.host, handle)
        if isinstance(page, Page):
            return Identity(
                platform="mastodon",
                native_id=f"{home.host}/@{home.user.lower()}",
                handle=handle,
                host=home.host,
                profile_url=f"{base_url(home.host)}/@{home.user}",
                memory={"rss": url},
            )
        tried.append(f"{url}: {page.detail}")
    raise ResolveError(f"{home.host} shows {handle} only to people who are logged in, and offers no RSS feed", tried)


def _identity(home: _Home, account: Account) -> Identity:
    created_at, _ = moment(account.created_at)
    url = account.url if account.url and host_of(account.url) and len(account.url) <= 500 else None
    name = "".join(c for c in " ".join((account.display_name or "").split()) if c.isprintable())
    return Identity(
        platform="mastodon",
        native_id=f"{home.host}/{account.id}",
        handle=handle_of(account.username, home.domain),
        host=home.host,
        profile_url=url if url and storable(url) else f"{base_url(home.host)}/@{account.username}",
        display_name=name[:_NAME_LENGTH],
        created_at=created_at,
        memory=notes_of(account),
    )


def _said(answer: Response) -> str:
    """One line on an answer, for the person who pasted the link."""
    failure = calls.refusal_of(answer)
    return failure.detail if isinstance(failure, Failure) else "an answer of another shape"
