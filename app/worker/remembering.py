"""What the next look shall know: validators, page, pace and redirects, from what this look brought.

Promises: pure; validators change only with a look that was understood, together with the page they stand for; a
permanent redirect is believed after three sightings of the same target, a day or more apart, and never from https
to http.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.domain.joining import PageMemory
from app.domain.models import Failure, Page
from app.storage.claims import Memory
from app.worker.fetch import Validators
from app.worker.findings import Finding, kept_validators, permanent_target

#: Sightings of the same permanent redirect before it is believed, and the least time between two that count.
SIGHTINGS = 3
APART = timedelta(hours=24)
Changes = dict[str, Any]


def remembered(found: Finding, page: PageMemory | None) -> Memory:
    """The memory after this look; equal to the claimed one where nothing changed."""
    before, look = found.claim.memory, found.look
    if isinstance(look, Failure) or found.void is not None:
        changes = _without_redirect(before) if _stayed(found) else {}
    else:
        changes = _validators(before, found) | _redirect(before, found)
        if isinstance(look, Page) or look.least_interval is not None:
            changes["least_interval"] = look.least_interval
        if isinstance(look, Page) and look.memory is not None:
            changes["platform"] = look.memory
        if page is not None:
            changes |= _page(page)
    return msgspec.structs.replace(before, **changes) if changes else before


def believed_target(before: Memory, after: Memory) -> str | None:
    """Where the account is to be found from now on; None where nothing new is believed."""
    if after.redirect_seen >= SIGHTINGS > before.redirect_seen:
        return after.redirect_to
    return None


def validators_in(memory: Memory) -> Validators | None:
    """The stored validators."""
    if memory.validator_url is None:
        return None
    return Validators(memory.validator_url, memory.etag, memory.last_modified)


def _validators(memory: Memory, found: Finding) -> Changes:
    kept = kept_validators(validators_in(memory), found.exchanges)
    if kept is None or kept.etag is kept.last_modified is None:
        return {"validator_url": None, "etag": None, "last_modified": None} if memory.validator_url is not None else {}
    if (memory.validator_url, memory.etag, memory.last_modified) == (kept.url, kept.etag, kept.last_modified):
        return {}
    return {"validator_url": kept.url, "etag": kept.etag, "last_modified": kept.last_modified}


def _page(page: PageMemory) -> Changes:
    ids = tuple([name for name, _ in page.ids_times])
    times = tuple([at for _, at in page.ids_times])
    return {"page_ids": ids, "page_times": times, "missing_ids": tuple(sorted(page.missing))}


def _redirect(memory: Memory, found: Finding) -> Changes:
    if not found.exchanges:
        return {}
    target = permanent_target(found.exchanges)
    if target is None or _is_downgrade(found.exchanges[0].request.url, target):
        return _without_redirect(memory)
    if target != memory.redirect_to:
        return {"redirect_to": target, "redirect_seen": 1, "redirect_at": found.looked_at}
    if _is_next(memory.redirect_at, found.looked_at):
        return {"redirect_seen": memory.redirect_seen + 1, "redirect_at": found.looked_at}
    return {}


def _without_redirect(memory: Memory) -> Changes:
    if memory.redirect_to is None:
        return {}
    return {"redirect_to": None, "redirect_seen": 0, "redirect_at": None}


def _stayed(found: Finding) -> bool:
    """Whether the old address gave an answer of its own, even an error: it does not consistently send us on."""
    return bool(found.exchanges) and not found.exchanges[0].response.redirects


def _is_next(last: datetime | None, now: datetime) -> bool:
    return last is None or now - last >= APART


def _is_downgrade(before: str, after: str) -> bool:
    return before.lower().startswith("https:") and not after.lower().startswith("https:")
