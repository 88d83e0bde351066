"""From what people paste to an account on Bluesky."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.platforms import platforms
from app.platforms.base import ResolveError
from app.platforms.bluesky import Bluesky
from app.platforms.bluesky_names import actor_of
from tests.platforms.talking import answer, hold

ALICE = "did:plc:" + "a" * 24
PLATFORM = Bluesky("https://appview.test", "https://plc.test")
PROFILE = {
    "did": ALICE,
    "handle": "Alice.Test",
    "displayName": "Alice \n the\u202e first",
    "createdAt": "2023-09-19T15:47:01.417Z",
    "labels": [{"val": "!no-unauthenticated", "src": ALICE}],
}


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        (ALICE, ALICE),
        ("did:web:alice.test", "did:web:alice.test"),
        ("did:plc:short", None),
        ("alice.bsky.social", "alice.bsky.social"),
        (" @Alice.Test ", "alice.test"),
        ("\u2068@alice.test\u2069", "alice.test"),
        ("@alice", None),
        ("@alice@mastodon.example", None),
        ("alice.test", None),
        (f"at://{ALICE}/app.bsky.feed.post/3a", ALICE),
        ("at://alice.test", "alice.test"),
        ("at://nonsense", None),
        ("https://bsky.app/profile/alice.test", "alice.test"),
        (f"https://bsky.app/profile/{ALICE}/post/3a?x=y#z", ALICE),
        ("https://www.bsky.app/profile/alice.test/", "alice.test"),
        ("https://bsky.app/profile/did%3Aplc%3A" + "a" * 24, ALICE),
        ("https://bsky.app/profile", None),
        ("https://bsky.app/search", None),
        ("https://alice.bsky.social/", "alice.bsky.social"),
        ("https://alice.test/profile/alice.test", None),
        ("ftp://bsky.app/profile/alice.test", None),
        ("https://[bad/profile/alice.test", None),
        ("@" + "a" * 300 + ".test", None),
        ("", None),
    ],
)
def test_what_people_paste(text: str, actor: str | None) -> None:
    assert actor_of(text) == actor
    assert PLATFORM.recognises(text) is (actor is not None)


def test_a_handle_leads_to_the_did() -> None:
    identity, asked = hold(PLATFORM.resolve("@alice.test"), answer({"did": ALICE}), answer(PROFILE))
    assert (identity.platform, identity.native_id, identity.handle, identity.host) == (
        "bluesky",
        ALICE,
        "alice.test",
        "appview.test",
    )
    assert identity.profile_url == f"https://bsky.app/profile/{ALICE}"
    assert identity.display_name == "Alice the first"
    assert identity.created_at == datetime(2023, 9, 19, 15, 47, 1, 417000, tzinfo=UTC)
    assert identity.memory == {"hidden": True}
    assert asked[0] == "https://appview.test/xrpc/com.atproto.identity.resolveHandle?handle=alice.test"


def test_a_handle_that_no_longer_verifies_is_what_was_pasted() -> None:
    profile = {"did": ALICE, "handle": "handle.invalid"}
    assert hold(PLATFORM.resolve("@alice.test"), answer({"did": ALICE}), answer(profile))[0].handle == "alice.test"
    assert hold(PLATFORM.resolve(ALICE), answer(profile))[0].handle == ALICE


@pytest.mark.parametrize(
    "found", [answer({"error": "InvalidRequest", "message": "Unable to resolve handle"}, 400), answer({"did": "x"})]
)
def test_an_unknown_handle_says_what_was_tried(found: Any) -> None:
    with pytest.raises(ResolveError) as raised:
        hold(PLATFORM.resolve("@gone.test"), found)
    assert "resolveHandle at appview.test" in raised.value.tried[0]
    assert "_atproto.gone.test" in raised.value.tried[0]


def test_an_unavailable_account_can_be_watched_by_its_did() -> None:
    closed = answer({"error": "AccountDeactivated", "message": "Account is deactivated"}, 400)
    document = answer({"id": ALICE, "alsoKnownAs": ["https://x", "at://alice.test"]})
    identity, asked = hold(PLATFORM.resolve(ALICE), closed, document)
    assert (identity.native_id, identity.handle) == (ALICE, "alice.test")
    assert asked[1] == f"https://plc.test/{ALICE}"
    bare, asked = hold(
        PLATFORM.resolve("did:web:alice.test%3A8443"), closed, answer({"id": "did:web:alice.test%3A8443"})
    )
    assert bare.handle == "did:web:alice.test%3A8443"
    assert asked[1] == "https://alice.test:8443/.well-known/did.json"


@pytest.mark.parametrize("document", [answer({"message": "DID not registered"}, 404), answer({"id": "x"}), answer([])])
def test_a_did_that_nobody_knows(document: Any) -> None:
    with pytest.raises(ResolveError) as raised:
        hold(PLATFORM.resolve(ALICE), answer({"did": "did:plc:other"}), document)
    assert len(raised.value.tried) == 2


def test_nonsense_is_no_account() -> None:
    with pytest.raises(ResolveError):
        hold(PLATFORM.resolve("nonsense"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@alice.test", "bluesky"),
        ("https://bsky.app/profile/alice.test", "bluesky"),
        ("@alice@social.example", "mastodon"),
        ("https://social.example/@alice", "mastodon"),
        ("https://medium.com/@alice", "feed"),
        ("https://example.com/feed.xml", "feed"),
        ("example.com", "feed"),
    ],
)
def test_who_is_asked_first(text: str, name: str) -> None:
    assert next(key for key, platform in platforms().items() if platform.recognises(text)) == name


def test_the_table_names_what_it_holds() -> None:
    table = platforms("https://a.test", "https://b.test")
    assert [(name, platform.name, platform.about.name) for name, platform in table.items()] == [
        (name, name, name) for name in ("bluesky", "mastodon", "feed")
    ]
