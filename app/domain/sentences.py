"""Sentences about what a silence is worth that a newsroom may print, in English and French.

Promises: each is complete and stands alone; what is said is cut as in ``worth``; no reason for a silence is given, and
"without a visible post" is said, never "did not post".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from app.domain.rhythm.readings import Reading
from app.domain.worth import Worth

#: From this many expected posts on they are worth a sentence; a longest pause counts from this many known days on.
_TELLING_POSTS, _TELLING_DAYS = 1.5, 14.0
_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "silence": (
        "By its own rhythm this account goes {length} or longer without a visible post {often}: that is {word}.",
        "D’après son propre rythme, ce compte reste {length} ou plus sans publication visible {often} : c’est {word}.",
    ),
    "expected": (
        "In the observed part of this time about {posts} posts would have been usual.",
        "Pendant la partie observée de ce temps, environ {posts} publications auraient été habituelles.",
    ),
    "longest": (
        "It is longer than any of its pauses in the last {days} days.",
        "C’est plus long que toutes ses pauses des {days} derniers jours.",
    ),
    Reading.TOO_QUIET: (
        "For this account {length} without a visible post is likelier than a post: nothing follows from it.",
        "Pour ce compte, {length} sans publication visible est plus probable qu’une publication : on ne peut rien en "
        "conclure.",
    ),
    Reading.NOT_ENOUGH: (
        "Too little of this account’s history was observed to judge {length} without a visible post.",
        "L’historique observé de ce compte est trop court pour juger de {length} sans publication visible.",
    ),
    "window": (
        "By its own rhythm the chance that this account shows no post in this window was {chance}.",
        "D’après son propre rythme, la probabilité que ce compte ne montre aucune publication dans cette fenêtre était "
        "{chance}.",
    ),
    "window/silent": (
        "By its own rhythm the chance that this account shows no post in this window was {chance}: its silence is "
        "{word}.",
        "D’après son propre rythme, la probabilité que ce compte ne montre aucune publication dans cette fenêtre était "
        "{chance} : son silence est {word}.",
    ),
    "window/ahead": (
        "By its own rhythm the chance that this account will show no post in this window is {chance}.",
        "D’après son propre rythme, la probabilité que ce compte ne montre aucune publication dans cette fenêtre est "
        "{chance}.",
    ),
    "window/too quiet to tell": (
        "For this account no visible post in such a window is likelier than one: nothing follows from its silence.",
        "Pour ce compte, une telle fenêtre sans publication visible est plus probable qu’avec : on ne peut rien "
        "conclure de son silence.",
    ),
    "window/not enough history": (
        "Too little of this account’s history was observed to judge a silence in this window.",
        "L’historique observé de ce compte est trop court pour juger d’un silence dans cette fenêtre.",
    ),
    "list": (
        "Of {accounts} accounts that can be judged {silent} showed no post; about {expected} would be usual{range}.",
        "Sans publication : {silent} des {accounts} comptes que l’on peut juger ; nombre habituel : environ "
        "{expected}{range}.",
    ),
    "range": (" (nine times in ten {low} to {high})", " (neuf fois sur dix {low} à {high})"),
    Reading.ORDINARY: ("ordinary", "ordinaire"),
    Reading.UNUSUAL: ("unusual", "inhabituel"),
    Reading.RARE: ("rare", "rare"),
    "often": ("about {times} times a year", "environ {times} fois par an"),
    "very often": ("more than 50 times a year", "plus de 50 fois par an"),
    "once": ("about once a year", "environ une fois par an"),
    "seldom": ("less than once a year", "moins d’une fois par an"),
    "about": ("about {percent} %", "d’environ {percent} %"),
    "below": ("below 1 %", "inférieure à 1 %"),
}
_UNITS: Final = {
    "day": (("day", "days"), ("jour", "jours")),
    "hour": (("hour", "hours"), ("heure", "heures")),
    "minute": (("minute", "minutes"), ("minute", "minutes")),
}


def both(sentence: Any, *values: Any, **named: Any) -> dict[str, str]:
    """A sentence of this module in both languages, by their codes."""
    return {language: sentence(*values, language, **named) for language in ("en", "fr")}


def of_silence(worth: Worth, language: str) -> str:
    """What a silence that runs now is worth."""
    shown = length(worth.length, language)
    if worth.reading in (Reading.TOO_QUIET, Reading.NOT_ENOUGH):
        return _say(worth.reading, language).format(length=shown)
    word = _say(worth.reading, language)
    told = [_say("silence", language).format(length=shown, often=often(worth.times_a_year, language), word=word)]
    if worth.reading is not Reading.ORDINARY:
        if worth.expected_posts is not None and worth.expected_posts >= _TELLING_POSTS:
            told.append(_say("expected", language).format(posts=round(worth.expected_posts)))
        if worth.rank == 1 and worth.rank_days is not None and worth.rank_days >= _TELLING_DAYS:
            told.append(_say("longest", language).format(days=int(worth.rank_days)))
    return " ".join(told)


def of_window(reading: Reading, chance: float | None, language: str, *, silent: bool, ahead: bool) -> str:
    """What no post in a window is worth; ``silent``: there was none; ``ahead``: the window has not begun."""
    if chance is None or reading in (Reading.TOO_QUIET, Reading.NOT_ENOUGH):
        return _say(f"window/{reading}", language)
    kind = "window/ahead" if ahead else "window/silent" if silent else "window"
    return _say(kind, language).format(chance=percent(chance, language), word=_say(reading, language))


def window_in_both(reading: Reading, chance: float | None, *, silent: bool, ahead: bool) -> Mapping[str, str]:
    """``both`` of ``of_window`` for lists of thousands, which hold few different ones: each is made once."""
    return _window_in_both(reading, None if chance is None else _whole(chance), silent, ahead)


@lru_cache(maxsize=1024)
def _window_in_both(reading: Reading, percent: int | None, silent: bool, ahead: bool) -> Mapping[str, str]:
    chance = None if percent is None else percent / 100
    return both(of_window, reading, chance, silent=silent, ahead=ahead)


def of_list(accounts: int, silent: int, expected: float, usual: tuple[int, int] | None, language: str) -> str:
    """How many of two or more accounts were silent beside how many usually are; ``usual``: nine times in ten."""
    shown = _say("range", language).format(low=usual[0], high=usual[1]) if usual else ""
    return _say("list", language).format(accounts=accounts, silent=silent, expected=round(expected), range=shown)


def often(times: float | None, language: str) -> str:
    """How often a year, no sharper than it is known; None: more often than once a week."""
    if times is None or times > 50:
        return _say("very often", language)
    if times >= 1.5:
        return _say("often", language).format(times=round(times))
    return _say("once" if times >= 0.75 else "seldom", language)


def percent(chance: float, language: str) -> str:
    """A chance in words; never 0 or 100 %."""
    whole = _whole(chance)
    return _say("about", language).format(percent=whole) if whole else _say("below", language)


def _whole(chance: float) -> int:
    return 0 if chance < 0.01 else min(round(100 * chance), 99)


def length(value: timedelta, language: str) -> str:
    """``3 days 4 hours``: rounded down to hours below a week, to days from then on, to minutes below a day."""
    minutes = max(0, int(value.total_seconds() // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        parts = [(days, "day"), (hours, "hour")] if days < 7 else [(days, "day")]
    else:
        parts = [(hours, "hour"), (minutes, "minute")] if hours < 6 else [(hours, "hour")]
    shown = [f"{number} {_unit(number, unit, language)}" for number, unit in parts if number]
    return " ".join(shown) or f"0 {_unit(0, 'minute', language)}"


def _unit(number: int, unit: str, language: str) -> str:
    french = language == "fr"
    return _UNITS[unit][french][number > 1 if french else number != 1]


def _say(text: str, language: str) -> str:
    return _TEXTS[text][language == "fr"]
