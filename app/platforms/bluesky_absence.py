"""Why an account shows nothing: the AppView's feed says "Profile not found" for every reason alike.

Asked in this order, until one answers clearly: the AppView's getProfile (deactivated, taken down), the DID's document
(never registered, tombstoned), the repository's own server (deactivated, taken down, deleted, alive after all).
Promises: only a clear word of a server becomes ``gone`` or ``suspended``; none of them says ``stop``, since
deactivation, take-down and even deletion are taken back.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from app.domain.models import Failure, OutcomeName
from app.platforms.answers import failure_of
from app.platforms.base import Request, Response
from app.platforms.bluesky_calls import DidDocument, Records, RepoStatus, call, did_document, pds_of, trouble_of
from app.platforms.bluesky_names import POST, REPOST
from app.platforms.jsonapi import read_json

_DOCUMENT = msgspec.json.Decoder(DidDocument)
_STATUS = msgspec.json.Decoder(RepoStatus)
_RECORDS = msgspec.json.Decoder(Records)
DEACTIVATED = Failure(OutcomeName.GONE, "deactivated", "deactivated by its owner, who can come back")
TAKEN_DOWN = Failure(OutcomeName.SUSPENDED, "takendown", "suspended by the network")
DELETED = Failure(OutcomeName.GONE, "deleted", "the account was deleted")
NEVER_WAS = Failure(OutcomeName.GONE, "did_unknown", "no such account in the directory")
NOT_SHOWN = Failure(OutcomeName.UNREADABLE, "not_indexed", "the account exists but the AppView does not show it")
_STATES = {
    "deactivated": DEACTIVATED,
    "takendown": TAKEN_DOWN,
    "suspended": Failure(OutcomeName.SUSPENDED, "suspended", "suspended for a time by its server"),
    "deleted": DELETED,
}
_ERRORS = {
    "AccountDeactivated": DEACTIVATED,
    "AccountTakedown": TAKEN_DOWN,
    "RepoDeactivated": DEACTIVATED,
    "RepoTakendown": TAKEN_DOWN,
    "RepoSuspended": _STATES["suspended"],
    "RepoNotFound": DELETED,
}


def error_failure(response: Response) -> Failure | None:
    """What an answer of the AppView means that is no 200; None for 200 and 304."""
    if response.status == 400:
        trouble = trouble_of(response)
        name = trouble.error if trouble.error.isascii() and trouble.error.isalpha() else "no error name"
        return _ERRORS.get(trouble.error) or Failure(
            OutcomeName.UNREADABLE, "http_400", f"the request was refused: {name[:40]}"
        )
    return failure_of(response)


def is_not_found(response: Response) -> bool:
    """Whether this is the answer that tells nothing apart."""
    if response.status != 400:
        return False
    trouble = trouble_of(response)
    return trouble.error == "InvalidRequest" and trouble.message == "Profile not found"


def explain_absence(appview: str, plc: str, did: str) -> Generator[Request, Response, Failure]:
    """The reason why the feed is not found."""
    profile = yield call(appview, "app.bsky.actor.getProfile", ("actor", did))
    if profile.status == 200:
        return Failure(OutcomeName.UNREADABLE, "contradiction", "the profile is shown but its feed is not")
    if not is_not_found(profile):
        return error_failure(profile) or NOT_SHOWN
    pds = yield from find_pds(plc, did)
    if isinstance(pds, Failure):
        return pds
    return read_status((yield call(pds, "com.atproto.sync.getRepoStatus", ("did", did))))


def find_pds(plc: str, did: str) -> Generator[Request, Response, str | Failure]:
    """The base URL of the repository's server, from the DID's document."""
    answer = yield did_document(plc, did)
    if answer.status == 404:
        return NEVER_WAS
    if answer.status == 410:
        return Failure(OutcomeName.GONE, "tombstoned", "the account's identity was given up")
    failure = failure_of(answer)
    if failure is not None:
        return _elsewhere(failure)
    document = read_json(_DOCUMENT, answer)
    if isinstance(document, Failure):
        return document
    if document.id != did:
        return Failure(OutcomeName.UNREADABLE, "another_account", "the directory answered for another account")
    return pds_of(document) or Failure(OutcomeName.GONE, "no_server", "the identity names no server that holds it")


def _elsewhere(failure: Failure) -> Failure:
    """A limit of the directory or of one account's server is no limit of the AppView, where all others are polled."""
    if failure.outcome is OutcomeName.RATE_LIMITED or failure.retry_after is not None:
        reason = f"elsewhere_{failure.reason}"
        return Failure(OutcomeName.UNREACHABLE, reason, "the server that could say why asks to wait")
    return failure


def read_status(answer: Response) -> Failure:
    """What the repository's own server says."""
    if answer.status != 200:
        return _elsewhere(error_failure(answer) or NOT_SHOWN)
    status = read_json(_STATUS, answer)
    if isinstance(status, Failure):
        return status
    if status.active:
        return NOT_SHOWN
    return _STATES.get(status.status) or Failure(
        OutcomeName.UNREADABLE, "inactive", "its server holds the account inactive without a known reason"
    )


def confirm_empty(plc: str, did: str) -> Generator[Request, Response, Failure | None]:
    """Whether a feed that turned empty is really empty: None where the repository itself holds no post and no repost.

    The only evidence that outweighs "empty after not empty is unreadable" is that of the server which holds the
    records; the AppView's own counter would fail together with its feed.
    """
    pds = yield from find_pds(plc, did)
    if isinstance(pds, Failure):
        return pds
    for collection in (POST, REPOST):
        answer = yield call(
            pds, "com.atproto.repo.listRecords", ("repo", did), ("collection", collection), ("limit", "1")
        )
        failure = error_failure(answer)
        if failure is not None:
            return _elsewhere(failure)
        records = read_json(_RECORDS, answer)
        if isinstance(records, Failure):
            return records
        if records.records:
            return Failure(OutcomeName.UNREADABLE, "empty", "an empty page of an account that has posts")
    return None
