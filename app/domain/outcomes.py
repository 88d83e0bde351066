"""How a look can end, why an answer can be unknown, and how to say so to a person.

Promises: every outcome and every reason has a group and a one-line explanation in English and in French.
"""

from __future__ import annotations

import enum
from typing import Final

from app.domain.models import OutcomeName


class Reason(enum.StrEnum):
    """Why an answer is unknown. The set is closed."""

    NOT_POLLED_YET = "not_polled_yet"
    BEFORE_FIRST_LOOK = "before_first_look"
    PAGE_ENDED_BEFORE = "page_ended_before"
    SETTLING = "settling"
    WINDOW_NOT_OVER = "window_not_over"
    OWN_OUTAGE = "own_outage"
    KINDS_NOT_VISIBLE = "kinds_not_visible"
    UNDATED_POST = "undated_post"
    ACCOUNT_NOT_VALID = "account_not_valid"
    NO_POST_ON_RECORD = "no_post_on_record"
    SOURCE_RATE_LIMITED = "source_rate_limited"
    SOURCE_AUTH_REQUIRED = "source_auth_required"
    SOURCE_GONE = "source_gone"
    SOURCE_SUSPENDED = "source_suspended"
    SOURCE_PRIVATE = "source_private"
    SOURCE_MOVED = "source_moved"
    SOURCE_REFUSED = "source_refused"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_UNREACHABLE = "source_unreachable"


class Group(enum.IntEnum):
    """How bad an outcome is, in rising order."""

    PROVES = 0
    PASSING = 1
    """Likely to mend itself: limits, network, garbled answers."""
    CLOSED = 2
    """The source does not show it to us."""
    ENDED = 3
    """The account is no longer there under this name."""


GROUPS: Final[dict[OutcomeName, Group]] = {
    OutcomeName.PAGE: Group.PROVES,
    OutcomeName.UNCHANGED: Group.PROVES,
    OutcomeName.RATE_LIMITED: Group.PASSING,
    OutcomeName.UNREACHABLE: Group.PASSING,
    OutcomeName.UNREADABLE: Group.PASSING,
    OutcomeName.AUTH_REQUIRED: Group.CLOSED,
    OutcomeName.REFUSED: Group.CLOSED,
    OutcomeName.PRIVATE: Group.CLOSED,
    OutcomeName.SUSPENDED: Group.ENDED,
    OutcomeName.GONE: Group.ENDED,
    OutcomeName.MOVED: Group.ENDED,
}

_OUTCOMES: Final[dict[OutcomeName, tuple[str, str]]] = {
    OutcomeName.PAGE: ("the source showed its posts", "la source a montré ses publications"),
    OutcomeName.UNCHANGED: ("the source said that nothing changed", "la source a indiqué que rien n’a changé"),
    OutcomeName.RATE_LIMITED: ("the source asked us to wait", "la source nous a demandé d’attendre"),
    OutcomeName.AUTH_REQUIRED: ("the source wants a login", "la source exige une connexion"),
    OutcomeName.GONE: ("the account no longer exists", "le compte n’existe plus"),
    OutcomeName.SUSPENDED: ("the platform has suspended the account", "la plateforme a suspendu le compte"),
    OutcomeName.PRIVATE: ("the account is private", "le compte est privé"),
    OutcomeName.MOVED: ("the account has moved elsewhere", "le compte a déménagé"),
    OutcomeName.REFUSED: ("the source refused to show the account", "la source a refusé de montrer le compte"),
    OutcomeName.UNREADABLE: ("the source answered with something else", "la source a répondu autre chose"),
    OutcomeName.UNREACHABLE: ("the source could not be reached", "la source était injoignable"),
}

_REASONS: Final[dict[Reason, tuple[str, str]]] = {
    Reason.NOT_POLLED_YET: ("the account has not been looked at yet", "le compte n’a pas encore été consulté"),
    Reason.BEFORE_FIRST_LOOK: (
        "it lies before the first look at the account",
        "la période précède la première consultation du compte",
    ),
    Reason.PAGE_ENDED_BEFORE: (
        "the pages that were read did not reach back that far",
        "les pages lues ne remontaient pas assez loin",
    ),
    Reason.SETTLING: (
        "posts may still surface, and the next look has yet to confirm it",
        "des publications peuvent encore apparaître et la prochaine consultation doit le confirmer",
    ),
    Reason.WINDOW_NOT_OVER: ("the window is not over", "la période n’est pas terminée"),
    Reason.OWN_OUTAGE: ("this service was not watching", "ce service n’observait pas"),
    Reason.KINDS_NOT_VISIBLE: (
        "the source does not show all the kinds of posts that count",
        "la source ne montre pas tous les types de publications comptés",
    ),
    Reason.UNDATED_POST: (
        "a post without a date may lie inside or outside",
        "une publication sans date peut se trouver dedans ou dehors",
    ),
    Reason.ACCOUNT_NOT_VALID: (
        "the account was not in use for all of the window",
        "le compte n’était pas en service pendant toute la période",
    ),
    Reason.NO_POST_ON_RECORD: ("no post is on record", "aucune publication n’est connue"),
}

_UNKNOWN: Final = {"en": "unknown, because {}", "fr": "inconnu, car {}"}
_AND: Final = {"en": " and ", "fr": " et "}


def proves(outcome: OutcomeName) -> bool:
    """Whether a look that ended so proves anything."""
    return GROUPS[outcome] is Group.PROVES


def reason_of(outcome: OutcomeName) -> Reason:
    """The reason that a failed look gives for an unknown. Raises ValueError for an outcome that proves."""
    return Reason(f"source_{outcome}")


def explain(what: OutcomeName | Reason, language: str = "en") -> str:
    """One clause in plain English (``en``) or French (``fr``). Raises KeyError for another language."""
    column = {"en": 0, "fr": 1}[language]
    if isinstance(what, OutcomeName):
        return _OUTCOMES[what][column]
    if what in _REASONS:
        return _REASONS[what][column]
    return _OUTCOMES[OutcomeName(what.removeprefix("source_"))][column]


def explain_unknown(reasons: tuple[Reason, ...], language: str = "en") -> str:
    """The line for a person: "unknown, because ...". Raises ValueError without a reason: an unknown always has one."""
    if not reasons:
        raise ValueError("an unknown without a reason")
    return _UNKNOWN[language].format(_AND[language].join(explain(reason, language) for reason in reasons))
