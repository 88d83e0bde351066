"""What events about accounts say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.domain.coverage import Covered
from app.domain.events import EventType
from app.domain.models import DEFAULT_KINDS, Interval, Kind, Post
from app.domain.rhythm.fitting import fit
from app.domain.rules import Rule
from app.domain.silence import State, streaks
from app.domain.verdicts import Told
from app.webhooks import payloads
from app.webhooks.envelope import MOST_BYTES
from app.webhooks.payloads import Owner

T0 = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OWNER = Owner("acc_1", "feed", "https://a.example/feed", "Alice")
RULE = Rule(length=2 * DAY, public_id="rul_1", name="two days", late=DAY)
POSTS = [Post(f"p{n}", Kind.ORIGINAL, T0 + n * 3 * DAY, T0 + n * 3 * DAY) for n in range(2)]
CLOSED, OPEN = streaks(POSTS, Covered(live=(Interval(T0 - DAY, T0 + 9 * DAY),)), T0 + 10 * DAY, DEFAULT_KINDS)
QUIET = Told(EventType.QUIET, T0 + 2 * DAY, State.QUIET, State.ACTIVE, T0 + 2 * DAY, CLOSED, retrospective=True)


def link(post: Post) -> str | None:
    return f"https://a.example/{post.native_id}"


def test_quiet_says_how_it_is_known() -> None:
    data = payloads.transition(QUIET, RULE, OWNER, link)
    assert data["account"] == {
        "id": "acc_1",
        "platform": "feed",
        "handle": "https://a.example/feed",
        "subject": "Alice",
    }
    rule = data["rule"]
    assert isinstance(rule, dict)
    assert (rule["id"], rule["length"], rule["late"], rule["least"]) == ("rul_1", "P2D", "P1D", None)
    assert rule["kinds"] == ["original", "reply", "repost", "quote"]
    streak = data["streak"]
    assert isinstance(streak, dict)
    assert (streak["since"], streak["until"], streak["proven"], streak["open"]) == (T0, T0 + 3 * DAY, "P3D", False)
    assert (data["state"], data["previous_state"], data["retrospective"]) == ("quiet", "active", True)
    assert data["last_post"] == {
        "posted_at": T0,
        "kind": "original",
        "url": "https://a.example/p0",
        "posted_after": None,
        "deleted_seen_at": None,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"type": EventType.RESUMED, "occurred_at": T0 + 3 * DAY, "state": State.ACTIVE},
            {"silence": "P3D", "silence_seconds": 259200.0, "quiet_event": "evt_1"},
        ),
        (
            {"type": EventType.RESUMED, "streak": None},
            {"silence": None, "silence_seconds": None, "post": None, "last_post": None, "streak": None},
        ),
        ({"type": EventType.REMINDER, "number": 2, "streak": OPEN}, {"number": 2, "quiet_event": "evt_1"}),
        (
            {"type": EventType.REVISED, "previous": State.QUIET, "state": State.ACTIVE},
            {
                "cause": "late_post",
                "old": {"state": "quiet", "at": T0 + 2 * DAY, "event": "evt_1"},
                "new": {"state": "active"},
            },
        ),
        ({"type": EventType.REVISED, "rule_changed": True}, {"cause": "rule_changed"}),
        ({"type": EventType.LATE, "initial": True}, {"initial": True}),
    ],
)
def test_each_type_adds_what_it_is_about(changes: dict[str, object], expected: dict[str, object]) -> None:
    data = payloads.transition(replace(QUIET, **changes), RULE, OWNER, link, "evt_1")  # type: ignore[arg-type]
    assert {name: data[name] for name in expected} == expected
    assert len(msgspec.json.encode(data)) < MOST_BYTES


def test_without_tail_or_end_a_streak_says_so() -> None:
    nothing = streaks([], Covered(), T0, DEFAULT_KINDS)[-1]
    data = payloads.streak_data(nothing)
    assert (data["since"], data["observed_until"], data["possible"], data["open"]) == (None, None, None, True)
    assert payloads.transition(replace(QUIET, streak=nothing), RULE, OWNER, link)["last_post"] is None


def test_sight_moves_and_names() -> None:
    unseen = payloads.unobservable(OWNER, T0, None, "gone", "http_404")
    assert (unseen["since"], unseen["last_seen_at"], unseen["reason"]) == (T0, None, "http_404")
    seen = payloads.observable(OWNER, T0, T0 + DAY)
    assert (seen["until"], seen["unseen"]) == (T0 + DAY, "P1D")
    assert payloads.renamed(OWNER, "a", "b")["from"] == "a"
    assert payloads.moved(OWNER, "https://b.example/", followed=True)["to"] == "https://b.example/"


def test_a_quiet_says_what_the_silence_is_worth_by_the_accounts_own_rhythm() -> None:
    made = [T0 - n * DAY / 2 for n in range(120)]
    rhythm = fit(made, [Interval(made[-1], T0)], "UTC", T0)
    said = payloads.transition(QUIET, RULE, OWNER, link, rhythm=rhythm)["meaning"]
    assert isinstance(said, dict)
    assert said["reading"] in ("unusual", "rare")
    assert said["expected_posts"] == pytest.approx(4, abs=1)
    assert said["based_on"]["posts"] == 120
    # Without a rhythm, without a post before it, or where no look covers it, nothing is said.
    assert payloads.transition(QUIET, RULE, OWNER, link)["meaning"] is None
    for streak in (replace(CLOSED, starts_at=None), replace(CLOSED, unobserved=(Interval(T0, T0 + 3 * DAY),))):
        told = replace(QUIET, streak=streak)
        assert payloads.transition(told, RULE, OWNER, link, rhythm=rhythm)["meaning"] is None
