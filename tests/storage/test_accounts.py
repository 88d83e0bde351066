"""The registry: adding, finding, listing, changing, erasing."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.models import Identity, Kind, OutcomeName, Post
from app.errors import BadInput, Erased
from app.storage import accounts, audit, erasure, keys, names, polls, posts, subjects
from app.storage.accounts import Filter
from app.storage.looks import Look, write_looks
from app.storage.tables import account_state, handles, metadata, source_memory
from tests.storage.histories import DAY, HOUR, NOW, add_account, identity, random_stretches, write


@pytest.fixture
async def conn(engine: AsyncEngine):  # type: ignore[no-untyped-def]  # an async generator of AsyncConnection
    async with engine.begin() as connection:
        yield connection


async def test_a_new_account_is_due_at_once(conn: AsyncConnection) -> None:
    subject, _ = await subjects.add(conn, "Alice", zone="Europe/Paris", now=NOW)
    account, new = await accounts.add(
        conn, identity("alice"), now=NOW, subject_id=subject.id, tags=["b", "a", "b"], role="personal"
    )
    assert new
    assert (account.tags, account.role, account.zone, account.subject) == (
        ("a", "b"),
        "personal",
        "Europe/Paris",
        subject.public_id,
    )
    due = await conn.scalar(select(account_state.c.next_poll_at).where(account_state.c.account_id == account.id))
    assert due == NOW
    assert await conn.scalar(select(func.count()).select_from(source_memory)) == 1


async def test_adding_twice_changes_nothing(conn: AsyncConnection) -> None:
    first, _ = await accounts.add(conn, identity("alice"), now=NOW, tags=["a"])
    again, new = await accounts.add(conn, identity("alice"), now=NOW + DAY, tags=["b"])
    assert (again, new) == (first, False)
    assert await accounts.count(conn) == 1


async def test_bad_values_are_refused(conn: AsyncConnection) -> None:
    with pytest.raises(BadInput):
        await accounts.add(conn, identity("a"), now=NOW, role="boss")
    with pytest.raises(BadInput):
        await accounts.add(conn, identity("a"), now=NOW, valid_from=NOW, valid_to=NOW)
    account = await add_account(conn, "alice")
    for changes in ({"handle": "x"}, {"status": "stopped"}, {"role": "boss"}, {"valid_from": NOW, "valid_to": NOW}):
        with pytest.raises(BadInput):
            await accounts.patch(conn, account.id, changes, now=NOW)


async def test_every_name_finds_the_account(conn: AsyncConnection) -> None:
    alice = await add_account(conn, "alice")
    feed, _ = await accounts.add(
        conn,
        Identity(
            "feed",
            "https://blog.example/Feed.xml",
            "https://blog.example/Feed.xml",
            "blog.example",
            "https://blog.example/",
        ),
        now=NOW,
    )
    mastodon, _ = await accounts.add(
        conn,
        Identity("mastodon", "inst.example/1", "@Bob@inst.example", "inst.example", "https://inst.example/@Bob"),
        now=NOW,
    )
    for key, wanted in (
        (alice.public_id, alice),
        ("bluesky:alice.example", alice),
        ("bluesky:ALICE.example", alice),
        ("bluesky:@alice.example", alice),
        ("bluesky:did:plc:alice", alice),
        ("alice.example", alice),
        ("https://profile.example/alice", alice),
        ("http://Profile.example/alice/", alice),
        ("feed:https://blog.example/Feed.xml", feed),
        ("https://blog.example/Feed.xml", feed),
        ("https://blog.example", feed),
        ("mastodon:@bob@inst.example", mastodon),
        ("mastodon:bob@inst.example", mastodon),
        ("@bob@inst.example", mastodon),
        ("https://inst.example/@Bob", mastodon),
        ("mastodon:alice.example", None),
        ("nobody.example", None),
        ("acc_none", None),
        ("", None),
        ("bad\0", None),
        ("%", None),
    ):
        assert await names.find(conn, key) == wanted, key


async def test_a_former_handle_still_finds_it_until_somebody_else_has_it(conn: AsyncConnection) -> None:
    alice = await add_account(conn, "alice")
    await conn.execute(handles.insert().values(account_id=alice.id, handle="old.example", seen_from=NOW - 200 * DAY))
    assert (await names.find_id(conn, "bluesky:old.example")) == alice.id
    heir, _ = await accounts.add(conn, identity("old"), now=NOW)
    assert (await names.find_id(conn, "bluesky:old.example")) == heir.id
    assert (await names.find_id(conn, "old.example")) == heir.id
    assert [name for name, _ in await names.handles_of(conn, alice.id)] == ["alice.example", "old.example"]


async def test_a_handle_on_two_platforms_needs_the_platform(conn: AsyncConnection) -> None:
    await accounts.add(conn, identity("alice"), now=NOW)
    await accounts.add(conn, identity("alice", platform="mastodon"), now=NOW)
    with pytest.raises(BadInput, match="More than one"):
        await names.find(conn, "alice.example")
    assert await names.find(conn, "mastodon:alice.example")


async def test_lists_are_filtered_and_stable(conn: AsyncConnection) -> None:
    made = [await add_account(conn, f"p{n}", tags=["even"] if n % 2 == 0 else ["odd"]) for n in range(7)]
    assert await accounts.page(conn, limit=3) == made[:3]
    assert await accounts.page(conn, after=made[2].id, limit=100) == made[3:]
    assert await accounts.page(conn, Filter(tag="even")) == made[::2]
    assert await accounts.page(conn, Filter(text="P3")) == [made[3]]
    assert await accounts.page(conn, Filter(text="_")) == []
    assert await accounts.page(conn, Filter(platform="feed")) == []
    assert await accounts.count(conn, Filter(tag="odd", status="watched")) == 3
    assert await accounts.tags(conn) == [("even", 4), ("odd", 3)]
    assert await accounts.forget_tag(conn, "odd", NOW) == 3
    assert await accounts.tags(conn) == [("even", 4)]
    assert await accounts.get_many(conn, [made[0].id, 999]) == {made[0].id: made[0]}


async def test_pausing_and_resuming(conn: AsyncConnection) -> None:
    account = await add_account(conn, "alice")
    due = select(account_state.c.next_poll_at).where(account_state.c.account_id == account.id)
    paused = await accounts.patch(conn, account.id, {"status": "paused", "tags": ["x"]}, now=NOW)
    assert paused
    assert (paused.status, paused.tags) == ("paused", ("x",))
    assert await conn.scalar(due) is None
    assert await accounts.poll_now(conn, [account.id], NOW) == 0
    await accounts.patch(conn, account.id, {"status": "watched"}, now=NOW + HOUR)
    assert await conn.scalar(due) == NOW + HOUR
    assert await accounts.poll_now(conn, [account.id], NOW + DAY) == 1
    assert await accounts.patch(conn, 999, {"tags": []}, now=NOW) is None


async def test_erasure_leaves_nothing_but_a_digest(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        subject, _ = await subjects.add(conn, "Secret Person", now=NOW)
        account = await add_account(conn, "secretname", subject_id=subject.id, tags=["t"])
        other = await add_account(conn, "other")
        made = [Post("secretpost", Kind.ORIGINAL, NOW - DAY, NOW, "https://profile.example/secretname/1")]
        seen = random_stretches(random.Random(1))  # noqa: S311 - no secret
        await write(conn, {account.id: (made, seen), other.id: ([Post("x", Kind.REPLY, NOW - DAY, NOW)], seen)})
        await write_looks(conn, [Look(account.id, NOW, "gone", None, "secretname is gone", 0)])
        key, _ = await keys.create(conn, "k", ["admin"], NOW)
        answer = keys.Answer(b"d", 201, f'{{"id": "{account.public_id}", "handle": "secretname"}}'.encode())
        assert await keys.put_answer(conn, key.id, "i", answer, NOW)
        await audit.append(conn, actor=key.prefix, action="account.add", object=account.public_id, now=NOW)
    async with engine.begin() as conn:
        assert await erasure.erase_subject(conn, subject.id, NOW) == 1
    async with engine.connect() as conn:
        for table in metadata.sorted_tables:
            rows = (
                (await conn.execute(select(literal_column(f"{table.name}::text")).select_from(table))).scalars().all()
            )
            assert not [row for row in rows if "secret" in row.lower()], table.name
        assert await posts.count(conn, account.id) == 0
        assert await posts.count(conn, other.id) == 1
        assert await keys.get_answer(conn, key.id, "i", NOW) is None
    async with engine.begin() as conn:
        with pytest.raises(Erased):
            await accounts.add(conn, identity("secretname"), now=NOW)
        assert not await accounts.erase(conn, account.id, NOW)


async def test_subjects(conn: AsyncConnection) -> None:
    alice, new = await subjects.add(conn, "Alice", zone="Europe/Paris", now=NOW)
    again, twice = await subjects.add(conn, "Alice", zone="UTC", now=NOW)
    assert (new, twice, again) == (True, False, alice)
    bob, _ = await subjects.add(conn, "Bob", now=NOW)
    account = await add_account(conn, "alice", subject_id=alice.id)
    assert (await subjects.find(conn, alice.public_id)).accounts == 1  # type: ignore[union-attr]
    assert await subjects.find(conn, "Nobody") is None
    assert await subjects.page(conn, after=alice.id) == [bob]
    with pytest.raises(BadInput):
        await subjects.patch(conn, bob.id, {"id": 1})
    renamed = await subjects.patch(conn, bob.id, {"name": "Robert", "zone": "Asia/Tokyo"})
    assert renamed
    assert (renamed.name, renamed.zone) == ("Robert", "Asia/Tokyo")
    assert await subjects.delete_one(conn, alice.id)
    assert (await accounts.get(conn, account.id)).subject is None  # type: ignore[union-attr]


async def test_looks_are_listed_newest_first(conn: AsyncConnection) -> None:
    account = await add_account(conn, "alice")
    outcomes = ["page", "unchanged", "unchanged", "gone", "unreachable", "page"]
    for number, outcome in enumerate(outcomes):
        await write_looks(conn, [Look(account.id, NOW + number * HOUR, outcome, None, None, 0)])
    whole = await polls.page(conn, account.id)
    assert [poll.outcome for poll in whole] == ["page", "unreachable", "gone", "unchanged", "page"]
    assert (whole[3].looks, whole[3].largest_gap) == (2, HOUR)
    assert await polls.page(conn, account.id, after=whole[1].first_at) == whole[2:]
    assert len(await polls.page(conn, account.id, outcomes=[OutcomeName.GONE])) == 1


async def test_posts_are_paged_and_shown_as_they_were_known(conn: AsyncConnection) -> None:
    account = await add_account(conn, "alice")
    made = [
        Post(f"p{n}", Kind.ORIGINAL if n % 2 else Kind.STORY, NOW - (n // 2) * HOUR, NOW + DAY, deleted_seen_at=None)
        for n in range(10)
    ]
    await write(conn, {account.id: (made, [])})
    every = Kind.ORIGINAL | Kind.STORY
    whole = await posts.page(conn, account.id, kinds=every)
    assert [(p.posted_at, p.native_id) for p in whole] == sorted(
        ((p.posted_at, p.native_id) for p in made), reverse=True
    )
    assert await posts.page(conn, account.id, kinds=every, after=(whole[3].posted_at, whole[3].native_id)) == whole[4:]
    assert len(await posts.page(conn, account.id)) == 5
    assert await posts.page(conn, account.id, as_of=NOW + DAY - timedelta(seconds=1)) == []
