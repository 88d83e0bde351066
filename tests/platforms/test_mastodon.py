"""Mastodon and servers with its API: looks, counters, refusals, the feed instead of a closed API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.models import DEFAULT_KINDS, Failure, Kind, OutcomeName, Page, Unchanged
from app.platforms.base import CounterMissing, CounterMoved, Response, Target
from app.platforms.mastodon import Mastodon
from tests.platforms.talking import AT, answer, hold, serve

PLATFORM = Mastodon()
HOST = "social.test"
API = f"https://{HOST}/api/v1/accounts"
STATUSES = f"{API}/1/statuses?limit=40"
ERRORS = json.loads((Path(__file__).parent / "data/mastodon_errors.json").read_bytes())
ACCOUNT = {
    "id": "1",
    "username": "alice",
    "acct": "alice",
    "url": f"https://{HOST}/@alice",
    "created_at": "2022-11-07T00:00:00.000Z",
    "statuses_count": 90,
    "last_status_at": "2026-08-01",
}
COUNTER = 90 * 2**34 + int(datetime(2026, 8, 1, tzinfo=UTC).timestamp())


def target(native_id: str = f"{HOST}/1", **values: Any) -> Target:
    return Target(7, native_id, "@alice@test.example", HOST, **values)


def error(name: str) -> Response:
    return answer(ERRORS[name]["body"], ERRORS[name]["status"])


def status(number: str = "109", account: dict[str, Any] = ACCOUNT, **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "created_at": "2026-08-01T12:00:00.000Z",
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
        "visibility": "public",
        "url": f"https://{HOST}/@alice/{number}",
        "reblog": None,
        "account": account,
        **values,
    }


def read(*statuses: dict[str, Any], link: str = "") -> Page:
    page = PLATFORM.read(target(), answer(list(statuses), url=STATUSES, link=link))
    assert isinstance(page, Page)
    return page


def refused(look: object) -> tuple[OutcomeName, str]:
    assert isinstance(look, Failure)
    return look.outcome, look.reason


def test_one_look_is_one_request() -> None:
    look, asked = hold(PLATFORM.look(target(has_posts=True)), answer([status()]))
    assert isinstance(look, Page)
    assert (look.kinds, look.ordered, look.handle) == (DEFAULT_KINDS, True, "@alice@test.example")
    assert (look.counter, look.account_created_at) == (COUNTER, datetime(2022, 11, 7, tzinfo=UTC))
    assert asked == [STATUSES]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, Kind.ORIGINAL),
        ({"in_reply_to_id": "5", "in_reply_to_account_id": "1"}, Kind.REPLY),
        ({"in_reply_to_id": None, "in_reply_to_account_id": "5"}, Kind.REPLY),  # the parent was deleted
        ({"reblog": {"id": "5"}, "in_reply_to_id": "5"}, Kind.REPOST),
        ({"quote": {"state": "accepted"}}, Kind.QUOTE),
        ({"quote": None}, Kind.ORIGINAL),
        ({"quote_id": "5"}, Kind.QUOTE),
        ({"edited_at": "2026-08-01T13:00:00.000Z"}, Kind.ORIGINAL),
    ],
)
def test_kinds(values: dict[str, Any], kind: Kind) -> None:
    assert read(status(**values)).posts[0].kind is kind


def test_strangers_see_public_and_unlisted() -> None:
    shown = [status(str(n), visibility=v) for n, v in enumerate(("public", "unlisted", "private", "direct", "local"))]
    assert [post.native_id for post in read(*shown).posts] == ["0", "1", "4"]


@pytest.mark.parametrize(
    ("native_id", "url", "stored"),
    [
        ("109", f"https://{HOST}/@alice/109", None),
        ("01H", f"https://{HOST}/@alice/statuses/01H", f"https://{HOST}/@alice/statuses/01H"),
        ("9tKi3es", f"https://{HOST}/notice/9tKi3es", f"https://{HOST}/notice/9tKi3es"),
        ("109", "javascript:alert(1)", None),
        ("109", None, None),
    ],
)
def test_links_are_stored_where_they_do_not_follow(native_id: str, url: str | None, stored: str | None) -> None:
    assert read(status(native_id, url=url)).posts[0].url == stored


def test_links_that_follow() -> None:
    assert PLATFORM.post_url("109", "@alice@test.example", f"{HOST}/1") == f"https://{HOST}/@alice/109"
    assert PLATFORM.post_url("01H", "@alice@test.example", f"{HOST}/1") is None
    assert PLATFORM.post_url("109", "", f"{HOST}/1") is None


def test_old_servers_write_ids_as_numbers() -> None:
    page = PLATFORM.read(target(), answer([status() | {"id": 109, "account": ACCOUNT | {"id": 1}}]))
    assert isinstance(page, Page)
    assert page.posts[0].native_id == "109"


def test_posts_of_another_account_are_no_page() -> None:
    look = PLATFORM.read(target(), answer([status(), status(account=ACCOUNT | {"id": "2"})]))
    assert refused(look) == (OutcomeName.UNREADABLE, "another_account")


@pytest.mark.parametrize("id_", ["", "1\x00"])
def test_a_post_whose_id_cannot_be_kept_makes_the_page_unreadable(id_: str) -> None:
    look = PLATFORM.read(target(), answer([status("2"), status(id_)]))
    assert refused(look) == (OutcomeName.UNREADABLE, "wrong_shape")


@pytest.mark.parametrize(
    ("change", "outcome", "moved_to"),
    [
        ({"suspended": True}, OutcomeName.SUSPENDED, None),
        ({"moved": {"acct": "a@new.test", "url": "https://new.test/@a"}}, OutcomeName.MOVED, "https://new.test/@a"),
        ({"moved": {"acct": "a@new.test"}}, OutcomeName.MOVED, "@a@new.test"),
        ({"moved": {"acct": "b", "url": "javascript:x"}}, OutcomeName.MOVED, f"@b@{HOST}"),
    ],
)
def test_a_closed_account_says_so(change: dict[str, Any], outcome: OutcomeName, moved_to: str | None) -> None:
    account = ACCOUNT | change
    for answers in ([answer([status(account=account)])], [answer([]), answer(account)]):
        look, _ = hold(PLATFORM.look(target(has_posts=True)), *answers)
        assert isinstance(look, Failure)
        assert (look.outcome, look.moved_to) == (outcome, moved_to)


def test_a_limited_account_is_looked_at_and_remembered_as_such() -> None:
    account = ACCOUNT | {"limited": True, "noindex": True}
    assert read(status(account=account)).memory == {"limited": True, "noindex": True}
    known = PLATFORM.read(target(memory={"limited": True, "noindex": True}), answer([status(account=account)]))
    assert isinstance(known, Page)
    assert known.memory is None
    freed = PLATFORM.read(target(memory={"limited": True}), answer([status()]))
    assert isinstance(freed, Page)
    assert freed.memory == {}


def test_an_emptied_list_is_believed_only_if_nothing_is_counted() -> None:
    look, asked = hold(PLATFORM.look(target(has_posts=True)), answer([]), answer(ACCOUNT))
    assert refused(look) == (OutcomeName.UNREADABLE, "empty")
    assert asked == [STATUSES, f"{API}/1"]
    emptied = ACCOUNT | {"statuses_count": 0, "last_status_at": None}
    look, _ = hold(PLATFORM.look(target(has_posts=True)), answer([]), answer(emptied))
    assert isinstance(look, Page)
    assert (look.complete, look.posts, look.counter) == (True, (), 0)


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (error("not_found"), "not_found"),
        (answer(ACCOUNT | {"id": "2"}), "another_account"),
        (answer([]), "wrong_shape"),
        (answer(b"<html><body>"), "html"),
    ],
)
def test_an_empty_list_without_an_account_proves_nothing(account: Response, reason: str) -> None:
    assert refused(hold(PLATFORM.look(target()), answer([]), account)[0])[1] == reason


def test_an_account_that_never_posted() -> None:
    look, _ = hold(PLATFORM.look(target()), answer([]), answer(ACCOUNT | {"statuses_count": 3}))
    assert isinstance(look, Page)  # three posts for followers only
    assert (look.complete, look.posts) == (True, ())


def test_the_history_is_whole_where_as_many_posts_are_shown_as_are_counted() -> None:
    few = ACCOUNT | {"statuses_count": 2}
    assert read(status("2", few), status("1", few)).complete
    assert not read(status("2", few)).complete
    assert not read(status("2", few), status("1", few), link=f'<{STATUSES}&max_id=1>; rel="next"').complete


def test_a_short_first_page_is_confirmed_by_an_empty_second() -> None:
    page = answer([status("2"), status("1")], link=f'<{STATUSES}&min_id=2>; rel="prev"')
    look, asked = hold(PLATFORM.look(target()), page, answer([]))
    assert isinstance(look, Page)
    assert look.complete
    assert asked == [STATUSES, f"{STATUSES}&max_id=1"]
    look, _ = hold(PLATFORM.look(target()), page, answer([status("1"), status("0")]))
    assert isinstance(look, Page)
    assert not look.complete
    assert [post.native_id for post in look.posts] == ["2", "1", "0"]  # paging goes on after them
    look, _ = hold(PLATFORM.look(target()), page, error("temporary"))
    assert isinstance(look, Page)
    assert not look.complete
    look, asked = hold(PLATFORM.look(target(has_posts=True)), page)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("link", "before"),
    [
        (f'<{STATUSES}&max_id=55>; rel="next", <{STATUSES}&min_id=9>; rel="prev"', "55"),
        ('<https://evil.test/?max_id=55>; rel="next"', "55"),
        ('<https://evil.test/>; rel="next"', "109"),
        ("<https://[bad?max_id=1>; rel=next", "109"),
        ("nonsense", "109"),
        ("", "109"),
    ],
)
def test_paging_takes_the_id_but_not_the_address(link: str, before: str) -> None:
    request = PLATFORM.older(target(), read(status()), answer([status()], link=link))
    assert request is not None
    assert (request.url, request.cost) == (f"{STATUSES}&max_id={before}", "paging")


def test_paging_ends_with_an_empty_page() -> None:
    assert PLATFORM.older(target(), read(status()), answer([])) is None


def test_without_a_link_the_list_goes_on_behind_the_oldest_whatever_the_order() -> None:
    shown = [status(id="900"), status(id="1000"), status(id="20")]
    request = PLATFORM.older(target(), read(*shown), answer(shown))
    assert request is not None
    assert "max_id=20" in request.url
    lettered = [status(id="01H"), status(id="01G")]
    request = PLATFORM.older(target(), read(*lettered), answer(lettered))
    assert request is not None
    assert "max_id=01G" in request.url
    assert read().complete


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("not_found", OutcomeName.GONE, "not_found"),
        ("gone", OutcomeName.SUSPENDED, "http_410"),
        ("not_allowed", OutcomeName.REFUSED, "http_403"),
        ("throttled", OutcomeName.RATE_LIMITED, "http_429"),
        ("temporary", OutcomeName.UNREACHABLE, "http_503"),
        ("bad_limit", OutcomeName.UNREADABLE, "http_400"),
    ],
)
def test_refusals(name: str, outcome: OutcomeName, reason: str) -> None:
    assert refused(hold(PLATFORM.look(target()), error(name))[0]) == (outcome, reason)


def test_a_host_without_the_api_says_nothing_about_the_account() -> None:
    assert refused(PLATFORM.read(target(), answer(b"<html>Nothing here", 404)))[0] is OutcomeName.UNREADABLE


def test_a_limit_lasts_until_the_budget_renews() -> None:
    headers = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "2026-08-01T13:50:00.458292Z"}
    look = PLATFORM.read(target(), answer({"error": "Too many requests"}, 429, **headers))
    assert isinstance(look, Failure)
    assert look.retry_after is not None
    assert timedelta(minutes=4) < look.retry_after < timedelta(minutes=5)


def test_not_modified() -> None:
    assert hold(PLATFORM.look(target()), answer(b"", 304))[0] == Unchanged(DEFAULT_KINDS)


def accounts(*changes: dict[str, Any]) -> Response:
    return answer([ACCOUNT | change for change in changes])


def test_the_counter_stands_still_only_with_its_date() -> None:
    targets = [Target(n, f"{HOST}/{n}", "@alice@test.example", HOST, counter=COUNTER) for n in range(1, 7)]
    response = accounts(
        {"id": "1"},
        {"id": "2", "last_status_at": "2026-08-02"},
        {"id": "3", "statuses_count": 91},
        {"id": "4", "suspended": True},
        {"id": "5", "statuses_count": -1},
    )
    found = PLATFORM.read_count(targets, response)
    assert found[1] == Unchanged(DEFAULT_KINDS, counter=COUNTER, handle="@alice@test.example")
    assert isinstance(found[2], CounterMoved)
    assert found[3] == CounterMoved(COUNTER + 2**34)
    assert [found[n] for n in (4, 5, 6)] == [CounterMissing()] * 3
    assert PLATFORM.count(targets[:2]).url == f"{API}?id%5B%5D=1&id%5B%5D=2"


@pytest.mark.parametrize("name", ["not_found", "login_required", "too_many_ids", "bad_limit"])
def test_a_server_without_batches_leaves_each_to_itself(name: str) -> None:
    assert PLATFORM.read_count([target(counter=COUNTER)], error(name)) == {7: CounterMissing()}


@pytest.mark.parametrize("name", ["throttled", "temporary", "not_allowed"])
def test_a_batch_that_fails_fails_for_each(name: str) -> None:
    assert isinstance(PLATFORM.read_count([target()], error(name))[7], Failure)


RSS = f"""<?xml version="1.0"?><rss version="2.0"><channel><title>alice</title><link>https://{HOST}/@alice</link>
<item><guid isPermaLink="true">https://{HOST}/@alice/110</guid><link>https://{HOST}/@alice/110</link>
<pubDate>Sat, 01 Aug 2026 12:00:00 +0000</pubDate></item>
<item><guid isPermaLink="true">https://{HOST}/@alice/109</guid><link>https://{HOST}/@alice/109</link>
<pubDate>Fri, 31 Jul 2026 12:00:00 +0000</pubDate></item></channel></rss>""".encode()
EMPTY_RSS = b'<rss version="2.0"><channel><title>alice</title></channel></rss>'
RSS_URL = f"https://{HOST}/@alice.rss"
GTS_URL = f"https://{HOST}/@alice/feed.rss"


def remembering(days: float, **values: Any) -> Target:
    asked = (AT - timedelta(days=days)).isoformat()
    return target(memory={"rss": RSS_URL, "asked": asked, **values}, has_posts=True)


@pytest.mark.parametrize("url", [RSS_URL, GTS_URL])
def test_a_closed_api_is_replaced_by_the_feed(url: str) -> None:
    pages = {STATUSES: error("login_required"), url: answer(RSS)}
    look, asked = serve(PLATFORM.look(target(has_posts=True)), pages)
    assert isinstance(look, Page)
    assert look.kinds == Kind.ORIGINAL
    assert [(post.native_id, post.kind, post.url) for post in look.posts] == [
        ("110", Kind.ORIGINAL, None),
        ("109", Kind.ORIGINAL, None),
    ]
    assert look.memory == {"rss": url, "asked": AT.isoformat()}
    assert asked[0] == STATUSES


@pytest.mark.parametrize(
    ("feed", "outcome", "reason"),
    [
        (error("not_found"), OutcomeName.AUTH_REQUIRED, "http_401"),
        (answer(b"", 410), OutcomeName.SUSPENDED, "http_410"),
        (answer(b"<html><body>Log in"), OutcomeName.AUTH_REQUIRED, "http_401"),
        (answer(b"{}"), OutcomeName.AUTH_REQUIRED, "http_401"),
        (answer(EMPTY_RSS), OutcomeName.UNREADABLE, "empty"),
    ],
)
def test_without_a_feed_a_closed_api_is_closed(feed: Response, outcome: OutcomeName, reason: str) -> None:
    pages = {STATUSES: error("login_required"), RSS_URL: feed}
    assert refused(serve(PLATFORM.look(target(has_posts=True)), pages)[0]) == (outcome, reason)


def test_a_feed_that_is_known_is_one_request() -> None:
    look, asked = hold(PLATFORM.look(remembering(3)), answer(RSS))
    assert isinstance(look, Page)
    assert look.memory is None
    assert asked == [RSS_URL]
    assert PLATFORM.older(remembering(3), look, answer(RSS)) is None
    assert hold(PLATFORM.look(remembering(3)), answer(b"", 304))[0] == Unchanged(Kind.ORIGINAL)


def test_a_feed_of_another_is_no_page() -> None:
    for other in (RSS.replace(b"@alice/", b"@bob/"), RSS.replace(HOST.encode(), b"evil.test")):
        look, _ = hold(PLATFORM.look(remembering(3)), answer(other))
        assert refused(look) == (OutcomeName.UNREADABLE, "another_account")


def test_the_api_is_asked_again_weekly() -> None:
    look, asked = hold(PLATFORM.look(remembering(8)), answer(RSS), error("login_required"))
    assert isinstance(look, Page)
    assert look.memory == {"rss": RSS_URL, "asked": AT.isoformat()}
    assert asked == [RSS_URL, STATUSES]
    look, _ = hold(PLATFORM.look(remembering(8)), answer(RSS), answer([status()]))
    assert isinstance(look, Page)
    assert look.kinds == DEFAULT_KINDS
    assert look.memory == {"id": "1"}


def test_an_account_known_by_name_only_gets_its_id_when_the_api_opens() -> None:
    nameless = target(f"{HOST}/@alice", memory={"rss": RSS_URL}, has_posts=True)
    pages = {RSS_URL: answer(RSS), f"{API}/lookup?acct=alice": answer(ACCOUNT), STATUSES: answer([status()])}
    look, asked = serve(PLATFORM.look(nameless), pages)
    assert isinstance(look, Page)
    assert look.memory == {"id": "1"}
    assert asked == list(pages)
    look, _ = serve(PLATFORM.look(nameless), {RSS_URL: answer(RSS)})
    assert isinstance(look, Page)
    assert look.kinds == Kind.ORIGINAL
    opened = target(f"{HOST}/@alice", memory={"id": "1"}, has_posts=True)
    assert hold(PLATFORM.look(opened), answer([status()]))[1] == [STATUSES]


def test_an_account_known_by_name_only_starts_with_the_feed() -> None:
    look, asked = serve(PLATFORM.look(target(f"{HOST}/@alice")), {RSS_URL: answer(RSS)})
    assert isinstance(look, Page)
    assert asked == [RSS_URL]
    counted = PLATFORM.read_count([target(f"{HOST}/@alice")], answer([ACCOUNT]))
    assert counted == {7: CounterMissing()}
