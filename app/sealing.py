"""Secrets of others at rest: webhook secrets and notifiers' addresses, encrypted with a key of this installation.

May assume that every process of an installation is given the same keys: by ``QUIETWATCH_SECRET_KEYS``, or by the key
file of the data directory that they share. Promises: AES-256-GCM with a fresh nonce for each text, so that what was
changed in the database does not open; what is sealed names its key, so that keys can be replaced one after another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import ConfigError

KEY_BYTES = 32
_NONCE_BYTES = 12
_FILE = "secret-key"


class CannotOpen(Exception):
    """The key is not among ours, or the ciphertext was changed. Holds nothing of either."""


class Sealer:
    """Encrypts with the first key, decrypts with any. ``load`` gives the keys and is called at the first use."""

    def __init__(self, load: Callable[[], Sequence[bytes]]) -> None:
        self._load = load

    @cached_property
    def _keys(self) -> dict[str, AESGCM]:
        return {key_id(key): AESGCM(key) for key in self._load()}

    def seal(self, plain: bytes) -> tuple[bytes, str]:
        """The ciphertext and the id of the key that made it. Raises ConfigError where there is no usable key."""
        name = next(iter(self._keys))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._keys[name].encrypt(nonce, plain, name.encode()), name

    def open(self, ciphertext: bytes, key_id: str) -> bytes:
        """What was sealed. Raises CannotOpen, and ConfigError where there is no usable key."""
        key = self._keys.get(key_id)
        if key is None:
            raise CannotOpen(f"no key {key_id}")
        try:
            return key.decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], key_id.encode())
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("changed since it was sealed") from error


def key_id(key: bytes) -> str:
    """The name of a key: public, and tells nothing of it."""
    return hashlib.sha256(b"quietwatch key\0" + key).hexdigest()[:12]


def read_key(text: str) -> bytes:
    """A key as settings and the key file hold it: base64 of 32 bytes. Raises ValueError."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("must be base64 of 32 random bytes") from error
    if len(key) != KEY_BYTES:
        raise ValueError("must be base64 of 32 random bytes")
    return key


def sealer(keys: Sequence[str], data_dir: Path) -> Sealer:
    """The sealer of this installation: with ``keys`` (the first one seals), else with the key file of ``data_dir``."""
    return Sealer(lambda: [read_key(key) for key in keys] if keys else [load_key(data_dir)])


def load_key(data_dir: Path) -> bytes:
    """The key of this installation, made at the first use. Raises ConfigError.

    A key that cannot be kept is no key: what it sealed could not be opened after a restart.
    """
    path = data_dir / _FILE
    try:
        if not path.exists():
            _make_key(path)
        return read_key(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        hint = "make the data directory writable, or set QUIETWATCH_SECRET_KEYS"
        raise ConfigError(f"the key file {path} cannot be used", field="secret_keys", hint=hint) from error


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all; of two processes at once, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{_FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
