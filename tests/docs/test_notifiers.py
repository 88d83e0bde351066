"""The page for people who are told: its message is one that is really written, its reasons are all there are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.domain.events import EventType
from app.domain.messages import Told, compose
from app.worker import messenger, messenger_process
from tests.docs.examples import DOCS

PAGE = (DOCS / "notifiers.md").read_text("utf-8")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FEED = "https://press.example/feed.xml"
TOLD = [
    Told(
        EventType.QUIET,
        NOON,
        {
            "account": {"id": "acc_1", "platform": "bluesky", "handle": "alice.example", "subject": "Alice"},
            "streak": {"since": "2026-11-19T07:58:12Z", "proven_seconds": 187_200, "largest_gap_seconds": 840},
            "deadline": "2026-11-21T07:58:12Z",
        },
    ),
    Told(
        EventType.RESUMED,
        NOON,
        {
            "account": {"id": "acc_2", "platform": "mastodon", "handle": "@bob@social.example", "subject": "Bob"},
            "silence_seconds": 200_000,
        },
    ),
    Told(
        EventType.UNOBSERVABLE,
        NOON,
        {"account": {"id": "acc_3", "platform": "feed", "handle": FEED, "subject": FEED}, "reason": "unreachable"},
    ),
]


def test_the_message_on_the_page_is_the_one_that_is_written() -> None:
    counts = {each.type: 1 for each in TOLD}
    message = compose(TOLD, counts, "en", ZoneInfo("Europe/Paris"), "https://quiet.example")
    assert f"```\n{message.title}\n\n{message.body()}\n```" in PAGE


def test_every_reason_is_explained() -> None:
    reasons = {messenger.FAILED, messenger.UNREACHABLE, "sealed"}
    reasons |= {messenger_process.BAD_ADDRESS, messenger_process.REFUSED, messenger_process.UNREACHABLE}
    assert set(re.findall(r"^\| `(\w+)` \| \S", PAGE, re.MULTILINE)) - {"reason"} == reasons
