"""What one look at one account brought home, before it is compared with what is stored.

Promises: plain values; the facts of every answer of the look (age, clock, redirects) are already summed up, on the
careful side: the earliest request, the largest age, the largest difference of clocks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.models import Failure, Look
from app.platforms.base import Request, Response
from app.platforms.limits import skew, staleness
from app.storage.claims import Claim
from app.worker.fetch import Validators, validators_of

SendWith = Callable[[Request, Validators | None], Awaitable[Response | Failure]]


class Exchange(NamedTuple):
    """One request of a look with its answer."""

    request: Request
    response: Response


class Finding(NamedTuple):
    """One look. ``look`` has all its pages merged."""

    claim: Claim
    look: Look
    looked_at: datetime
    """Our clock when the first request was sent: the ``t`` of the proof."""
    seen_by: datetime | None = None
    """Our clock when the last answer had come."""
    stale: timedelta = timedelta(0)
    skew: timedelta = timedelta(0)
    exchanges: tuple[Exchange, ...] = ()
    checked: bool = False
    """The daily check of a source whose validators are believed otherwise."""
    void: str | None = None
    """Why the look proves nothing although it showed posts: reading back was cut short, or the clock was set. The posts
    are kept; the look counts as failed and is made again."""
    counter: int | None = None
    """What the batch counter said before the page was read."""


def finding(claim: Claim, look: Look, exchanges: Sequence[Exchange], now: datetime, **more: object) -> Finding:
    """A finding with the facts of its answers summed up; ``now`` stands in where there was no answer."""
    answers = [exchange.response for exchange in exchanges]
    return Finding(
        claim,
        look,
        min([answer.requested_at for answer in answers], default=now),
        seen_by=now,
        stale=max([staleness(a.headers, a.requested_at) for a in answers], default=timedelta(0)),
        skew=max([skew(a.headers, a.requested_at) for a in answers], key=abs, default=timedelta(0)),
        exchanges=tuple(exchanges),
        **more,  # type: ignore[arg-type]  # checked, counter
    )


def kept_validators(before: Validators | None, exchanges: Sequence[Exchange]) -> Validators | None:
    """The validators for the next look: those of the last answer to a conditional request.

    A 200 replaces them, also by none; a 304 replaces what it carries (RFC 9110, 15.4.5), but an ETag only by another
    one: servers that compress mark it as weak with the body and not with the 304, and we ask for either alike.
    """
    for exchange in reversed(exchanges):
        if not exchange.request.conditional:
            continue
        fresh = validators_of(exchange.response)
        if exchange.response.status != 304:
            return fresh
        if fresh is None or before is None:
            return before
        same = fresh.etag is None or _opaque(fresh.etag) == _opaque(before.etag)
        etag = before.etag if same else fresh.etag
        return Validators(before.url, etag, fresh.last_modified or before.last_modified)
    return before


def _opaque(etag: bytes | None) -> bytes | None:
    """The part of an ETag that If-None-Match compares (RFC 9110, 13.1.2)."""
    return None if etag is None else etag.removeprefix(b"W/")


def permanent_target(exchanges: Sequence[Exchange]) -> str | None:
    """Where the first request was sent on for good: along 301 and 308 only. None where it was not."""
    target = None
    for exchange in exchanges[:1]:
        for status, address in exchange.response.redirects:
            if status not in (301, 308):
                break
            target = address
    return target
