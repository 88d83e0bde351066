"""What may be seen once is never kept where it can be read (battery D12, G8): a run, then its database and its log."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from app.storage.engine import create_engine
from tests.commands.conftest import KEY, Program, free_port
from tests.waiting import until

PASSWORD = "canary-of-a-password"


async def dumped(url: str) -> str:
    """Every row of every table as text, and its bytes."""
    engine = create_engine(url)
    async with engine.connect() as conn:
        names = (
            (await conn.execute(text("select tablename from pg_tables where schemaname = 'public'"))).scalars().all()
        )
        queries = (f"select t::text, t::text::bytea from {name} t" for name in names)  # noqa: S608
        found = [str((await conn.execute(text(query))).all()) for query in queries]
    await engine.dispose()
    return "\n".join(found)


def test_no_key_secret_or_address_is_in_the_database_or_the_log(program: Program) -> None:
    chatty = program.but(log_level="debug")
    with chatty.start() as service:
        service.wait()
        keys = KEY.findall(service.out)
        hook = chatty("webhook", "add", f"http://127.0.0.1:{free_port()}/", "--json").json
        rotated = chatty("webhook", "rotate", hook["id"]).out.split()[0]
        person = chatty("notifier", "add", "desk", f"json://anna:{PASSWORD}@127.0.0.1:{free_port()}/in", "--json").json
        assert chatty("webhook", "test", hook["id"]).code in (0, 1)
        assert chatty("notifier", "test", person["id"]).code != 0
        made = chatty("key", "create", "reader", "--scope", "read")
        keys += KEY.findall(made.out)
        url = chatty.environment()["QUIETWATCH_DATABASE_URL"]
        until(lambda: "unreachable" in asyncio.run(dumped(url)), "no attempt is on record")
        dump, log = asyncio.run(dumped(url)), service.err
    secrets = [*keys, hook["secret"], rotated, PASSWORD]
    assert len(keys) >= 1
    assert hook["id"] in dump
    for secret in secrets:
        for form in (secret, secret.encode().hex()):
            assert form not in dump
        assert secret not in log
    assert "whsec_" not in dump + log
