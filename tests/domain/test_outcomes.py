from __future__ import annotations

import pytest

from app.domain.models import OutcomeName
from app.domain.outcomes import GROUPS, Group, Reason, explain, explain_unknown, proves, reason_of


def test_only_pages_and_unchanged_prove() -> None:
    assert {name for name in OutcomeName if proves(name)} == {OutcomeName.PAGE, OutcomeName.UNCHANGED}
    assert set(GROUPS) == set(OutcomeName)
    assert GROUPS[OutcomeName.GONE] is max(Group)


def test_every_failure_is_a_reason() -> None:
    for name in OutcomeName:
        if not proves(name):
            assert reason_of(name).removeprefix("source_") == name
    with pytest.raises(ValueError, match="source_page"):
        reason_of(OutcomeName.PAGE)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_outcome_and_reason_has_words(language: str) -> None:
    lines = {explain(what, language) for what in [*OutcomeName, *Reason]}
    assert len(lines) == len(OutcomeName) + len(Reason) - sum(not proves(name) for name in OutcomeName)
    assert all(line and not line.endswith(".") for line in lines)


def test_an_unknown_says_why() -> None:
    reasons = (Reason.SOURCE_PRIVATE, Reason.WINDOW_NOT_OVER)
    assert explain_unknown(reasons) == "unknown, because the account is private and the window is not over"
    assert explain_unknown(reasons, "fr") == "inconnu, car le compte est privé et la période n’est pas terminée"
    with pytest.raises(ValueError, match="without a reason"):
        explain_unknown(())
