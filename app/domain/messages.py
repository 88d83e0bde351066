"""Messages to people about events: one for many, plain text, bounded.

May assume events as they were recorded: ``data`` holds the API's objects, any member of which may be missing. Promises:
the title counts every event, the body names at most ``MOST_ENTRIES`` of them, in the order in which they were recorded,
and says how many more there are; what others wrote (handles, links) is one line without control characters and calls
nobody's attention in a chat; a message is never empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from app.domain.events import EventType
from app.domain.models import OutcomeName
from app.domain.outcomes import Reason, explain
from app.domain.phrases import counted, instant, length, say

MOST_ENTRIES = 20
_LONGEST_WORD, _LONGEST_TITLE = 120, 150
#: Chats tell everybody in the room when they read these.
_CALLS = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as far as a message needs it. ``occurred_at`` is aware."""

    type: EventType
    occurred_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """``total`` counts the entries that are there and those that were left out."""

    title: str
    entries: tuple[str, ...]
    total: int
    language: str = "en"

    def body(self, room: int = 1_000_000) -> str:
        """As many entries as ``room`` characters hold, then how many more there are."""
        kept = len(self.entries)
        while kept > 1 and len(self._text(kept)) > room:
            kept -= 1
        return self._text(kept)[:room]

    def _text(self, kept: int) -> str:
        more = self.total - kept
        rest = (say("more", self.language).format(n=more),) if more > 0 else ()
        return "\n".join((*self.entries[:kept], *rest))


def compose(
    told: Sequence[Told], counts: Mapping[EventType, int], language: str, zone: tzinfo, public_url: str | None = None
) -> Message:
    """The message. ``counts`` has every event, ``told`` the first of them; ``public_url`` is where the pages are."""
    entries = tuple(_entry(each, language, zone, public_url) for each in told[:MOST_ENTRIES])
    return Message(_title(told, counts, language), entries, sum(counts.values()), language)


def trial(name: str, language: str) -> Message:
    """What a test says."""
    return Message(say("test title", language), (say("test", language).format(name=clean(name)),), 1, language)


def clean(text: object) -> str:
    """Words of others on one line, at most ``120`` characters, that call nobody."""
    line = "".join(c if c.isprintable() else " " for c in str(text))[:_LONGEST_WORD]
    return _CALLS.sub(lambda found: found[0] + "\u200b", line)


def _title(told: Sequence[Told], counts: Mapping[EventType, int], language: str) -> str:
    begin = "Quietwatch" + say("colon", language)
    if sum(counts.values()) == 1 and told:
        return (begin + f"{_subject(told[0], language)}, {counted(told[0].type, language)}")[:_LONGEST_TITLE]
    parts = [f"{number} {counted(type_, language)}" for type_, number in counts.items() if number]
    return (begin + ", ".join(parts))[:_LONGEST_TITLE]


def _entry(told: Told, language: str, zone: tzinfo, public_url: str | None) -> str:
    words = _words(told, language, zone)
    sentences = [say(_phrase(told, words), language).format_map(words)]
    sentences += [say(flag, language) for flag in ("initial", "retrospective") if told.data.get(flag) is True]
    gap = _seconds(_dig(told.data, "streak", "largest_gap_seconds"))
    if gap is not None and told.type in {EventType.QUIET, EventType.REMINDER}:
        sentences.append(say("gap", language).format(gap=length(gap, language)))
    account = _dig(told.data, "account", "id")
    if public_url and isinstance(account, str):
        sentences.append(f"{public_url}/accounts/{clean(account)}")
    return "- " + " ".join(sentences)


def _phrase(told: Told, words: Mapping[str, str]) -> str:
    if told.type is EventType.RESUMED and not words["length"]:
        return "account.resumed/none"
    if told.type is EventType.REVISED and told.data.get("cause") == "rule_changed":
        return "verdict.revised/rule"
    if told.type is EventType.QUIET and not words["since"]:
        return "account.quiet/none"
    return told.type.value


def _words(told: Told, language: str, zone: tzinfo) -> dict[str, str]:
    data = told.data
    since = _time(_dig(data, "streak", "since") or _dig(data, "last_post", "posted_at"))
    deadline = _time(data.get("deadline")) or told.occurred_at
    proven = _seconds(_dig(data, "streak", "proven_seconds"))
    if proven is None and since is not None:  # nothing is told of a silence before it is proven so far
        proven = max((deadline if told.type is EventType.QUIET else told.occurred_at) - since, timedelta(0))
    silent = _seconds(data.get("silence_seconds") or _dig(data, "streak", "possible_seconds")) or proven
    return {
        "who": _subject(told, language),
        "source": _subject(told, language),
        "endpoint": _subject(told, language),
        "since": instant(since, zone) if since else "",
        "proven": length(proven or timedelta(0), language),
        "length": length(silent, language) if silent is not None else "",
        "deadline": instant(deadline, zone),
        "at": instant(told.occurred_at, zone),
        "reason": _reason(data.get("reason"), language),
        "from": clean(data.get("from") or say("unnamed", language)),
        "to": clean(data.get("to") or say("unnamed", language)),
        "failing": clean(data.get("failing", "?")),
        "accounts": clean(data.get("accounts", "?")),
    }


def _subject(told: Told, language: str) -> str:
    """Whom or what the event is about: ``Alice Example (bluesky alice.example)``."""
    account, data = told.data.get("account"), told.data
    if isinstance(account, Mapping):
        owner, handle, platform = account.get("subject"), account.get("handle"), account.get("platform")
        name = _dig(account, "subject", "name") if isinstance(owner, Mapping) else owner
        known = " ".join(clean(part) for part in (platform, handle) if part)
        return f"{clean(name)} ({known})" if name else known or say("unnamed", language)
    if _dig(data, "source", "scope") == "network":
        return say("network", language)
    for owner, member in (("source", "name"), ("notifier", "name"), ("webhook", "id")):
        if found := _dig(data, owner, member):
            return clean(found)
    return say("unnamed", language)


def _reason(value: object, language: str) -> str:
    """Why, in a clause; a code that nobody explained stands as it is."""
    if not value:
        return say("no reason", language)
    text = str(value)
    for kind in (Reason, OutcomeName):
        if text in set(kind):
            return explain(kind(text), language)
    return say("because", language).format(reason=clean(text))


def _dig(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _seconds(value: object) -> timedelta | None:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return timedelta(seconds=number) if number is not None and 0 <= number < 10**10 else None


def _time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
