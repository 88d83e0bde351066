"""What people read: true, bounded, in their language and zone, and calling nobody's attention by accident."""

from __future__ import annotations

import string
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events import EventType
from app.domain.messages import MOST_ENTRIES, Message, Told, clean, compose, trial
from app.domain.outcomes import Reason
from app.domain.phrases import COUNTED, PHRASES

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
ACCOUNT = {"id": "acc_1", "platform": "bluesky", "handle": "alice.example", "subject": "Alice"}
QUIET: dict[str, Any] = {
    "account": ACCOUNT,
    "streak": {"since": "2026-11-19T07:58:12Z", "proven_seconds": 187_200, "largest_gap_seconds": 840},
    "deadline": "2026-11-21T07:58:12Z",
}


def written(told: list[Told], language: str = "en", **more: Any) -> Message:
    return compose(told, Counter(each.type for each in told), language, PARIS, **more)


def entry(type_: EventType, data: dict[str, Any], language: str = "en") -> str:
    return written([Told(type_, NOW, data)], language).entries[0]


def test_a_quiet_account_is_told_with_its_proof_in_local_time() -> None:
    message = written([Told(EventType.QUIET, NOW, QUIET)], public_url="https://quiet.example")
    assert message.title == "Quietwatch: Alice (bluesky alice.example), quiet"
    assert message.body() == (
        "- Alice (bluesky alice.example): no surviving post seen since 2026-11-19 08:58 CET (2 d 4 h proven). Quiet "
        "since 2026-11-21 08:58 CET. Largest gap between looks: 14 min. https://quiet.example/accounts/acc_1"
    )
    french = entry(EventType.QUIET, QUIET | {"initial": True, "retrospective": True}, "fr")
    assert french == (
        "- Alice (bluesky alice.example) : aucune publication subsistante vue depuis le 2026-11-19 08:58 CET (2 j 4 h "
        "prouvés). Silencieux depuis le 2026-11-21 08:58 CET. C’était déjà le cas au début de la règle. Connu par des "
        "pages relues après coup. Plus long intervalle entre consultations : 14 min."
    )


@pytest.mark.parametrize(
    ("type_", "data", "wanted"),
    [
        (EventType.RESUMED, {"streak": {"possible_seconds": 200_000}}, "after 2 d 7 h without a surviving post seen"),
        (EventType.RESUMED, {}, "posted again at 2026-11-22 13:00 CET."),
        (EventType.QUIET, {"deadline": "2026-11-21T08:00:00Z"}, "no post on record. Quiet since 2026-11-21 09:00 CET."),
        (EventType.LATE, {"streak": {"since": "2026-11-22T00:00:00Z"}}, "(12 h 0 min proven). Late since"),
        (EventType.REMINDER, QUIET, "still quiet. No surviving post seen since 2026-11-19 08:58 CET (2 d 4 h proven)."),
        (EventType.UNOBSERVABLE, {"reason": "source_gone"}, "because the account no longer exists. Whether it posts"),
        (EventType.UNOBSERVABLE, {"reason": "unreachable"}, "because the source could not be reached."),
        (EventType.UNOBSERVABLE, {"reason": "http_503"}, "because the reason is http_503."),
        (EventType.UNOBSERVABLE, {}, "because no reason is on record."),
        (EventType.OBSERVABLE, {}, "can be observed again since 2026-11-22 13:00 CET."),
        (EventType.MOVED, {"to": "https://x.example/@a"}, "moved to https://x.example/@a ("),
        (EventType.RENAMED, {"from": "old", "to": "new"}, "old is now new ("),
        (EventType.REVISED, {}, "an answer already given was wrong and is corrected."),
        (EventType.ENDPOINT_DISABLED, {"webhook": {"id": "whk_1"}, "reason": "http_410"}, "- whk_1: was disabled at"),
    ],
)
def test_every_type_says_what_is_known(type_: EventType, data: dict[str, Any], wanted: str) -> None:
    assert wanted in entry(type_, data)


def test_a_source_stands_for_its_accounts() -> None:
    data = {"source": {"scope": "host", "name": "h.example"}, "failing": 40, "accounts": 90, "reason": "unreachable"}
    assert entry(EventType.DEGRADED, data).startswith(
        "- h.example: 40 of 90 accounts fail together since 2026-11-22 13:00 CET, because the source could not be"
    )
    assert "notre propre réseau" in entry(EventType.RECOVERED, {"source": {"scope": "network", "name": None}}, "fr")


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("type_", list(EventType))
def test_no_message_claims_that_nobody_posted(type_: EventType, language: str) -> None:
    text = entry(type_, QUIET, language)
    assert text.strip("- ")
    assert not any(claim in text for claim in ("did not post", "has not posted", "n’a pas publié", "n’a rien publié"))


