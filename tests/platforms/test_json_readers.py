"""No answer of any shape breaks a reader, and nothing leaves it that could not be kept."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.models import Failure, Page
from app.platforms import platforms
from app.platforms.base import Target
from tests.platforms.talking import AT, answer, converse

DID = "did:plc:" + "a" * 24
BLUESKY = {
    "cursor": "2026-07-01T00:00:00Z",
    "feed": [
        {
            "post": {
                "uri": f"at://{DID}/app.bsky.feed.post/3a",
                "author": {"did": DID, "handle": "a.test", "labels": [{"val": "x", "src": DID}]},
                "record": {
                    "createdAt": "2026-08-01T12:00:00.000Z",
                    "reply": {"root": {}, "parent": {}},
                    "embed": {"$type": "app.bsky.embed.recordWithMedia", "record": {"record": {"uri": "at://x/y/z"}}},
                },
                "indexedAt": "2026-08-01T12:00:01.000Z",
            },
            "reason": {
                "$type": "app.bsky.feed.defs#reasonRepost",
                "by": {"did": DID, "handle": "a.test"},
                "uri": f"at://{DID}/app.bsky.feed.repost/3b",
                "indexedAt": "2026-08-01T12:00:01.000Z",
            },
        }
    ],
}
ACCOUNT = {
    "id": "1",
    "username": "a",
    "acct": "a",
    "url": "https://host.test/@a",
    "created_at": "2022-11-07T00:00:00.000Z",
    "statuses_count": 3,
    "last_status_at": "2026-08-01",
    "moved": None,
}
MASTODON = [
    {
        "id": "109",
        "created_at": "2026-08-01T12:00:00.000Z",
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
        "visibility": "public",
        "url": "https://host.test/notice/109",
        "reblog": None,
        "quote": None,
        "account": ACCOUNT,
    }
]
TARGETS = {
    "bluesky": Target(1, DID, "a.test", "host.test"),
    "mastodon": Target(1, "host.test/1", "@a@host.test", "host.test"),
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.sampled_from(
        [
            "",
            "\x00",
            "a\x00b",
            "x" * 600,
            "9999-12-31T23:59:59.999999-23:59",
            "0001-01-01T00:00:00+23:59",
            "https://[",
            "@",
        ]
    ),
    st.text(max_size=20),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [[["deep"]]]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@pytest.mark.parametrize(("name", "body"), [("bluesky", BLUESKY), ("mastodon", MASTODON), ("mastodon", [ACCOUNT])])
@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_change_of_an_answer_breaks_a_reader(name: str, body: Any, data: st.DataObject) -> None:
    changed = [copy.deepcopy(body)]
    for place in data.draw(st.lists(st.sampled_from(places(body)), min_size=1, max_size=3)):
        set_at(changed, (0, *place), data.draw(ODD))
    response = answer(json.dumps(changed[0]).encode("utf-8", "surrogatepass"))
    platform, target = platforms()[name], TARGETS[name]
    look = platform.read(target, response)
    if isinstance(look, Page):
        check_page(look)
        platform.older(target, look, response)
    else:
        assert isinstance(look, Failure)
        check_text(look.reason)
        check_text(look.detail)
        check_text(look.moved_to or "")
    platform.read_count([target], response)
    converse(platform.look(target), lambda _: response)


def set_at(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Replace what stands at a place, if it is still there."""
    try:
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = new
    except (KeyError, IndexError, TypeError):
        return


def check_page(page: Page) -> None:
    for post in page.posts:
        assert 0 < len(post.native_id) <= 512
        check_text(post.native_id)
        check_text(post.url or "")
        assert post.posted_at is None or post.posted_at.utcoffset() == AT.utcoffset()
    check_text(page.handle or "")
    check_text(json.dumps(page.memory))
    assert page.counter is None or 0 <= page.counter < 2**63


def check_text(text: str) -> None:
    """A database can hold it."""
    assert "\x00" not in text
    text.encode()
