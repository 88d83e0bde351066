"""Standard Webhooks, to the letter: secrets, signatures, and how a receiver checks them.

May assume nothing of what it is given to check: it comes from the network. Promises: the signed text is
``id.timestamp.body`` over the very bytes that are sent; timestamps are whole seconds of UTC whatever the zone of the
datetime they come from; a check costs the same time whether the first or the last byte of a signature is wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
VERSION = "v1"
#: Bytes of a secret: at least these (the specification's own bounds).
LEAST_BYTES, MOST_BYTES = 24, 64
#: How many bytes the secrets have that we make.
NEW_BYTES = 32
#: Seconds that the clocks of sender and receiver may differ.
TOLERANCE_S = 300
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_SECONDS = re.compile(r"-?[0-9]{1,12}", re.ASCII)


class BadSecret(ValueError):
    """Not ``whsec_`` and base64 of 24 to 64 bytes. The message holds nothing of it."""


def write_secret(key: bytes) -> str:
    """``whsec_`` and base64, as it is shown to whoever owns the endpoint. Raises BadSecret."""
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise BadSecret(f"a secret has {LEAST_BYTES} to {MOST_BYTES} random bytes")
    return PREFIX + base64.b64encode(key).decode()


def read_secret(text: str) -> bytes:
    """The key that a secret's text stands for. Raises BadSecret."""
    if not text.startswith(PREFIX):
        raise BadSecret(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadSecret(f"what follows {PREFIX} is base64") from error
    write_secret(key)
    return key


def seconds(at: datetime) -> int:
    """Whole seconds since 1970 in UTC, of an aware datetime of any zone. Raises ValueError for one without a zone."""
    if at.tzinfo is None:
        raise ValueError("a moment without a zone")
    return math.floor(at.timestamp())


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The signatures of all ``keys``, separated by spaces, in the order given. Raises ValueError for an id with a dot.

    (With a dot in it, another id and timestamp would have the same signature.)
    """
    if "." in message_id:
        raise ValueError("a message id has no dot")
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join(f"{VERSION},{base64.b64encode(_mac(key, signed)).decode()}" for key in keys)


def headers(keys: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> tuple[tuple[str, str], ...]:
    """The three headers of one attempt at ``at``. The id stays over all attempts, the timestamp is each one's own."""
    timestamp = seconds(at)
    return ((ID, message_id), (TIMESTAMP, str(timestamp)), (SIGNATURE, sign(keys, message_id, timestamp, body)))


def refusal(
    keys: Sequence[bytes], message_id: str, timestamp: str, signature: str, body: bytes, now: datetime
) -> str | None:
    """Why a received message is not to be believed, in a few words; None where it is genuine and of now."""
    if not message_id or "." in message_id:
        return "no usable webhook-id"
    if not _SECONDS.fullmatch(timestamp):
        return "no usable webhook-timestamp"
    away = int(timestamp) - seconds(now)
    if abs(away) > TOLERANCE_S:
        return "too old" if away < 0 else "from the future"
    signed = b"%s.%s.%s" % (message_id.encode("utf-8", "surrogateescape"), timestamp.encode(), body)
    expected = [_mac(key, signed) for key in keys]
    given = [found for part in signature.split() if (found := _read_signature(part)) is not None]
    # Every pair is compared, so that time tells nothing.
    good = sum(hmac.compare_digest(one, other) for one in given for other in expected)
    return None if good else "the signature is not ours"


def _read_signature(part: str) -> bytes | None:
    """The bytes of one ``v1,...``; None for other versions and for what is no signature."""
    version, _, text = part.partition(",")
    if version != VERSION:
        return None
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, hashlib.sha256)
