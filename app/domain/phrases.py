"""What messages to people say, in English and French.

Promises: every phrase has both languages. They claim what may be claimed and no more: "no surviving post seen", never
"did not post"; proven lengths; an unknown with its reason.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

from app.domain.events import EventType

#: In a title, after a number or alone: ``3 quiet``.
COUNTED: Final[dict[EventType, tuple[str, str]]] = {
    EventType.QUIET: ("quiet", "silencieux"),
    EventType.RESUMED: ("posted again", "de retour"),
    EventType.LATE: ("late", "en retard"),
    EventType.REMINDER: ("still quiet", "toujours silencieux"),
    EventType.UNOBSERVABLE: ("cannot be observed", "inobservable"),
    EventType.OBSERVABLE: ("observable again", "de nouveau observable"),
    EventType.MOVED: ("moved", "a déménagé"),
    EventType.RENAMED: ("renamed", "a changé de nom"),
    EventType.REVISED: ("corrected", "rectifié"),
    EventType.DEGRADED: ("source failing", "source en panne"),
    EventType.RECOVERED: ("source recovered", "source rétablie"),
    EventType.ENDPOINT_DISABLED: ("endpoint disabled", "destination désactivée"),
    EventType.ENDPOINT_TEST: ("test", "essai"),
}

PHRASES: Final[dict[str, tuple[str, str]]] = {
    "account.quiet": (
        "{who}: no surviving post seen since {since} ({proven} proven). Quiet since {deadline}.",
        "{who} : aucune publication subsistante vue depuis le {since} ({proven} prouvés). Silencieux depuis le "
        "{deadline}.",
    ),
    "account.quiet/none": (
        "{who}: no post on record. Quiet since {deadline}.",
        "{who} : aucune publication connue. Silencieux depuis le {deadline}.",
    ),
    "account.late": (
        "{who}: no surviving post seen since {since} ({proven} proven). Late since {at}, not quiet yet.",
        "{who} : aucune publication subsistante vue depuis le {since} ({proven} prouvés). En retard depuis le {at}, "
        "pas encore silencieux.",
    ),
    "account.reminder": (
        "{who}: still quiet. No surviving post seen since {since} ({proven} proven).",
        "{who} : toujours silencieux. Aucune publication subsistante vue depuis le {since} ({proven} prouvés).",
    ),
    "account.resumed": (
        "{who}: posted again at {at}, after {length} without a surviving post seen.",
        "{who} : nouvelle publication le {at}, après {length} sans publication subsistante vue.",
    ),
    "account.resumed/none": ("{who}: posted again at {at}.", "{who} : nouvelle publication le {at}."),
    "account.unobservable": (
        "{who}: unknown since {at}, because {reason}. Whether it posts cannot be said.",
        "{who} : inconnu depuis le {at}, car {reason}. On ne peut dire s’il publie.",
    ),
    "account.observable": (
        "{who}: can be observed again since {at}.",
        "{who} : de nouveau observable depuis le {at}.",
    ),
    "account.moved": ("{who}: moved to {to} ({at}).", "{who} : a déménagé vers {to} ({at})."),
    "account.renamed": ("{who}: {from} is now {to} ({at}).", "{who} : {from} s’appelle désormais {to} ({at})."),
    "verdict.revised": (
        "{who}: an answer already given was wrong and is corrected. What surfaced later belongs to {at}.",
        "{who} : une réponse déjà donnée était fausse et est rectifiée. L’élément apparu après coup date du {at}.",
    ),
    "verdict.revised/rule": (
        "{who}: an answer already given no longer holds, because the rule was changed ({at}).",
        "{who} : une réponse déjà donnée ne vaut plus, car la règle a été modifiée ({at}).",
    ),
    "source.degraded": (
        "{source}: {failing} of {accounts} accounts fail together since {at}, because {reason}. Silences that depend "
        "on it wait for fresh evidence.",
        "{source} : {failing} comptes sur {accounts} échouent ensemble depuis le {at}, car {reason}. Les silences qui "
        "en dépendent attendent de nouvelles preuves.",
    ),
    "source.recovered": ("{source}: answers again since {at}.", "{source} : répond de nouveau depuis le {at}."),
    "endpoint.disabled": (
        "{endpoint}: was disabled at {at}, because nothing could be delivered to it ({reason}).",
        "{endpoint} : désactivé le {at}, car rien n’a pu y être livré ({reason}).",
    ),
    "endpoint.test": ("A test.", "Un essai."),
    "initial": ("It was so already when the rule began.", "C’était déjà le cas au début de la règle."),
    "retrospective": ("Known from pages read back later.", "Connu par des pages relues après coup."),
    "gap": ("Largest gap between looks: {gap}.", "Plus long intervalle entre consultations : {gap}."),
    "more": ("and {n} more", "et {n} de plus"),
    "network": ("our own network", "notre propre réseau"),
    "because": ("the reason is {reason}", "la raison est {reason}"),
    "no reason": ("no reason is on record", "aucune raison n’est connue"),
    "unnamed": ("(unnamed)", "(sans nom)"),
    "test title": ("Quietwatch: test", "Quietwatch : essai"),
    "test": (
        "This is a test for “{name}”. Nothing has happened.",
        "Ceci est un essai pour « {name} ». Il ne s’est rien passé.",
    ),
    "colon": (": ", " : "),
    "day": ("d", "j"),
}


def say(phrase: str, language: str) -> str:
    """The phrase in ``en`` or ``fr``. Raises KeyError for a phrase that is not there."""
    return PHRASES[phrase][language == "fr"]


def counted(type_: EventType, language: str) -> str:
    """What happened, after a number."""
    return COUNTED[type_][language == "fr"]


def instant(value: datetime, zone: tzinfo) -> str:
    """``2026-11-22 13:00 CET``: date, time and the zone's own abbreviation."""
    return value.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def length(value: timedelta, language: str) -> str:
    """``3 d 4 h``: the two largest units, rounded down, so that no more is said than is proven."""
    minutes = max(0, int(value.total_seconds() // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} {say('day', language)} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
