"""What source.degraded and source.recovered say."""

from __future__ import annotations

from datetime import datetime

from app.domain.sources import Scope, Tally


def source_data(
    scope: Scope,
    name: str | None,
    tally: Tally,
    *,
    reason: str | None,
    since: datetime,
    until: datetime | None = None,
    held: int = 0,
) -> dict[str, object]:
    """The data of either event. ``held``: quiet transitions that wait for it; ``until`` None while it is degraded."""
    return {
        "source": {"scope": scope.value, "name": name},
        "reason": reason,
        "since": since,
        "until": until,
        "accounts": tally.accounts,
        "failing": tally.failing,
        "held": held,
    }
