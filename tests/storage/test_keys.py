"""Keys are shown once, checked by prefix and digest, and end when revoked."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage import audit, keys
from app.storage.tables import api_keys
from tests.storage.histories import DAY, NOW


async def test_a_key_opens_until_it_is_revoked(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        key, secret = await keys.create(conn, "newsroom", ["write", "read", "read"], NOW)
        assert key.scopes == ("read", "write")
        assert secret.startswith(f"qw_{key.prefix}_")
        assert len(secret.split("_", 2)[2]) >= 43
        assert await keys.verify(conn, secret) == key
        for wrong in ("", "qw_", secret[:-1], secret + "x", f"qw_{key.prefix}_", "qw_none_x", secret.upper(), "a_b_c"):
            assert await keys.verify(conn, wrong) is None
        stored = (await conn.execute(text("select k::text from api_keys k"))).scalar_one()
        assert secret.split("_", 2)[2] not in stored
        revoked = await keys.revoke(conn, key.prefix, NOW + DAY)
        assert revoked
        assert revoked.revoked_at == NOW + DAY
        assert await keys.revoke(conn, key.prefix, NOW + 2 * DAY) == revoked
        assert await keys.verify(conn, secret) is None
        assert await keys.revoke(conn, "nobody", NOW) is None
        assert await keys.list_all(conn) == [revoked]


async def test_use_is_recorded_once_a_minute(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        key, secret = await keys.create(conn, "k", ["read"], NOW)
        assert keys.use_is_due(key, NOW)
        used = []
        for seconds in (0, 30, 59, 60, 100):
            await keys.record_use(conn, key.id, NOW + timedelta(seconds=seconds))
            used.append(await conn.scalar(select(api_keys.c.last_used_at)))
        assert [int((at - NOW).total_seconds()) for at in used if at] == [0, 0, 0, 60, 60]
        now_used = await keys.verify(conn, secret)
        assert now_used
        assert not keys.use_is_due(now_used, NOW + timedelta(seconds=100))


async def test_the_first_answer_is_kept_for_a_day(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        key, _ = await keys.create(conn, "k", ["write"], NOW)
        first, second = keys.Answer(b"1", 201, b"one"), keys.Answer(b"2", 201, b"two")
        assert await keys.put_answer(conn, key.id, "a", first, NOW)
        assert not await keys.put_answer(conn, key.id, "a", second, NOW + timedelta(hours=1))
        assert await keys.get_answer(conn, key.id, "a", NOW + timedelta(hours=23)) == first
        assert await keys.get_answer(conn, key.id, "a", NOW + DAY) is None
        assert await keys.put_answer(conn, key.id, "a", second, NOW + DAY)


async def test_the_audit_is_listed_newest_first(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        for number in range(3):
            await audit.append(conn, actor="cli", action="key.create", object=str(number), now=NOW)
        whole = await audit.page(conn, after=None, limit=10)
        assert [entry.object for entry in whole] == ["2", "1", "0"]
        assert await audit.page(conn, after=whole[0].id, limit=1) == [whole[1]]
