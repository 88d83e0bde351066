"""One event of each type for the documentation, made by the code that makes the real ones.

Promises: the same text on every machine; every type has a meaning and a sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.domain.events import EventType
from app.domain.models import Interval, Kind, Post
from app.domain.rhythm.fitting import fit
from app.domain.rhythm.state import Rhythm
from app.domain.rules import Rule
from app.domain.silence import State, Streak
from app.domain.sources import Scope, Tally
from app.domain.verdicts import Told
from app.webhooks import envelope, housekeeping, payloads, sources

#: What each type tells, in the order of the page.
MEANINGS: Mapping[EventType, str] = {
    EventType.QUIET: "No post by the deadline, and coverage passes it. `timestamp` is the deadline.",
    EventType.RESUMED: "A post ended a silence that was told. `timestamp` is the post; `silence` how long it was.",
    EventType.LATE: "The stage before quiet, for rules with `late`. Once a silence.",
    EventType.REMINDER: "Still quiet and still seen, for rules with `repeat_every`. `number` counts them.",
    EventType.UNOBSERVABLE: "A deadline passed and no look could decide it. Once, whatever the number of rules.",
    EventType.OBSERVABLE: "Sight is back; what is quiet is decided on what is seen from now on.",
    EventType.REVISED: "What was told was wrong: a post surfaced late, or the rule was changed. Old and new answer.",
    EventType.MOVED: "The account says that it went elsewhere. Without a rule.",
    EventType.RENAMED: "The account has another handle. Without a rule.",
    EventType.DEGRADED: "Many accounts of a host or platform, or our own network, fail together: one for all.",
    EventType.RECOVERED: "It works again. What was held is decided on fresh looks.",
    EventType.ENDPOINT_DISABLED: "A webhook or a notifier was disabled; `reason` says why. What it misses is kept.",
    EventType.ENDPOINT_TEST: "Somebody tried an endpoint. Sent to this one alone.",
}
_AT = datetime(2026, 11, 21, 7, 58, 12, tzinfo=UTC)
_DAY, _HOUR, _LENGTH = timedelta(days=1), timedelta(hours=1), timedelta(days=2)
_OWNER = payloads.Owner("acc_1f0c55d2a9b34e6f7a80", "bluesky", "alice.example", "Alice Example")
_RULE = Rule(name="Freeze", tag="pledged", length=_LENGTH, late=_DAY, public_id="rul_5b1c7e90d2f4a6b8c3e1")
_QUIET = "evt_9c1d02ab77ef4410c3a5d6e8"


def _post(at: datetime, name: str) -> Post:
    return Post(name, Kind.ORIGINAL, at, at + timedelta(minutes=5))


def _link(post: Post) -> str:
    return f"https://bsky.app/profile/did:plc:alice/post/{post.native_id}"


def _told(type_: EventType, state: State, previous: State, *, ended: datetime | None = None, **more: Any) -> Any:
    start = _AT - _LENGTH
    until = ended or _AT + timedelta(minutes=2)
    streak = Streak(
        start,
        ended,
        proven=until - start,
        possible=until - start,
        largest_gap=timedelta(minutes=14),
        starts_after=start,
        tail=Interval(start, until),
        post=_post(start, "3lb4"),
        ended_by=_post(ended, "3lb5") if ended else None,
    )
    told = Told(type_, ended or _AT, state, previous, _AT, streak, **more)
    quiet_event = None if type_ is EventType.QUIET else _QUIET
    return payloads.transition(told, _RULE, _OWNER, _link, quiet_event, _rhythm())


def _rhythm() -> Rhythm:
    """Of somebody who posts at noon and at eight in the evening, but on Mondays."""
    days = [_AT - _LENGTH - number * _DAY for number in range(120)]
    posts = [day.replace(hour=hour) for day in days for hour in (12, 20) if day.weekday()]
    return fit([*posts, _AT - _LENGTH], [Interval(days[-1], _AT)], "Europe/Paris", _AT - _LENGTH)


def samples() -> dict[EventType, tuple[datetime, Mapping[str, object]]]:
    """When it became true, and the data."""
    back = _AT + 5 * _HOUR
    endpoint = ("whk_1f0c55d2a9b34e6f7a80", "https://hooks.example/quiet")
    host, failing = (Scope.HOST, "social.example"), Tally(accounts=40, failing=38)
    return {
        EventType.QUIET: (_AT, _told(EventType.QUIET, State.QUIET, State.ACTIVE)),
        EventType.RESUMED: (back, _told(EventType.RESUMED, State.ACTIVE, State.QUIET, ended=back)),
        EventType.LATE: (_AT - _DAY, _told(EventType.LATE, State.ACTIVE, State.ACTIVE)),
        EventType.REMINDER: (_AT + _DAY, _told(EventType.REMINDER, State.QUIET, State.QUIET, number=1)),
        EventType.UNOBSERVABLE: (
            _AT,
            payloads.unobservable(_OWNER, _AT, _AT - 2 * _HOUR, "unreachable", "http_503"),
        ),
        EventType.OBSERVABLE: (back, payloads.observable(_OWNER, _AT, back)),
        EventType.REVISED: (_AT, _told(EventType.REVISED, State.ACTIVE, State.QUIET, ended=_AT - _HOUR)),
        EventType.MOVED: (_AT, payloads.moved(_OWNER, "@alice@social.example", followed=False)),
        EventType.RENAMED: (_AT, payloads.renamed(_OWNER, "alice.old.example", "alice.example")),
        EventType.DEGRADED: (_AT, sources.source_data(*host, failing, reason="http_503", since=_AT)),
        EventType.RECOVERED: (
            back,
            sources.source_data(*host, Tally(accounts=40), reason="http_503", since=_AT, until=back, held=2),
        ),
        EventType.ENDPOINT_DISABLED: (
            back,
            housekeeping.disabled(*endpoint, "failing"),
        ),
        EventType.ENDPOINT_TEST: (back, housekeeping.test(*endpoint)),
    }


def events() -> str:
    """Every type with its meaning and a sample."""
    found = samples()
    return "\n".join(
        f"### {type_.value}\n\n{said}\n\n{_shown(type_, *found[type_])}" for type_, said in MEANINGS.items()
    )


def _shown(type_: EventType, at: datetime, data: Mapping[str, object]) -> str:
    alone = type_ in (EventType.DEGRADED, EventType.RECOVERED, EventType.ENDPOINT_DISABLED, EventType.ENDPOINT_TEST)
    body = envelope.encode(type_.value, at, 0 if alone else 7, msgspec.json.encode(data))
    return f"```json\n{msgspec.json.format(body, indent=2).decode()}\n```\n"
