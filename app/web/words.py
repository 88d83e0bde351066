"""The words of the pages in English and French, and how times and lengths are written for people.

Promises: every text of the templates has its French; a language nobody asked for is English.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

LANGUAGES = ("en", "fr")
FRENCH: dict[str, str] = {
    "Who is quiet?": "Qui se tait ?",
    "Board": "Tableau",
    "Account": "Compte",
    "State": "État",
    "quiet": "silencieux",
    "active": "actif",
    "unknown": "inconnu",
    "Silent since": "Silencieux depuis",
    "Proven": "Prouvé",
    "Possible": "Possible",
    "Observed until": "Observé jusqu’à",
    "How we know": "Comment on le sait",
    "no post on record": "aucune publication connue",
    "local": "heure locale",
    "All": "Tous",
    "Tag": "Étiquette",
    "Platform": "Plateforme",
    "Quiet from": "Silencieux à partir de",
    "Show": "Afficher",
    "Next page": "Page suivante",
    "First page": "Première page",
    "1 day": "1 jour",
    "2 days": "2 jours",
    "7 days": "7 jours",
    "30 days": "30 jours",
    "Nothing is watched yet.": "Rien n’est encore observé.",
    "No account matches.": "Aucun compte ne correspond.",
    "Add an account with": "Ajoutez un compte avec",
    "as of": "au",
    "API documentation": "Documentation de l’API",
    "Sign out": "Se déconnecter",
    "Sign in": "Se connecter",
    "API key": "Clé d’API",
    "Open the link that was printed at the first start, or give an API key.": (
        "Ouvrez le lien affiché au premier démarrage, ou donnez une clé d’API."
    ),
    "This link is no longer good.": "Ce lien n’est plus valable.",
    "This key is not valid.": "Cette clé n’est pas valable.",
    "Too many attempts. Wait a moment.": "Trop de tentatives. Attendez un instant.",
    "Skip to the table": "Aller au tableau",
    "Accounts, the longest silence first. Times are UTC; local times are the subject’s.": (
        "Comptes, le plus long silence d’abord. Heures UTC\u202f; les heures locales sont celles de la personne."
    ),
    "A silence is proven as far as looks covered it without a break. What was posted and deleted between two looks "
    "is invisible.": (
        "Un silence est prouvé aussi loin que les consultations l’ont couvert sans interruption. Ce qui a été publié "
        "puis supprimé entre deux consultations est invisible."
    ),
    "no surviving post seen": "aucune publication subsistante vue",
    "posted within this time": "a publié dans ce délai",
    "largest gap between looks:": "plus long intervalle entre consultations\u00a0:",
    "partly read back later": "en partie relu après coup",
    "Profile": "Profil",
    "Last post": "Dernière publication",
    "Last look": "Dernière consultation",
    "Longest silences": "Silences les plus longs",
    "Silences, the longest first": "Silences, le plus long d’abord",
    "From": "De",
    "To": "À",
    "now": "maintenant",
    "never": "jamais",
    "Looks": "Consultations",
    "Looks, newest first": "Consultations, la plus récente d’abord",
    "Outcome": "Résultat",
    "Number": "Nombre",
    "New posts": "Nouvelles publications",
    "Last 28 days": "28 derniers jours",
    "observed live": "observé en direct",
    "read back later": "relu après coup",
    "not observed": "non observé",
    "post": "publication",
    "posts": "publications",
    "of this time was observed": "de ce temps a été observé",
    "Not found": "Introuvable",
    "There is no such page or account.": "Cette page ou ce compte n’existe pas.",
    "Something went wrong": "Un problème est survenu",
    "The database does not answer now. Try again in a moment.": (
        "La base de données ne répond pas. Réessayez dans un instant."
    ),
    "Something failed on our side; it has been logged.": (
        "Une erreur est survenue de notre côté\u202f; elle est consignée."
    ),
    "Back to the board": "Retour au tableau",
    "This cannot be asked.": "Cette demande n’est pas possible.",
    "accounts": "comptes",
    "How unusual": "Rareté",
    "Order": "Ordre",
    "longest": "les plus longs",
    "unusual first": "les plus inhabituels",
    "Accounts, the most unusual silence first by their own rhythm. Times are UTC; local times are the subject’s.": (
        "Comptes, le silence le plus inhabituel d’abord, selon leur propre rythme. Heures UTC\u202f; les heures "
        "locales sont celles de la personne."
    ),
    "What it is worth": "Ce qu’il vaut",
    "ordinary": "ordinaire",
    "unusual": "inhabituel",
    "rare": "rare",
    "too quiet to tell": "rien à en conclure",
    "not enough history": "historique insuffisant",
    "Of many accounts some are unusual by chance: of these about": (
        "Sur beaucoup de comptes, certains sont inhabituels par hasard\u00a0: de ceux-ci environ"
    ),
    "a day.": "par jour.",
    "Rhythm": "Rythme",
    "Known since": "Connu depuis",
    "Based on": "D’après",
    "observed days": "jours observés",
    "Posts a day": "Publications par jour",
    "Half of its gaps": "La moitié de ses pauses",
    "Nine gaps in ten": "Neuf pauses sur dix",
    "99 gaps in 100": "99 pauses sur 100",
    "at most": "au plus",
    "Longest gap": "Pause la plus longue",
    "until": "jusqu’au",
    "A rule of 2 false alarms a year": "Une règle à 2 fausses alertes par an",
    "would tell from": "le signalerait à partir du",
    "Too little was observed to judge a silence of this account; the shape of its week is a first impression.": (
        "Trop peu a été observé pour juger d’un silence de ce compte\u202f; la forme de sa semaine est une première "
        "impression."
    ),
    "Its week": "Sa semaine",
    "hours of": "heures de",
    "Hours of": "Heures de",
    "Hour": "Heure",
    "The fuller a cell, the more often it posts in this hour of the week. Bars: its posts by the hour of the day "
    "(above) and by the day (right).": (
        "Plus une case est pleine, plus il publie souvent à cette heure de la semaine. Barres\u00a0: ses publications "
        "par heure (en haut) et par jour (à droite)."
    ),
    "Busiest hour:": "Heure la plus active\u00a0:",
    "of its posts": "de ses publications",
    "Busiest day:": "Jour le plus actif\u00a0:",
    "quietest:": "le plus calme\u00a0:",
    "The same as a table": "La même chose en tableau",
    "How often it posts in each hour of its week; 1 is the mean of all hours, bursts count once. Last column: the "
    "share of its posts.": (
        "Fréquence de ses publications à chaque heure de sa semaine\u202f; 1 est la moyenne de toutes les heures, les "
        "salves comptent une fois. Dernière colonne\u00a0: la part de ses publications."
    ),
    "No post is on record, so nothing is known of its rhythm.": (
        "Aucune publication n’est connue, donc rien n’est connu de son rythme."
    ),
    "Its rhythm has not been worked out yet; that is done within a minute of the first posts.": (
        "Son rythme n’a pas encore été calculé\u202f; c’est fait dans la minute qui suit les premières publications."
    ),
    "Monday": "lundi",
    "Tuesday": "mardi",
    "Wednesday": "mercredi",
    "Thursday": "jeudi",
    "Friday": "vendredi",
    "Saturday": "samedi",
    "Sunday": "dimanche",
}


def translator(language: str) -> Callable[[str], str]:
    """From the English text to the text in this language."""
    return (lambda text: FRENCH[text]) if language == "fr" else (lambda text: text)


def semicolon(language: str) -> str:
    """A semicolon with the spaces of the language; French puts a narrow one before it."""
    return "\u202f; " if language == "fr" else "; "


def number(value: float, language: str) -> str:
    """Two significant figures, never as a power of ten."""
    return _pointed(f"{float(f'{value:.2g}'):g}", language)


def decimal(value: float, language: str, places: int = 1) -> str:
    """So many places behind the point."""
    return _pointed(f"{value:.{places}f}", language)


def _pointed(text: str, language: str) -> str:
    return text.replace(".", ",") if language == "fr" else text


def choose(asked: str | None, accept: str) -> str:
    """The language of a page: the one asked for, else the first of ``Accept-Language`` that we have, else English."""
    if asked in LANGUAGES:
        return asked
    wishes: list[tuple[float, int, str]] = []
    for place, wish in enumerate(accept[:200].split(",")):
        name, _, weight = wish.strip().partition(";q=")
        try:
            wishes.append((-float(weight or 1), place, name.strip().lower()[:2]))
        except ValueError:
            continue
    return next((name for weight, _, name in sorted(wishes) if name in LANGUAGES and weight < 0), "en")


def length(value: timedelta | None, language: str) -> str:
    """``3 d 4 h`` or ``3 j 4 h``: the two largest units; a dash for none."""
    if value is None:
        return "–"
    minutes = int(value.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    day = "j" if language == "fr" else "d"
    if days:
        return f"{days} {day} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def instant(value: datetime | None) -> str:
    """``2026-11-22 12:00`` in UTC."""
    return value.strftime("%Y-%m-%d %H:%M") if value else "–"


def local(value: datetime | None, zone: tzinfo) -> str:
    """``22 13:00 CET``-like local time: date, time and the zone's own abbreviation."""
    return value.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z") if value else ""
