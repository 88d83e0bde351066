"""The image and the composition as they are written: no Docker here builds them, so what they name is held to exist."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from app.cli import app
from app.config import PREFIX, Settings, load
from app.main import create_app

ROOT = Path(__file__).parent.parent.parent
LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)).splitlines()
INSTRUCTIONS = [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in LINES if line)]
COMPOSITION: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}


def told(word: str) -> list[str]:
    """What these instructions of the stage that is run say."""
    last = max(n for n, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM")
    return [rest for name, rest in INSTRUCTIONS[last:] if name == word]


def environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", told("ENV")[0]))


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for word, rest in INSTRUCTIONS
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert {*copied} == {*allowed}
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_all_that_the_package_needs_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], project["project"]["readme"]}
    copied = {source for word, rest in INSTRUCTIONS if word == "COPY" for source in rest.split()[:-1]}
    assert needed | {"pyproject.toml", "requirements.lock"} <= copied
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    builders = {re.split(r"[<>=]", each)[0] for each in project["dependency-groups"]["build"]}
    assert builders <= {*locked}, "the package is built without a download of its own"


def test_base_images_are_pinned_to_a_version_that_is_supported() -> None:
    images = [rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"]
    assert len(set(images)) == 1
    version = re.fullmatch(r"python:3\.(\d+)-slim-\w+", images[0])
    assert version
    assert int(version[1]) >= 11
    assert re.fullmatch(r"postgres:\d+-\w+", COMPOSITION["services"]["database"]["image"])


def test_the_image_runs_as_an_ordinary_user_who_owns_his_data() -> None:
    (user,) = told("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "a number, so that it can be seen not to be root"
    data = environment()["QUIETWATCH_DATA_DIR"]
    assert told("VOLUME") == [data]
    (made,) = told("RUN")
    assert f"--uid {user.partition(':')[0]} " in made
    assert re.search(rf"install -d -o quietwatch -g quietwatch -m 0700 {data}$", made)


def test_settings_of_the_image_exist_and_hold_nothing_secret() -> None:
    named = {name for name in environment() if name.startswith(PREFIX)}
    assert named <= SETTINGS
    assert not named & {"QUIETWATCH_SECRET_KEYS", "QUIETWATCH_DATABASE_URL"}


def test_the_image_starts_and_asks_after_what_exists() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (entry,), (command,) = (yaml.safe_load(told(word)[0]) for word in ("ENTRYPOINT", "CMD"))
    assert entry in scripts
    assert command in typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them
    (check,) = told("HEALTHCHECK")
    port, path = re.findall(r"http://127\.0\.0\.1:(\d+)(/[\w/]+)", check)[0]
    assert told("EXPOSE") == [port] == [str(Settings.model_fields["port"].default)]
    assert path in create_app(Settings(), None, secret=bytes(32)).openapi()["paths"]


@pytest.mark.parametrize("name", COMPOSITION["services"])
def test_every_service_is_confined(name: str) -> None:
    service = COMPOSITION["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not str(service.get("user", "10001")).startswith("0")
    assert "/tmp" in service["tmpfs"]  # noqa: S108  # PostgreSQL and Python want one
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert {mount.partition(":")[0] for mount in service["volumes"]} <= {*COMPOSITION["volumes"]}
    assert {*service["networks"]} <= {*COMPOSITION["networks"]}
    secrets = [value for key, value in service["environment"].items() if "PASSWORD" in key or "URL" in key]
    assert all(re.search(r"\$\{\w+:[?-]", value) for value in secrets), "a password is asked for, never written here"


def test_the_database_has_no_way_out_and_the_service_waits_for_it() -> None:
    database, service = COMPOSITION["services"]["database"], COMPOSITION["services"]["quietwatch"]
    assert all(COMPOSITION["networks"][name]["internal"] for name in database["networks"])
    assert "ports" not in database
    assert service["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert database["healthcheck"]["test"][0] == "CMD"
    seconds = re.fullmatch(r"(\d+)s", service["stop_grace_period"])
    assert seconds
    assert int(seconds[1]) > 20, "a stop takes up to 20 s"
    mounts = [mount.partition(":")[2] for mount in service["volumes"]]
    assert mounts == told("VOLUME")


def test_settings_of_the_composition_can_be_used_with_a_password_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given = COMPOSITION["services"]["quietwatch"]["environment"]
    assert {*given} <= SETTINGS
    asked = {name for value in given.values() for name in re.findall(r"\$\{(\w+):\?", value)}
    assert asked == {"QUIETWATCH_DB_PASSWORD"}
    for name, value in given.items():
        monkeypatch.setenv(name, re.sub(r"\$\{(\w+):(.)[^}]*\}", lambda m: "x" if m[2] == "?" else "", value))
    settings = load()
    assert (settings.contact, settings.public_url) == ("", None)
    address = settings.database_url.get_secret_value() if settings.database_url else ""
    assert fnmatch(address, "postgresql://quietwatch:*@database:5432/quietwatch")
