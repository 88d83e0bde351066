"""``platforms``, ``doctor``, ``key`` and ``--version``."""

from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import KEY, Program


def test_what_can_be_watched(program: Program) -> None:
    found = program("platforms", "--json").json
    assert {platform["name"] for platform in found["items"]} == {"bluesky", "feed", "mastodon"}
    assert "cannot see" in program("platforms").out


def test_the_doctor_finds_a_healthy_service_and_a_database_that_is_away(program: Program, tmp_path: Path) -> None:
    well = program("doctor", "--no-network", "--json")
    assert well.code == 0, well.out
    assert well.json["ok"]
    checks = {check["check"]: check["result"] for check in well.json["checks"]}
    assert checks["database"] == checks["schema"] == checks["clock"] == "ok"
    assert checks["QW003"] == "warn"
    away = program.but(database_url=f"postgresql://quietwatch@/nothing?host={tmp_path}")
    ill = away("doctor", "--no-network", "--json")
    assert ill.code == 1
    assert not ill.json["ok"]
    assert away("platforms").code == 75


def test_a_key_is_made_listed_and_revoked(program: Program) -> None:
    made = program("key", "create", "newsroom", "--scope", "write", "--scope", "read", "--json").json
    assert KEY.fullmatch(made["key"])
    assert sorted(made["scopes"]) == ["read", "write"]
    plain = program("key", "create", "another")
    assert KEY.fullmatch(plain.out.strip())
    assert program("key", "revoke", made["prefix"]).code == 0
    listed = program("key", "list", "--json")
    assert KEY.search(listed.out) is None
    revoked = {key["name"]: key["revoked_at"] is not None for key in listed.json["items"]}
    assert revoked == {"newsroom": True, "another": False}
    assert program("key", "revoke", "000000000000").code == 4
    assert program("key", "create", "x", "--scope", "king").code == 2


def test_the_version_and_the_help(program: Program) -> None:
    assert program("--version").out.startswith("quietwatch ")
    shown = program("--help").out
    for command in ("serve", "worker", "watch", "import", "poll", "silence", "show", "export", "platforms", "doctor"):
        assert command in shown
