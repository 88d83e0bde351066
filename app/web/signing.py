"""Sign-in links and session cookies: short texts with an end, signed with the installation's secret.

Promises: what was signed for one purpose is good for no other; nothing is believed after its end; a cookie names the
key it came from (its public prefix), so that revoking the key ends the session. The pages only ever read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LINK, SESSION = "sign-in", "session"
LINK_LASTS = timedelta(hours=1)
SESSION_LASTS = timedelta(days=7)
#: Who a session belongs to that came from a link and not from a key.
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Pass:
    """What a good token says."""

    who: str
    until: datetime


def sign(secret: bytes, purpose: str, who: str, until: datetime) -> str:
    """A token for ``who``, good for ``purpose`` until the given moment (whole seconds)."""
    body = f"{int(until.timestamp())}.{who}.{secrets.token_urlsafe(9)}"
    return f"{body}.{_seal(secret, purpose, body)}"


def check(secret: bytes, purpose: str, token: str, now: datetime) -> Pass | None:
    """What a token says, None where it was changed, is over, or was made for something else."""
    body, _, seal = token.rpartition(".")
    if len(token) > 200 or not token.isascii() or not hmac.compare_digest(seal, _seal(secret, purpose, body)):
        return None
    until_text, who, _ = body.split(".", 2)
    until = datetime.fromtimestamp(int(until_text), UTC)
    return Pass(who, until) if now < until else None


def sign_in_path(secret: bytes, now: datetime) -> str:
    """The path of a link that signs the operator in, good for an hour. To be printed, never to be logged."""
    return f"/sign-in?token={sign(secret, LINK, OPERATOR, now + LINK_LASTS)}"


def _seal(secret: bytes, purpose: str, body: str) -> str:
    digest = hmac.digest(secret, f"{purpose}\0{body}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode()
