"""From what a person pasted to an account on Bluesky.

Promises: an account is named by its DID; a handle only leads there. What was tried is told when nothing is found.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from app.domain.models import Failure, Identity
from app.platforms.base import Request, ResolveError, Response
from app.platforms.bluesky_absence import error_failure
from app.platforms.bluesky_calls import (
    DidDocument,
    Profile,
    Resolved,
    call,
    did_document,
    handle_of,
    shown_name,
    trouble_of,
)
from app.platforms.bluesky_feed import hides, known_handle
from app.platforms.bluesky_names import actor_of, is_did
from app.platforms.jsonapi import host_of, moment, read_ok

_PROFILE = msgspec.json.Decoder(Profile)
_RESOLVED = msgspec.json.Decoder(Resolved)
_DOCUMENT = msgspec.json.Decoder(DidDocument)


def resolve_account(appview: str, plc: str, text: str) -> Generator[Request, Response, Identity]:
    """The account behind a handle, DID, at:// URI or link. An unavailable one is found too, by its DID."""
    actor = actor_of(text)
    if actor is None:
        raise ResolveError(f"no Bluesky handle, DID or link: {text[:100]}")
    tried: list[str] = []
    did = actor if is_did(actor) else (yield from _did_of(appview, actor, tried))
    answer = yield call(appview, "app.bsky.actor.getProfile", ("actor", did))
    profile = read_ok(_PROFILE, answer)
    if profile is not None and profile.did == did:
        return _identity(appview, profile, "" if is_did(actor) else actor)
    tried.append(f"getProfile at {host_of(appview)}: {_said(answer)}")
    return (yield from _unavailable(appview, plc, did, tried))


def _did_of(appview: str, handle: str, tried: list[str]) -> Generator[Request, Response, str]:
    answer = yield call(appview, "com.atproto.identity.resolveHandle", ("handle", handle))
    found = read_ok(_RESOLVED, answer)
    if found is not None and is_did(found.did):
        return found.did
    tried.append(
        f"resolveHandle at {host_of(appview)} (it asks DNS _atproto.{handle} and https://{handle}/.well-known/atproto-did)"
        f": {_said(answer)}"
    )
    raise ResolveError(
        f"nobody on Bluesky goes by the handle {handle} now; after a rename paste the new handle or the DID", tried
    )


def _unavailable(appview: str, plc: str, did: str, tried: list[str]) -> Generator[Request, Response, Identity]:
    """Deactivated and suspended accounts can be watched as well: they come back."""
    answer = yield did_document(plc, did)
    document = read_ok(_DOCUMENT, answer)
    if document is None or document.id != did:
        tried.append(f"the document of {did}: {_said(answer)}")
        raise ResolveError(f"no account {did} on Bluesky", tried)
    return _identity(appview, Profile(did), handle_of(document) or did)


def _identity(appview: str, profile: Profile, pasted: str) -> Identity:
    created_at, _ = moment(profile.created_at)
    return Identity(
        platform="bluesky",
        native_id=profile.did,
        handle=known_handle(profile.handle) or pasted or profile.did,
        host=host_of(appview) or "",
        profile_url=f"https://bsky.app/profile/{profile.did}",
        display_name=shown_name(profile.display_name),
        created_at=created_at,
        memory={"hidden": True} if hides(profile.labels, profile.did) else {},
    )


def _said(answer: Response) -> str:
    """One line on an answer, for the person who pasted the link."""
    if answer.status == 400:
        return trouble_of(answer).message[:100] or "refused (400)"
    failure = error_failure(answer)
    return failure.detail if isinstance(failure, Failure) else "an answer of another shape"
