"""Bluesky: looks, counters, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.models import DEFAULT_KINDS, DateNote, Failure, Kind, OutcomeName, Page, Unchanged
from app.platforms.base import CounterMissing, CounterMoved, Response, Target
from app.platforms.bluesky import Bluesky
from tests.platforms.talking import answer, hold

ALICE = "did:plc:" + "a" * 24
BOB = "did:plc:" + "b" * 24
BASE = "https://appview.test"
PLATFORM = Bluesky(BASE, "https://plc.test")
ERRORS = json.loads((Path(__file__).parent / "data/bluesky_errors.json").read_bytes())
DOCUMENT = {
    "id": ALICE,
    "alsoKnownAs": ["at://alice.test"],
    "service": [{"id": "#other"}, {"id": "#atproto_pds", "type": "x", "serviceEndpoint": "https://pds.test/"}],
}


def target(**values: Any) -> Target:
    return Target(7, ALICE, "alice.test", "appview.test", **values)


def error(name: str) -> Response:
    return answer(ERRORS[name]["body"], ERRORS[name]["status"])


def post(key: str, at: str = "2026-08-01T12:00:00.000Z", did: str = ALICE, **record: Any) -> dict[str, Any]:
    return {
        "post": {
            "uri": f"at://{did}/app.bsky.feed.post/{key}",
            "author": {"did": did, "handle": "alice.test" if did == ALICE else "bob.test"},
            "record": {"createdAt": at, **record},
            "indexedAt": "2026-08-01T13:00:00.000Z",
        }
    }


def repost(item: dict[str, Any], by: str = ALICE, **more: Any) -> dict[str, Any]:
    reason = {
        "$type": "app.bsky.feed.defs#reasonRepost",
        "by": {"did": by, "handle": "alice.test"},
        "uri": f"at://{by}/app.bsky.feed.repost/3rep",
        "indexedAt": "2026-08-01T12:30:00.000Z",
        **more,
    }
    return {**item, "reason": {name: value for name, value in reason.items() if value is not None}}


def feed(*items: dict[str, Any], **more: Any) -> Response:
    return answer({"feed": list(items), **more})


def read(*items: dict[str, Any], **more: Any) -> Page:
    page = PLATFORM.read(target(), feed(*items, **more))
    assert isinstance(page, Page)
    return page


def refused(look: object) -> tuple[OutcomeName, str]:
    assert isinstance(look, Failure)
    return look.outcome, look.reason


def test_one_look_is_one_request() -> None:
    look, asked = hold(PLATFORM.look(target()), feed(post("3a")))
    assert isinstance(look, Page)
    assert (look.kinds, look.ordered, look.complete, look.handle) == (DEFAULT_KINDS, True, True, "alice.test")
    assert asked == [f"{BASE}/xrpc/app.bsky.feed.getAuthorFeed?actor={ALICE}&limit=100&includePins=false"]


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({}, Kind.ORIGINAL),
        ({"reply": {"root": {}, "parent": {}}}, Kind.REPLY),
        ({"reply": None}, Kind.ORIGINAL),
        (
            {"embed": {"$type": "app.bsky.embed.record", "record": {"uri": f"at://{BOB}/app.bsky.feed.post/1"}}},
            Kind.QUOTE,
        ),
        (
            {
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia",
                    "record": {"record": {"uri": f"at://{BOB}/app.bsky.feed.post/1"}},
                }
            },
            Kind.QUOTE,
        ),
        (
            {"embed": {"$type": "app.bsky.embed.record", "record": {"uri": f"at://{BOB}/app.bsky.graph.list/1"}}},
            Kind.ORIGINAL,
        ),
        ({"embed": {"$type": "app.bsky.embed.images", "images": []}}, Kind.ORIGINAL),
        ({"embed": "app.bsky.embed.record"}, Kind.ORIGINAL),
        ({"embed": {"$type": "app.bsky.embed.record", "record": 5}}, Kind.ORIGINAL),
        ({"embed": {"$type": "app.bsky.embed.recordWithMedia", "record": ["app"]}}, Kind.ORIGINAL),
    ],
)
def test_kinds(record: dict[str, Any], kind: Kind) -> None:
    assert read(post("3a", **record)).posts[0].kind is kind


@pytest.mark.parametrize(
    ("created", "at", "note"),
    [
        ("2019-06-01T12:00:00.000Z", datetime(2019, 6, 1, 12, tzinfo=UTC), DateNote.NONE),
        ("2030-01-01T00:00:00.000Z", datetime(2026, 8, 1, 13, tzinfo=UTC), DateNote.NONE),
        ("2026-08-01T14:30:00+02:00", datetime(2026, 8, 1, 12, 30, tzinfo=UTC), DateNote.NONE),
        ("2026-08-01T12:00:00", datetime(2026, 8, 1, 12, tzinfo=UTC), DateNote.ZONE_ASSUMED),
        ("not a date", datetime(2026, 8, 1, 13, tzinfo=UTC), DateNote.NONE),
        ("0001-01-01T00:00:00Z", datetime(2026, 8, 1, 13, tzinfo=UTC), DateNote.NONE),
        (5, datetime(2026, 8, 1, 13, tzinfo=UTC), DateNote.NONE),
        ([[]], datetime(2026, 8, 1, 13, tzinfo=UTC), DateNote.NONE),
        (None, datetime(2026, 8, 1, 13, tzinfo=UTC), DateNote.NONE),
    ],
)
def test_the_time_is_the_earlier_of_claim_and_arrival(created: Any, at: datetime, note: DateNote) -> None:
    found = read(post("3a", created)).posts[0]
    assert (found.posted_at, found.note) == (at, note)


@pytest.mark.parametrize(("created", "note"), [("1969-01-01T00:00:00Z", DateNote.UNREADABLE), (None, DateNote.MISSING)])
def test_without_a_usable_time_there_is_none(created: Any, note: DateNote) -> None:
    item = post("3a", created)
    item["post"]["indexedAt"] = "1969-01-01T00:00:00Z"
    found = read(item).posts[0]
    assert (found.posted_at, found.note) == (None, note)


def test_a_repost_is_an_event_of_its_own() -> None:
    page = read(repost(post("3a", did=BOB)), post("3a"))
    assert [(p.native_id, p.kind) for p in page.posts] == [("r/3rep", Kind.REPOST), ("3a", Kind.ORIGINAL)]
    assert page.posts[0].posted_at == datetime(2026, 8, 1, 12, 30, tzinfo=UTC)
    assert page.posts[0].url == f"https://bsky.app/profile/{BOB}/post/3a"


def test_a_repost_of_oneself_appears_twice() -> None:
    page = read(repost(post("3a")), post("3a"))
    assert [p.native_id for p in page.posts] == ["r/3rep", "3a"]


def test_a_repost_without_a_name_keeps_the_same_id() -> None:
    one, other = (read(repost(post("3a", did=BOB), uri=None)).posts[0].native_id for _ in range(2))
    assert one == other
    assert one.startswith("r#")


def test_a_number_beyond_all_numbers_is_no_time() -> None:
    body = json.dumps({"feed": [post("3a", "N")]}).replace('"N"', "1e999")
    page = PLATFORM.read(target(), answer(body.encode()))
    assert isinstance(page, Page)
    assert page.posts[0].posted_at == datetime(2026, 8, 1, 13, tzinfo=UTC)


def test_an_item_of_another_shape_is_no_page() -> None:
    for uri in ("at://alice.test/app.bsky.feed.post/3a", f"at://{ALICE}/app.bsky.feed.post/", "https://x.test/a/b"):
        item = post("3a")
        item["post"]["uri"] = uri
        assert refused(PLATFORM.read(target(), feed(item))) == (OutcomeName.UNREADABLE, "wrong_shape")


def test_no_record_key_can_pose_as_a_repost() -> None:
    assert read(post("r:3rep")).posts[0].native_id == "r:3rep"
    assert refused(PLATFORM.read(target(), feed(post("r/3rep")))) == (OutcomeName.UNREADABLE, "wrong_shape")


@pytest.mark.parametrize(
    "item",
    [
        post("3a", did=BOB),
        repost(post("3a"), by=BOB),
        repost(post("3a"), by=BOB, uri=None),
        {**repost(post("3a")), "reason": {"$type": "app.bsky.feed.defs#reasonRepost"}},
        {**post("3a", did=BOB), "reason": {"$type": "app.bsky.feed.defs#reasonNew"}},
    ],
)
def test_posts_of_another_account_are_no_page(item: dict[str, Any]) -> None:
    assert refused(PLATFORM.read(target(), feed(post("3b"), item))) == (OutcomeName.UNREADABLE, "another_account")


def test_a_pinned_post_stands_outside_the_order() -> None:
    pinned = {**post("3old"), "reason": {"$type": "app.bsky.feed.defs#reasonPin"}}
    assert [p.native_id for p in read(pinned, post("3a")).posts] == ["3a"]


def test_the_same_post_twice_is_one() -> None:
    assert len(read(post("3a"), post("3a")).posts) == 1


@pytest.mark.parametrize(("handle", "known"), [("New.Test", "new.test"), ("handle.invalid", None), ("", None)])
def test_the_handle_of_now(handle: str, known: str | None) -> None:
    item = post("3a")
    item["post"]["author"]["handle"] = handle
    assert read(item).handle == known


def test_the_owner_asks_to_be_shown_to_members_only() -> None:
    item = post("3a")
    item["post"]["author"]["labels"] = [{"val": "!no-unauthenticated", "src": ALICE}]
    assert read(item).memory == {"hidden": True}
    again = PLATFORM.read(target(memory={"hidden": True}), feed(item))
    assert isinstance(again, Page)
    assert again.memory is None
    item["post"]["author"]["labels"][0]["src"] = BOB  # a stranger's label binds nobody
    assert read(item).memory is None


def test_paging_goes_by_the_cursor_not_by_the_count() -> None:
    page = read(cursor="2026-07-01T00:00:00Z")
    assert not page.complete
    request = PLATFORM.older(target(), page, feed(cursor="a b&c"))
    assert request is not None
    assert request.url.endswith("&cursor=a%20b%26c")
    assert PLATFORM.older(target(), page, feed(post("3a"))) is None
    loop = answer({"feed": [post("3a")], "cursor": "x"}, url=f"{BASE}/xrpc/y?cursor=x")
    assert PLATFORM.older(target(), page, loop) is None
    assert PLATFORM.older(target(), page, answer(b"nonsense")) is None


def test_pages_that_were_filtered_empty_are_passed_over() -> None:
    look, asked = hold(PLATFORM.look(target()), feed(cursor="1"), feed(cursor="2"), feed(post("3a")))
    assert isinstance(look, Page)
    assert [p.native_id for p in look.posts] == ["3a"]
    assert len(asked) == 3
    look, _ = hold(PLATFORM.look(target(has_posts=True)), *(feed(cursor=str(n)) for n in range(5)))
    assert refused(look) == (OutcomeName.UNREADABLE, "empty")


def test_an_account_that_never_posted_has_a_whole_empty_page() -> None:
    look, _ = hold(PLATFORM.look(target()), feed())
    assert isinstance(look, Page)
    assert look.complete


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer(DOCUMENT), answer({"records": [{"uri": "x"}]})], "empty"),
        ([answer(DOCUMENT), answer({"records": []}), answer({"records": [{}]})], "empty"),
        ([answer(DOCUMENT), error("repo_not_found")], "deleted"),
        ([answer(DOCUMENT), answer(b"<html>")], "html"),
        ([answer(DOCUMENT), error("internal")], "http_500"),
        ([error("did_unknown")], "did_unknown"),
    ],
)
def test_empty_after_not_empty_proves_nothing(answers: list[Response], expected: str) -> None:
    look, _ = hold(PLATFORM.look(target(has_posts=True)), feed(), *answers)
    assert refused(look)[1] == expected


def test_only_the_server_that_holds_the_records_can_say_that_there_are_none() -> None:
    nothing = answer({"records": []})
    look, asked = hold(PLATFORM.look(target(has_posts=True)), feed(), answer(DOCUMENT), nothing, nothing)
    assert isinstance(look, Page)
    assert look.complete
    assert asked[1] == f"https://plc.test/{ALICE}"
    assert asked[2].startswith("https://pds.test/xrpc/com.atproto.repo.listRecords?")


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        ([error("deactivated")], OutcomeName.GONE, "deactivated"),
        ([error("taken_down")], OutcomeName.SUSPENDED, "takendown"),
        ([answer({"did": ALICE})], OutcomeName.UNREADABLE, "contradiction"),
        ([error("rate_limited")], OutcomeName.RATE_LIMITED, "http_429"),
        ([error("profile_not_found"), error("did_unknown")], OutcomeName.GONE, "did_unknown"),
        ([error("profile_not_found"), error("tombstone")], OutcomeName.GONE, "tombstoned"),
        ([error("profile_not_found"), error("internal")], OutcomeName.UNREACHABLE, "http_500"),
        ([error("profile_not_found"), answer([])], OutcomeName.UNREADABLE, "wrong_shape"),
        ([error("profile_not_found"), error("rate_limited")], OutcomeName.UNREACHABLE, "elsewhere_http_429"),
        (
            [error("profile_not_found"), answer(DOCUMENT), answer(b"", 503, retry_after="60")],
            OutcomeName.UNREACHABLE,
            "elsewhere_http_503",
        ),
        ([error("profile_not_found"), answer({"id": BOB})], OutcomeName.UNREADABLE, "another_account"),
        ([error("profile_not_found"), answer({"id": ALICE})], OutcomeName.GONE, "no_server"),
        ([error("profile_not_found"), answer(DOCUMENT), error("repo_not_found")], OutcomeName.GONE, "deleted"),
        ([error("profile_not_found"), answer(DOCUMENT), answer([])], OutcomeName.UNREADABLE, "wrong_shape"),
        ([error("profile_not_found"), answer(DOCUMENT), answer({}, 304)], OutcomeName.UNREADABLE, "not_indexed"),
    ],
)
def test_why_an_account_shows_nothing(answers: list[Response], outcome: OutcomeName, reason: str) -> None:
    look, _ = hold(PLATFORM.look(target()), error("profile_not_found"), *answers)
    assert refused(look) == (outcome, reason)
    assert isinstance(look, Failure)
    assert not look.stop
    assert look.retry_after is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"active": False, "status": "deactivated"}, "deactivated"),
        ({"active": False, "status": "takendown"}, "takendown"),
        ({"active": False, "status": "suspended"}, "suspended"),
        ({"active": False, "status": "deleted"}, "deleted"),
        ({"active": False, "status": "throttled"}, "inactive"),
        ({"active": True}, "not_indexed"),
    ],
)
def test_the_word_of_the_server_that_holds_the_account(status: dict[str, Any], reason: str) -> None:
    answers = [error("profile_not_found")] * 2 + [answer(DOCUMENT), answer({"did": ALICE, **status})]
    look, _ = hold(PLATFORM.look(target()), *answers)
    assert refused(look)[1] == reason


@pytest.mark.parametrize("endpoint", ["file:///etc/passwd", "https://a:b@pds.test", 5, {"x": 1}])
def test_a_strangers_address_is_not_followed(endpoint: Any) -> None:
    document = {"id": ALICE, "service": [{"id": "#atproto_pds", "serviceEndpoint": endpoint}]}
    look, asked = hold(PLATFORM.look(target()), *[error("profile_not_found")] * 2, answer(document))
    assert refused(look) == (OutcomeName.GONE, "no_server")
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("rate_limited", OutcomeName.RATE_LIMITED, "http_429"),
        ("auth_missing", OutcomeName.AUTH_REQUIRED, "http_401"),
        ("internal", OutcomeName.UNREACHABLE, "http_500"),
        ("upstream", OutcomeName.UNREACHABLE, "http_502"),
        ("bad_cursor", OutcomeName.UNREADABLE, "http_400"),
        ("deactivated", OutcomeName.GONE, "deactivated"),
    ],
)
def test_refusals(name: str, outcome: OutcomeName, reason: str) -> None:
    assert refused(PLATFORM.read(target(), error(name))) == (outcome, reason)


def test_a_limit_without_retry_after_lasts_until_the_budget_renews() -> None:
    response = answer({"error": "RateLimitExceeded"}, 429, ratelimit_remaining="0", ratelimit_reset="1785592860")
    look = PLATFORM.read(target(), response)
    assert isinstance(look, Failure)
    assert look.retry_after is not None
    assert look.retry_after >= timedelta(seconds=60)


def test_not_modified() -> None:
    assert hold(PLATFORM.look(target()), answer(b"", 304))[0] == Unchanged(DEFAULT_KINDS)
    assert PLATFORM.read(target(), answer(b"", 304)) == Unchanged(DEFAULT_KINDS)


def test_the_counter_leaves_the_missing_out() -> None:
    targets = [
        Target(1, ALICE, "alice.test", "h", counter=5),
        Target(2, BOB, "bob.test", "h", counter=5),
        Target(3, "did:plc:" + "c" * 24, "c.test", "h", counter=5),
        Target(4, "did:plc:" + "d" * 24, "d.test", "h"),
    ]
    response = answer(
        {
            "profiles": [
                {"did": targets[3].native_id},
                {"did": BOB, "handle": "bob.test", "postsCount": 6},
                {"did": ALICE, "handle": "renamed.test", "postsCount": 5},
            ]
        }
    )
    assert PLATFORM.read_count(targets, response) == {
        1: Unchanged(Kind.ORIGINAL | Kind.REPLY | Kind.QUOTE, counter=5, handle="renamed.test"),
        2: CounterMoved(6),
        3: CounterMissing(),
        4: CounterMissing(),
    }
    assert PLATFORM.count(targets[:2]).url == f"{BASE}/xrpc/app.bsky.actor.getProfiles?actors={ALICE}&actors={BOB}"


@pytest.mark.parametrize("response", [error("internal"), answer(b"<html><body>"), answer({"profiles": 5})])
def test_a_batch_that_fails_fails_for_each(response: Response) -> None:
    found = PLATFORM.read_count([target(), target()], response)
    assert isinstance(found[7], Failure)


def test_links_of_posts() -> None:
    assert PLATFORM.post_url("3a", "alice.test", ALICE) == f"https://bsky.app/profile/{ALICE}/post/3a"
    assert PLATFORM.post_url("r/3a", "alice.test", ALICE) is None
