"""A receiver that goes by ``sequence`` knows the true state, in whatever order messages come (battery D11)."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.domain.coverage import Covered
from app.domain.models import DEFAULT_KINDS, Interval, Kind, Post
from app.domain.rules import Rule, RuleState
from app.domain.silence import State, streaks
from app.domain.transitions import evaluate, since_judged
from app.domain.verdicts import Facts
from app.webhooks import envelope, payloads
from app.webhooks.payloads import Owner

AT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULE = Rule(length=6 * HOUR, late=3 * HOUR, repeat_every=2 * HOUR, repeat_most=2, id=1, public_id="rul_1")
OWNER = Owner("acc_1", "feed", "https://a.example/feed", "Alice")


def live(chance: random.Random) -> tuple[list[bytes], State]:
    """The bodies of everything that was told of an account that posts now and then, and the state at the end."""
    times, state, sent = [AT], RuleState(1, 1, baseline=AT, since=AT), []
    found = state
    for hour in range(1, 60):
        now = AT + hour * HOUR
        if chance.random() < 0.12:
            times.append(now)
        if chance.random() < 0.05:  # it surfaces late: what was told may have to be revised
            times.append(now - chance.randint(1, 5) * HOUR)
        posts = [Post(f"p{at}", Kind.ORIGINAL, at, at) for at in sorted({at for at in times if at >= AT})]
        known = streaks(posts, Covered(live=(Interval(AT - HOUR, now),)), now, DEFAULT_KINDS)
        done = evaluate(RULE, Facts(since_judged(known, found), good_at=now), found, now)
        for told in done.told:
            data = msgspec.json.encode(payloads.transition(told, RULE, OWNER, lambda post: None, "evt_1"))
            sent.append(envelope.encode(told.type, told.occurred_at, len(sent) + 1, data))
        found = done.after
    return sent, found.state


def received(bodies: Sequence[bytes]) -> tuple[int, Any]:
    """What a receiver holds that keeps the state of the highest sequence."""
    newest, state = 0, None
    for body in bodies:
        message = json.loads(body)
        if message["sequence"] > newest:
            newest, state = message["sequence"], message["data"]["state"]
    return newest, state


def test_any_order_with_repetitions_leads_to_the_true_state() -> None:
    chance = random.Random(1)  # noqa: S311 - an order, not a secret
    seen: set[str] = set()
    for life in range(20):
        sent, state = live(chance)
        seen |= {json.loads(body)["type"] for body in sent}
        assert sent, life
        for _ in range(50):
            come = sent + chance.choices(sent, k=3)
            chance.shuffle(come)
            newest, held = received(come)
            assert newest == len(sent)
            assert (held == "quiet") == (state is State.QUIET)
    assert {"account.quiet", "account.resumed", "account.late", "account.reminder", "verdict.revised"} <= seen
