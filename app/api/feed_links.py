"""Links to feeds for readers that cannot send a header: the question itself, signed for the key that asked for it.

Promises: a link opens the one question it was made for and nothing else; it works until the key that obtained it is
revoked, or the installation's secret is replaced.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import urlencode

KEY, SIGNATURE = "key", "signature"
Pairs = Sequence[tuple[str, str]]


def sign(secret: bytes, path: str, pairs: Pairs, key: str) -> str:
    """The link: the path with its parameters, the prefix of the key it belongs to, and the signature."""
    whole = [*((name, value) for name, value in pairs if name not in (KEY, SIGNATURE)), (KEY, key)]
    return f"{path}?{urlencode([*whole, (SIGNATURE, _seal(secret, path, whole))])}"


def check(secret: bytes, path: str, pairs: Pairs) -> str | None:
    """The prefix of the key that a link belongs to; None where it was changed or never signed."""
    given = [value for name, value in pairs if name == SIGNATURE]
    keys = [value for name, value in pairs if name == KEY]
    rest = [pair for pair in pairs if pair[0] != SIGNATURE]
    if len(given) != 1 or len(keys) != 1 or not given[0].isascii():
        return None
    return keys[0] if hmac.compare_digest(given[0], _seal(secret, path, rest)) else None


def _seal(secret: bytes, path: str, pairs: Pairs) -> str:
    digest = hmac.digest(secret, f"feed\0{path}\0{urlencode(sorted(pairs))}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode()
