"""Why the open silence of an account can be called neither active nor quiet.

Promises: an unknown always has a reason, the strongest first; reasons follow from the last look and the streak alone.
"""

from __future__ import annotations

from app.domain.models import OutcomeName
from app.domain.outcomes import Reason, proves, reason_of
from app.domain.silence import Streak


def why_unknown(last_outcome: OutcomeName | None, streak: Streak) -> tuple[Reason, ...]:
    """The reason for a state that is unknown. ``last_outcome``: of the latest look, None before the first."""
    if last_outcome is None:
        return (Reason.NOT_POLLED_YET,)
    if not proves(last_outcome):
        return (reason_of(last_outcome),)
    if streak.starts_at is None:
        return (Reason.NO_POST_ON_RECORD,)
    return (Reason.PAGE_ENDED_BEFORE if len(streak.unobserved) > 1 else Reason.SETTLING,)
