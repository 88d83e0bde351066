"""The settings as an operator meets them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.config import PREFIX, Settings, check, load
from app.errors import ConfigError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def test_every_setting_has_a_default_and_a_description() -> None:
    load()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_setting_is_used() -> None:
    app = Path(__file__).parent.parent.parent / "app"
    text = "".join(path.read_text() for path in app.rglob("*.py") if path.name != "config.py")
    through = {
        "database_url": "database_address",
        "live_gap": "live_gap_time",
        "heartbeat_url": "heartbeat_address",
        "secret_keys": "sealing_keys",
    }
    unused = [name for name in Settings.model_fields if f".{through.get(name, name)}" not in text]
    assert unused == []


def test_lists_and_pairs_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIETWATCH_ALLOW_NETWORKS", "127.0.0.0/8, ::1/128")
    monkeypatch.setenv("QUIETWATCH_ALLOW_PORTS", "8081,8082")
    monkeypatch.setenv("QUIETWATCH_MARGINS", "bluesky=60,feed=900")
    settings = load()
    assert settings.allow_networks == ["127.0.0.0/8", "::1/128"]
    assert settings.allow_ports == [8081, 8082]
    assert settings.margin("bluesky", timedelta(0)) == timedelta(seconds=60)
    assert settings.margin("mastodon", timedelta(minutes=2)) == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "many"),
        ("ALLOW_NETWORKS", "10.0.0.1/8"),
        ("ALLOW_NETWORKS", "everything"),
        ("ALLOW_PORTS", "80,70000"),
        ("MARGINS", "bluesky"),
        ("MARGINS", "bluesky=-1"),
        ("BLUESKY_APPVIEW_URL", "public.api.bsky.app"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ConfigError, match=PREFIX + name) as caught:
        load()
    assert "\n" not in str(caught.value)


def test_paces_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="poll_least"):
        load(poll_least=1000, poll_default=900)
    with pytest.raises(ConfigError, match="live_gap"):
        load(live_gap=3600)


def test_a_password_shows_nowhere() -> None:
    settings = load(database_url="postgresql://anna:geheim@db/x")
    assert "geheim" not in repr(settings) + str(settings)
    assert settings.database_address == "postgresql://anna:geheim@db/x"


def test_the_data_directory_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert load().data_dir == Path("/home/anna/.local/share/quietwatch")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert load().data_dir == Path("/data/quietwatch")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # the specification: ignore it
    assert load().data_dir == Path("/home/anna/.local/share/quietwatch")


def test_warnings_are_numbered_and_name_their_setting() -> None:
    worst = load(
        host="0.0.0.0",  # noqa: S104 - the warning is about this
        allow_networks="10.0.0.0/8",
        allow_ports="6379,8080",
        poll_least=5,
        open_metrics=True,
        margins="feed=0",
        bluesky_plc_url="http://127.0.0.1:2582",
    )
    found = check(worst)
    assert [warning.code for warning in found] == [f"QW{number:03}" for number in range(1, 9)]
    assert all(warning.setting in Settings.model_fields for warning in found)
    assert check(load(contact="https://example.org/about")) == []
