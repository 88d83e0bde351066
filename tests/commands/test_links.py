"""``events link``: a feed for a reader without a key, ended without ending anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands.local import local_api
from app.config import Settings
from app.errors import Forbidden, QuietwatchError
from tests.commands.conftest import Program


async def test_a_key_asks_as_itself_and_the_program_as_an_administrator(engine: AsyncEngine, tmp_path: Path) -> None:
    async with local_api(Settings(data_dir=tmp_path), engine) as api:
        made = await api.send("/v1/keys", {"name": "desk", "scopes": ["read"]})
        assert (await api.read("/v1/events/feed", token=made["key"]))["key"] == made["prefix"]
        assert (await api.read("/v1/events/feed"))["key"] == "cli"
        assert len((await api.read("/v1/keys"))["items"]) == 1
        with pytest.raises(Forbidden):
            await api.read("/v1/keys", token=made["key"])
        with pytest.raises(QuietwatchError, match="not valid"):
            await api.read("/v1/keys", token="qw_000000000000_not_a_key_of_anybody")


def test_a_link_opens_its_feed_until_it_is_revoked(program: Program) -> None:
    made = program("events", "link", "create", "newsroom", "--type", "account.quiet", "--json").json
    assert made["url"].startswith("http://127.0.0.1:8080/v1/events.atom?type=account.quiet&key=")
    assert program("events", "link", "create", "other").out.count("/v1/events.atom?key=") == 1
    path = made["url"].removeprefix("http://127.0.0.1:8080")
    with program.start() as serving:
        serving.wait()
        status, body = serving.ask(path)
        assert (status, b"<feed" in body) == (200, True)
        assert serving.ask(path.replace("account.quiet", "account.resumed"))[0] == 401
        listed = program("events", "link", "list", "--json").json["items"]
        assert [(link["name"], link["revoked_at"]) for link in listed] == [("newsroom", None), ("other", None)]
        assert program("events", "link", "revoke", made["prefix"]).code == 0
        assert serving.ask(path)[0] == 401
    assert re.search(rf"{made['prefix']} +newsroom +\S+ +\d", program("events", "link", "list").out)


def test_what_cannot_be_asked_leaves_no_key_behind(program: Program) -> None:
    for words, code in (
        (("--type", "account.asleep"), 2),
        (("--rule", "rul_none"), 4),
        (("--account", "nobody"), 4),
    ):
        assert program("events", "link", "create", "x", *words).code == code
    assert program("key", "list", "--json").json["items"] == []
    assert program("events", "--tag", "pledged", "link", "create", "x").code == 2


def test_only_links_are_revoked_as_links(program: Program) -> None:
    key = program("key", "create", "desk", "--json").json
    done = program("events", "link", "revoke", key["prefix"])
    assert (done.code, "no link" in done.err) == (4, True)
    assert program("key", "list", "--json").json["items"][0]["revoked_at"] is None
    assert program("events", "link", "list", "--json").json["items"] == []
