"""From what people paste to an account at its home server."""

from __future__ import annotations

from typing import Any

import pytest

from app.platforms.base import ResolveError
from app.platforms.mastodon import Mastodon
from app.platforms.mastodon_names import Name, name_of
from tests.platforms.talking import answer, serve

PLATFORM = Mastodon()
ACCOUNT = {
    "id": "1",
    "username": "Alice",
    "acct": "Alice",
    "display_name": "Alice \u202ethe first",
    "url": "https://web.test/@Alice",
    "created_at": "2022-11-07T00:00:00.000Z",
    "limited": True,
}
FINGER = {
    "subject": "acct:Alice@test.example",
    "links": [
        {"rel": "http://webfinger.net/rel/profile-page", "href": "https://web.test/@Alice"},
        {"rel": "self", "type": "application/activity+json", "href": "https://web.test/users/Alice"},
    ],
}
RSS = b'<rss version="2.0"><channel><title>a</title><link>https://test.example/@alice</link></channel></rss>'


def finger(user: str = "alice", domain: str = "test.example") -> str:
    return f"https://{domain}/.well-known/webfinger?resource=acct%3A{user}%40{domain}"


def lookup(user: str = "Alice", host: str = "web.test") -> str:
    return f"https://{host}/api/v1/accounts/lookup?acct={user}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@alice@test.example", Name("alice", "test.example")),
        ("alice@Test.Example", Name("alice", "test.example")),
        ("acct:alice@test.example", Name("alice", "test.example")),
        (" \u2068@alice@test.example\u2069 ", Name("alice", "test.example")),
        ("https://test.example/@alice", Name("alice", "test.example")),
        ("https://test.example/@alice/109?x#y", Name("alice", "test.example")),
        ("https://test.example/%40alice", Name("alice", "test.example")),
        ("https://test.example/web/@alice", Name("alice", "test.example")),
        ("https://test.example/users/alice/statuses/1", Name("alice", "test.example")),
        ("https://other.example/@alice@test.example", Name("alice", "test.example")),
        ("http://127.0.0.1:8000/@alice", Name("alice", "127.0.0.1:8000")),
        ("https://test.example/@alice.rss", None),
        ("https://test.example/users/alice.atom", None),
        ("https://test.example/users/123", None),
        ("https://test.example/alice", None),
        ("https://www.youtube.com/@alice", None),
        ("https://alice.medium.com/@alice", None),
        ("@alice", None),
        ("@alice.test", None),
        ("@a/b@test.example", None),
        ("@alice@test example", None),
        ("alice@" + "a" * 300 + ".example", None),
        ("https://user:x@test.example/@alice", None),
        ("", None),
    ],
)
def test_what_people_paste(text: str, name: Name | None) -> None:
    assert name_of(text) == name
    assert PLATFORM.recognises(text) is (name is not None)


def test_the_domain_of_a_handle_is_not_the_host_of_its_server() -> None:
    pages = {finger(): answer(FINGER), lookup(): answer(ACCOUNT)}
    identity, asked = serve(PLATFORM.resolve("@alice@test.example"), pages)
    assert (identity.native_id, identity.handle, identity.host) == ("web.test/1", "@Alice@test.example", "web.test")
    assert identity.profile_url == "https://web.test/@Alice"
    assert identity.display_name == "Alice the first"
    assert identity.created_at is not None
    assert identity.memory == {"limited": True}
    assert asked == list(pages)


def test_a_link_to_a_copy_leads_home() -> None:
    pages = {finger(): answer(FINGER), lookup(): answer(ACCOUNT)}
    identity, _ = serve(PLATFORM.resolve("https://other.example/@alice@test.example"), pages)
    assert identity.native_id == "web.test/1"


@pytest.mark.parametrize("found", [answer({}, 404), answer(b"<html>"), answer([])])
def test_a_server_without_webfinger_is_asked_itself(found: Any) -> None:
    pages = {finger(): found, lookup("alice", "test.example"): answer(ACCOUNT)}
    identity, _ = serve(PLATFORM.resolve("https://test.example/@alice"), pages)
    assert (identity.native_id, identity.handle) == ("test.example/1", "@Alice@test.example")


def test_webfinger_without_an_api_link_leads_to_who_answered() -> None:
    pages = {
        finger(): answer({"subject": "nonsense"}),
        lookup("alice", "test.example"): answer(ACCOUNT | {"url": None}),
    }
    identity, _ = serve(PLATFORM.resolve("@alice@test.example"), pages)
    assert identity.profile_url == "https://test.example/@Alice"


def test_pleroma_takes_the_name_for_an_id() -> None:
    pages = {"https://test.example/api/v1/accounts/alice": answer(ACCOUNT | {"id": "9tKi3es"})}
    identity, asked = serve(PLATFORM.resolve("@alice@test.example"), pages)
    assert identity.native_id == "test.example/9tKi3es"
    assert len(asked) == 3


@pytest.mark.parametrize("account", [ACCOUNT | {"username": "bob"}, ACCOUNT | {"acct": "alice@elsewhere.example"}])
def test_another_account_is_not_taken(account: dict[str, Any]) -> None:
    with pytest.raises(ResolveError) as raised:
        serve(PLATFORM.resolve("@alice@test.example"), {finger(): answer(FINGER), lookup(): answer(account)})
    assert "another name or server" in raised.value.tried[0]


@pytest.mark.parametrize("ending", [".rss", "/feed.rss"])
def test_a_closed_server_is_watched_through_its_feed(ending: str) -> None:
    url = f"https://test.example/@alice{ending}"
    pages = {lookup("alice", "test.example"): answer({"error": "x"}, 401), url: answer(RSS)}
    identity, _ = serve(PLATFORM.resolve("@alice@test.example"), pages)
    assert (identity.native_id, identity.memory) == ("test.example/@alice", {"rss": url})
    assert identity.profile_url == "https://test.example/@alice"


def test_what_was_tried_is_told() -> None:
    with pytest.raises(ResolveError) as raised:
        serve(PLATFORM.resolve("@alice@test.example"), {})
    assert [line.split(":")[0] for line in raised.value.tried] == ["WebFinger at test.example", "https", "https"]
    closed = {lookup("alice", "test.example"): answer({"error": "x"}, 401)}
    with pytest.raises(ResolveError) as raised:
        serve(PLATFORM.resolve("@alice@test.example"), closed)
    assert len(raised.value.tried) == 4
    assert "logged in" in str(raised.value)


def test_nonsense_is_no_account() -> None:
    with pytest.raises(ResolveError):
        serve(PLATFORM.resolve("nonsense"), {})
