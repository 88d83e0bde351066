"""The API's addresses, paging, and what its refusals mean.

Sources: docs.joinmastodon.org (methods/accounts, api/rate-limits) and the servers' own answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from app.domain.models import Failure, OutcomeName
from app.platforms.answers import failure_of
from app.platforms.base import Request, Response
from app.platforms.jsonapi import base_url

PAGE = 40
_NEXT = re.compile(r"""<([^<>]{1,2000})>\s*;\s*rel\s*=\s*"?next"?""", re.IGNORECASE)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def statuses(host: str, account_id: str, before: str | None = None) -> Request:
    """The newest statuses, or those before one. Without paging parameters servers count it in the roomier budget."""
    url = f"{base_url(host)}/api/v1/accounts/{quote(account_id, safe='')}/statuses?limit={PAGE}"
    if before is None:
        return Request(url, conditional=True)
    return Request(f"{url}&max_id={quote(before, safe='')}", cost="paging")


def account(host: str, account_id: str) -> Request:
    """One account by id (on Pleroma by name as well)."""
    return Request(f"{base_url(host)}/api/v1/accounts/{quote(account_id, safe='')}")


def lookup(host: str, user: str) -> Request:
    """One account by name."""
    return Request(f"{base_url(host)}/api/v1/accounts/lookup?acct={quote(user, safe='')}")


def accounts(host: str, account_ids: Iterable[str]) -> Request:
    """The batch counter (Mastodon 4.3 and later), at most 40 accounts."""
    query = "&".join(f"id%5B%5D={quote(account_id, safe='')}" for account_id in account_ids)
    return Request(f"{base_url(host)}/api/v1/accounts?{query}")


def webfinger(domain: str, user: str) -> Request:
    """Who ``user@domain`` is, and on which host."""
    resource = quote(f"acct:{user}@{domain}", safe="")
    return Request(f"{base_url(domain)}/.well-known/webfinger?resource={resource}")


def next_before(response: Response) -> str | None:
    """``max_id`` of the next page, from the Link header; only the id is taken, never the address."""
    found = _NEXT.search(response.headers.get("link", "")[:8000])
    if found is None:
        return None
    try:
        values = parse_qs(urlsplit(found[1]).query).get("max_id", [])
    except ValueError:
        return None
    return values[0][:512] if values else None


def oldest(ids: Sequence[str]) -> str:
    """The id behind which the list goes on: the smallest where all are numbers, else the last one shown."""
    return min(ids, key=int) if all(each.isascii() and each.isdigit() for each in ids) else ids[-1]


def refusal_of(response: Response) -> Failure | None:
    """What an answer that is no 200 means; None for 200 and 304."""
    if response.status == 404 and not _is_object(response):
        return Failure(OutcomeName.UNREADABLE, "http_404", "no such API at this address (404)")
    if response.status == 410:
        return Failure(OutcomeName.SUSPENDED, "http_410", "suspended for good by its server (410)", stop=True)
    return failure_of(response)


def _is_object(response: Response) -> bool:
    """Whether the API itself answered: its errors are JSON objects."""
    try:
        _OBJECT.decode(response.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True