def test_every_phrase_has_both_languages_with_the_same_gaps() -> None:
    def gaps(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert set(COUNTED) == set(EventType)
    for english, french in [*PHRASES.values(), *COUNTED.values()]:
        assert english
        assert french
        assert gaps(english) == gaps(french)
    assert {type_.value for type_ in EventType} <= set(PHRASES)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_clause(reason: Reason) -> None:
    assert "the reason is" not in entry(EventType.UNOBSERVABLE, {"reason": reason.value})


def test_many_are_one_message_that_counts_them_all() -> None:
    told = [Told(EventType.QUIET, NOW, QUIET)] * 30
    counts = {EventType.QUIET: 60, EventType.RESUMED: 3}
    message = compose(told, counts, "en", UTC)
    assert message.title == "Quietwatch: 60 quiet, 3 posted again"
    lines = message.body().splitlines()
    assert len(lines) == MOST_ENTRIES + 1
    assert lines[-1] == "and 43 more"


def test_a_service_that_takes_little_is_told_how_much_more_there_is() -> None:
    message = Message("t", tuple(f"- entry {n}" for n in range(20)), 45, "fr")
    assert message.body(50).splitlines() == ["- entry 0", "- entry 1", "- entry 2", "et 42 de plus"]
    assert message.body(5) == "- ent"


def test_words_of_others_stay_words() -> None:
    said = clean("@everyone \x00\n\u202e<!channel> <@U123> @here.example")
    assert "@everyone" not in said
    assert "<!" not in said
    assert "<@" not in said
    assert "@here" not in said
    assert said.isprintable() or said.replace("\u200b", "").isprintable()
    assert clean("alice@example.org") == "alice@example.org"
    assert len(clean("x" * 1000)) == 120


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = (
    "account",
    "streak",
    "deadline",
    "reason",
    "from",
    "to",
    "source",
    "notifier",
    "webhook",
    "last_post",
    "failing",
)


@given(
    st.sampled_from(list(EventType)), st.dictionaries(st.sampled_from(NAMES), anything), st.sampled_from(["en", "fr"])
)
def test_whatever_the_data_a_message_is_one_line_an_event(
    type_: EventType, data: dict[str, Any], language: str
) -> None:
    """Old events outlive the code that wrote them."""
    message = written([Told(type_, NOW, data)] * 2, language, public_url="https://q.example")
    assert len(message.body().splitlines()) == 2
    assert len(message.title) <= 150
    assert all(len(each) < 1500 for each in message.entries)


@given(st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_no_more_is_said_than_is_proven(proven: timedelta) -> None:
    data = {"account": ACCOUNT, "streak": {"since": "2026-11-19T07:58:12Z", "proven_seconds": proven.total_seconds()}}
    text = (
        entry(EventType.QUIET, data).partition("(bluesky alice.example)")[2].partition("(")[2].partition(" proven")[0]
    )
    amounts = dict(reversed(pair.split(" ")) for pair in _pairs(text))
    said = timedelta(days=int(amounts.get("d", 0)), hours=int(amounts.get("h", 0)), minutes=int(amounts.get("min", 0)))
    assert proven - timedelta(hours=1) < said <= proven


def _pairs(text: str) -> list[str]:
    words = text.split(" ")
    return [" ".join(words[at : at + 2]) for at in range(0, len(words), 2)]


def test_a_test_says_that_it_is_one() -> None:
    message = trial("my\nphone", "en")
    assert len(message.entries) == 1
    assert "\n" not in message.entries[0]


def test_times_may_come_as_they_are_and_a_change_of_the_rule_is_told_apart() -> None:
    since = datetime(2026, 11, 19, 7, 58, tzinfo=UTC)
    assert "2026-11-19 08:58 CET" in entry(EventType.QUIET, QUIET | {"streak": {"since": since}})
    changed = entry(EventType.REVISED, {"account": ACCOUNT, "cause": "rule_changed"})
    assert changed != entry(EventType.REVISED, {"account": ACCOUNT})
