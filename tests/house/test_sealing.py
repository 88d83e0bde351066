"""Secrets of others at rest."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.config import PREFIX, load
from app.errors import ConfigError
from app.sealing import CannotOpen, key_id, load_key, read_key, sealer

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def test_what_is_sealed_opens_and_shows_nothing(tmp_path: Path) -> None:
    ours = sealer([], tmp_path)
    sealed, name = ours.seal(b"whsec_secret")
    assert b"whsec" not in sealed
    assert sealed != ours.seal(b"whsec_secret")[0]
    assert ours.open(sealed, name) == b"whsec_secret"
    assert sealer([], tmp_path).open(sealed, name) == b"whsec_secret"


def test_keys_are_replaced_one_after_another(tmp_path: Path) -> None:
    before = sealer([OLD], tmp_path).seal(b"x")
    both = sealer([NEW, OLD], tmp_path)
    assert both.open(*before) == b"x"
    assert both.seal(b"x")[1] == key_id(read_key(NEW)) != before[1]
    with pytest.raises(CannotOpen):
        sealer([NEW], tmp_path).open(*before)


def test_what_was_changed_does_not_open(tmp_path: Path) -> None:
    ours = sealer([OLD], tmp_path)
    sealed, name = ours.seal(b"secret")
    for bad in (b"", sealed[:11], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(CannotOpen):
            ours.open(bad, name)


def test_the_key_file_is_closed_to_others_and_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: load_key(tmp_path / "new"), range(32)))
    assert len(found) == 1
    files = list((tmp_path / "new").iterdir())
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [("secret-key", 0o600)]


def test_a_key_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        sealer([], tmp_path / "file").seal(b"x")
    (tmp_path / "secret-key").write_text("short")
    with pytest.raises(ConfigError):
        sealer([], tmp_path).seal(b"x")


def test_keys_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "SECRET_KEYS", f"{NEW},{OLD}")
    settings = load()
    assert settings.sealing_keys == [NEW, OLD]
    assert NEW not in repr(settings) + str(settings)
    monkeypatch.setenv(PREFIX + "SECRET_KEYS", "c2hvcnQ=")
    with pytest.raises(ConfigError, match="SECRET_KEYS"):
        load()
