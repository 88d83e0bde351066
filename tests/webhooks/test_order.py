"""A receiver that goes by ``sequence`` knows the true state, in whatever order messages come (battery D11)."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

from app.webhooks import envelope

AT = datetime(2026, 11, 22, tzinfo=UTC)


def test_any_order_with_repetitions_leads_to_the_true_state() -> None:
    chance = random.Random(1)  # noqa: S311 - an order, not a secret
    types = ("account.quiet", "account.resumed")
    for _ in range(1_000):
        number = chance.randint(1, 12)
        sent = [
            envelope.encode(types[n % 2], AT - timedelta(hours=chance.randint(0, 9)), n + 1, "{}")
            for n in range(number)
        ]
        come = sent + chance.choices(sent, k=3)
        chance.shuffle(come)
        newest, state = 0, ""
        for body in come:
            message = json.loads(body)
            if message["sequence"] > newest:
                newest, state = message["sequence"], message["type"]
        assert (newest, state) == (number, types[(number - 1) % 2])
