"""An unknown has a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.models import Interval, OutcomeName
from app.domain.outcomes import Reason
from app.domain.reasons import why_unknown
from app.domain.silence import Streak

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOLE = Interval(NOW - HOUR, NOW)
NOTHING = Streak(None, None, timedelta(0), None)
SETTLING = Streak(NOW - HOUR, None, timedelta(0), HOUR, (HOLE,))
HOLED = Streak(NOW - HOUR, None, timedelta(0), HOUR, (Interval(NOW - 2 * HOUR, NOW - HOUR), HOLE))


@pytest.mark.parametrize(
    ("outcome", "streak", "reason"),
    [
        (None, NOTHING, Reason.NOT_POLLED_YET),
        (OutcomeName.REFUSED, SETTLING, Reason.SOURCE_REFUSED),
        (OutcomeName.PAGE, NOTHING, Reason.NO_POST_ON_RECORD),
        (OutcomeName.UNCHANGED, SETTLING, Reason.SETTLING),
        (OutcomeName.PAGE, HOLED, Reason.PAGE_ENDED_BEFORE),
    ],
)
def test_an_unknown_has_its_reason(outcome: OutcomeName | None, streak: Streak, reason: Reason) -> None:
    assert why_unknown(outcome, streak) == (reason,)
