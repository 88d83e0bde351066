"""What looks write: runs of equal looks, marks on posts, moves and names, all for a group at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.models import DEFAULT_KINDS, DateNote, Identity, Kind, Post, Stretch
from app.storage import accounts, claims, erasure, looks, memory, sightings, tables
from app.storage.looks import Grown, Look
from app.storage.sightings import NewPosts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def add(conn: AsyncConnection, name: str) -> int:
    url = f"http://{name}.example/feed"
    account, _ = await accounts.add(conn, Identity("feed", url, url, f"{name}.example", url), now=NOW)
    return account.id


def post(name: str, at: datetime, kind: Kind = Kind.ORIGINAL, note: DateNote = DateNote.NONE) -> Post:
    return Post(name, kind, at, NOW, f"http://x.example/{name}", note)


async def rows_of(conn: AsyncConnection, name: str) -> list[Any]:
    table = tables.metadata.tables[name]
    return list((await conn.execute(select(table))).all())


async def test_equal_looks_in_a_row_share_a_row(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        a, b = await add(conn, "a"), await add(conn, "b")
        script = [("page", None, 3), ("unchanged", None, 0), ("unchanged", None, 0), ("unreachable", "dns", 0)]
        script += [("unreachable", "dns", 0), ("unreachable", "tls", 0), ("page", None, 1), ("page", None, 0)]
        for hour, (outcome, reason, new) in enumerate(script):
            at = NOW + hour * HOUR
            both = [Look(a, at, outcome, reason, None, new), Look(b, at, "page", None, None, 0)]
            await looks.write_looks(conn, both)
        stored = sorted(await rows_of(conn, "polls"), key=lambda row: (row.account_id, row.first_at))
    runs = [(row.outcome, row.reason, row.looks, row.new_posts) for row in stored if row.account_id == a]
    assert runs == [
        ("page", None, 1, 3),
        ("unchanged", None, 2, 0),
        ("unreachable", "dns", 2, 0),
        ("unreachable", "tls", 1, 0),
        ("page", None, 2, 1),
    ]
    [whole] = [row for row in stored if row.account_id == b]
    assert (whole.looks, whole.largest_gap_s, whole.last_at) == (8, 3600, NOW + 7 * HOUR)


async def test_posts_are_found_marked_returned_and_named_anew(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        a, b = await add(conn, "a"), await add(conn, "b")
        await sightings.insert_posts(
            conn, [NewPosts(a, (post("x", NOW), post("y", NOW))), NewPosts(b, (post("x", NOW),))]
        )
        assert await sightings.known_posts(conn, {a: ["x", "z"], b: ["y"]}) == {a: {"x": (NOW, False)}}
        await sightings.mark_deleted(conn, [(a, "x", NOW + HOUR)])
        await sightings.mark_deleted(conn, [(a, "x", NOW + 2 * HOUR)])  # the first finding stands
        assert (await sightings.known_posts(conn, {a: ["x"], b: ["x"]})) == {
            a: {"x": (NOW, True)},
            b: {"x": (NOW, False)},
        }
        marked = {(row.account_id, row.native_id): row.deleted_seen_at for row in await rows_of(conn, "posts")}
        assert marked[a, "x"] == NOW + HOUR
        await sightings.mark_returned(conn, [(a, "x")])
        await sightings.rekey(conn, [(a, "x", "new:x")])
        links = await sightings.known_links(conn, {a: ["http://x.example/x", "http://x.example/no"]})
        assert dict(links[a]) == {"http://x.example/x": {"new:x"}}
        assert {(row.account_id, row.native_id, row.deleted_seen_at) for row in await rows_of(conn, "posts")} == {
            (a, "new:x", None),
            (a, "y", None),
            (b, "x", None),
        }


async def test_what_is_known_is_looked_up_in_a_hash_table_also_once_the_plan_is_for_any_values(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as conn:
        a, b = await add(conn, "a"), await add(conn, "b")
        await sightings.insert_posts(conn, [NewPosts(a, (post("x", NOW), post("y", NOW)))])
        await conn.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        assert await sightings.known_posts(conn, {a: ["x", "z"], b: ["y"]}) == {a: {"x": (NOW, False)}}
        links = await sightings.known_links(conn, {a: ["http://x.example/y"]})
        assert dict(links[a]) == {"http://x.example/y": {"y"}}
        query = "SELECT name FROM pg_prepared_statements WHERE statement ~ '^\\s*SELECT account_id.*FROM posts.*unnest'"
        names = list((await conn.execute(text(query))).scalars())
        assert len(names) == 2
        for name in names:
            plan = (await conn.execute(text(f"""EXPLAIN EXECUTE "{name}" ('{{1}}', '{{x,y}}')"""))).scalars()
            assert "hashed SubPlan" in "\n".join(plan)


async def test_the_last_post_is_no_late_import_and_no_story(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        a, b = await add(conn, "a"), await add(conn, "b")
        batch = (
            post("real", NOW - 5 * HOUR),
            post("import", NOW - 2 * HOUR, note=DateNote.BACKDATED),
            post("story", NOW - HOUR, kind=Kind.STORY),
        )
        await sightings.insert_posts(conn, [NewPosts(a, batch)])
        await sightings.refresh_last_posts(conn, {a: 2.0, b: 0.1}, NOW)
        states = {row.account_id: row for row in await rows_of(conn, "account_state")}
    assert (states[a].last_post_id, states[a].last_post_kind) == ("real", int(Kind.ORIGINAL))
    assert states[a].posts_per_day == 1500
    assert (states[b].last_post_id, states[b].posts_per_day) == (None, 0)


async def test_coverage_grows_in_place_or_by_a_row(engine: AsyncEngine) -> None:
    stretch = Stretch(NOW, NOW + HOUR, DEFAULT_KINDS, True, NOW, NOW, timedelta(seconds=1.2), timedelta(seconds=900.5))
    async with engine.begin() as conn:
        a = await add(conn, "a")
        await looks.write_coverage(conn, [Grown(a, stretch)])
        [row] = await rows_of(conn, "coverage")
        assert (row.largest_gap_s, row.lag_s) == (2, 901)  # bounds are rounded up
        longer = Stretch(NOW, NOW + 2 * HOUR, DEFAULT_KINDS, True, NOW, NOW + 2 * HOUR, HOUR, HOUR)
        await looks.write_coverage(conn, [Grown(a, longer, row.id), Grown(a, stretch)])
        stored = sorted(await rows_of(conn, "coverage"), key=lambda found: found.id)
        assert [(found.id == row.id, found.ends_at) for found in stored] == [
            (True, NOW + 2 * HOUR),
            (False, NOW + HOUR),
        ]


async def test_only_the_holder_of_the_token_writes(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        a, b = await add(conn, "a"), await add(conn, "b")
        held = await claims.claim_due(conn, NOW, 10, HOUR, 10)
        assert await looks.hold(conn, {claim.account_id: claim.token for claim in held}) == {a, b}
        assert await looks.hold(conn, {a: held[0].token, b: held[1].token - 1, 999: 1}) == {a}


async def test_memory_comes_back_as_it_went(engine: AsyncEngine) -> None:
    kept = claims.Memory(
        platform={"x": [1, {"y": None}]},
        validator_url="http://a/",
        etag=b'W/"\xff\x00"',
        last_modified=b"never ",
        least_interval=timedelta(hours=6),
        redirect_to="http://b/",
        redirect_seen=2,
        redirect_at=NOW,
        page_ids=("b", "a,{}\"'"),
        page_times=(NOW, NOW - HOUR),
        missing_ids=("b",),
    )
    async with engine.begin() as conn:
        a = await add(conn, "a")
        await memory.write(conn, {a: kept})
        await memory.write(conn, {a: kept})
        [claim] = await claims.claim_due(conn, NOW, 10, HOUR, 10)
    assert claim.memory == kept


async def test_a_move_takes_the_host_along_and_never_takes_anothers_place(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        a, b = await add(conn, "a"), await add(conn, "b")
        assert not await looks.move(conn, a, "http://b.example/feed", "b.example", NOW)
        assert await looks.move(conn, a, "http://new.example/feed", "new.example", NOW)
        moved = await accounts.get(conn, a)
        assert moved is not None
        assert (moved.native_id, moved.handle, moved.host) == ("http://new.example/feed",) * 2 + ("new.example",)
        claimed = {c.account_id: c for c in await claims.claim_due(conn, NOW, 10, HOUR, 10)}
        assert claimed[a].host == "new.example"
        await erasure.erase_account(conn, b, NOW)
        assert not await looks.move(conn, a, "http://b.example/feed", "b.example", NOW)  # erased: not added again
