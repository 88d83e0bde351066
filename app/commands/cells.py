"""Cells that several tables share: accounts, moments, lengths, and what a silence is worth in plain words.

Assumes values as the API gives them. Promises: nothing is said that the API did not say; a figure is cut as there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.api.meanings import NoMeaning
from app.commands import output
from app.domain import sentences, worth
from app.domain.rhythm.readings import Reading

STANDING = ("state", "last post", "proven", "possible", "observed until")
#: Why there is no meaning, of a question about now and the default kinds.
NO_MEANING = {
    NoMeaning.NO_POST: "no post on record",
    NoMeaning.NOT_OBSERVED: "nothing observed since",
    NoMeaning.NOT_FITTED: "rhythm not worked out yet",
}
#: Words beside which it is said how often such a silence comes.
_TOLD = frozenset({Reading.ORDINARY, Reading.UNUSUAL, Reading.RARE})


def at(value: str | None) -> str:
    """A moment of the API as people read it."""
    return output.instant(datetime.fromisoformat(value)) if value else "-"


def length(seconds: float | None) -> str:
    """A length of the API as people read it."""
    return output.length(timedelta(seconds=seconds)) if seconds is not None else "-"


def name(account: dict[str, Any]) -> str:
    """The subject, where there is one, with platform and handle."""
    address = account["handle"].removeprefix("https://").removeprefix("http://")
    own = f"{account['platform']}:{address}"
    return f"{account['subject']} ({own})" if account["subject"] else own


def standing(item: dict[str, Any]) -> tuple[Any, ...]:
    """The cells of STANDING, of a line of the board or of one account's answer."""
    streak, last = item["streak"], item["last_post"]
    return (
        item["state"],
        at(last and last["posted_at"]),
        length(streak["proven_seconds"]),
        length(streak["possible_seconds"]),
        at(streak["observed_until"]),
    )


def how_unusual(item: dict[str, Any]) -> str:
    """The reading, and how often a year such a silence comes; where there is no meaning, why."""
    meaning = item["meaning"]
    if meaning is None:
        return NO_MEANING[item["no_meaning"]]
    if meaning["reading"] not in _TOLD:
        return str(meaning["reading"])
    return f"{meaning['reading']}: {sentences.often(meaning['times_a_year'], 'en')}"


def chance(chance: float | None) -> str:
    """Whole per cent, below one per cent one figure; a chance that was cut says so."""
    if chance is None:
        return ""
    text = f"{min(chance, 0.99):.0%}" if chance >= 0.01 else f"{100 * chance:.1g}%"
    return f"{text} or less" if chance in (worth.LEAST_CHANCE, worth.LEAST_CHANCE_SHORT) else text


def chance_of_silence(item: dict[str, Any]) -> str:
    """Of no post in a window, by the account's own rhythm; of a silent account what that is worth."""
    meaning = item["meaning"]
    if meaning is None:
        return "-"
    words = [meaning["reading"]] if item["answer"] == "silent" or meaning["p_silent"] is None else []
    return ", ".join([*filter(None, [chance(meaning["p_silent"])]), *words, *["stands out"] * bool(meaning["stands"])])


def why(item: dict[str, Any]) -> str:
    """Why nothing is known, where that is so."""
    return str(item["note"]) if item["state"] == "unknown" else ""
