"""``show``: everything about one account, what its silence is worth and how it usually posts among it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.commands import cells, output, runtime
from app.commands.local import LocalApi, ask
from app.commands.options import AsJson, DataDir
from app.domain import worth
from app.errors import BadInput

LANGUAGES = ("en", "fr")
#: Of how many false alarms a year the deadline is told: the usual choice of an adaptive rule.
_USUAL_ALARMS = 2


def show(
    account: Annotated[str, typer.Argument(help="Id, natural key, handle or profile link.")],
    language: Annotated[str, typer.Option(help="Of the sentence that may be printed: en or fr.")] = "en",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Everything about one account: its silence and what that is worth, its rhythm, streaks, coverage and last looks.

    quietwatch show alice.example --language fr
    """
    if language not in LANGUAGES:
        runtime.fail(BadInput(f"in which language? {' or '.join(LANGUAGES)}", field="language"))
    base = "/v1/accounts/" + quote(account, safe="")

    async def gather(api: LocalApi) -> dict[str, Any]:
        return {
            "account": await api.read(base),
            "silence": await api.read(f"{base}/silence"),
            "rhythm": await api.read(f"{base}/rhythm"),
            "streaks": (await api.read(f"{base}/streaks", {"limit": 5}))["items"],
            "coverage": (await api.read(f"{base}/coverage", {"limit": 10}))["items"],
            "polls": (await api.read(f"{base}/polls", {"limit": 10}))["items"],
        }

    found = ask(data_dir, gather)
    if as_json:
        output.print_json(found)
        return
    _print_account(found, language)


def _print_account(found: dict[str, Any], language: str) -> None:
    account, answer = found["account"], found["silence"]
    output.console.print(output.plain(f"{cells.name(account)}  {account['profile_url']}"))
    output.print_table(
        (*cells.STANDING, "how unusual", "why"),
        [(*cells.standing(answer), cells.how_unusual(answer), cells.why(answer))],
    )
    if answer["meaning"]:
        output.console.print(output.plain(answer["meaning"]["sentence"][language]))
        _print_facts(_worth(answer["meaning"]), "What it is worth")
    _print_facts(_rhythm(found["rhythm"]), "Rhythm")
    output.print_table(
        ("streak since", "until", "proven", "possible"),
        [
            (
                *(cells.at(s["since"]), cells.at(s["until"])),
                *(cells.length(s["proven_seconds"]), cells.length(s["possible_seconds"])),
            )
            for s in found["streaks"]
        ],
        "Latest streaks",
    )
    output.print_table(
        ("covered from", "to", "seen"),
        [(cells.at(c["start"]), cells.at(c["end"]), c["seen"]) for c in found["coverage"]],
        "Coverage",
    )
    output.print_table(
        ("looks", "from", "to", "outcome", "new posts", "detail"),
        [
            (
                p["looks"],
                cells.at(p["first_at"]),
                cells.at(p["last_at"]),
                p["outcome"],
                p["new_posts"],
                p["detail"] or "",
            )
            for p in found["polls"]
        ],
        "Latest looks",
    )


def _print_facts(facts: list[tuple[str, str]], title: str) -> None:
    output.print_table(("", ""), facts, title, headed=False)


def _worth(meaning: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures that there are; without enough history only what they would rest on."""
    told = [
        ("chance of one this long", cells.chance(meaning["p_silent"])),
        ("times a year", _times(meaning)),
        ("posts expected meanwhile", _number(meaning["expected_posts"])),
        ("rank", _rank(meaning)),
        ("based on", _based_on(meaning["based_on"])),
    ]
    return [(name, text) for name, text in told if text]


def _times(meaning: dict[str, Any]) -> str:
    times = meaning["times_a_year"]
    if times is None:
        return f"more than {worth.MOST_TIMES:g}" if meaning["p_silent"] is not None else ""
    return f"{_number(times)} or fewer" if times == worth.LEAST_TIMES else _number(times)


def _rank(meaning: dict[str, Any]) -> str:
    if meaning["rank"] is None or meaning["rank_days"] is None:
        return ""
    return f"{meaning['rank']} among those that ended in the last {meaning['rank_days']:.0f} days"


def _based_on(based: dict[str, Any]) -> str:
    return f"{based['posts']} posts on {based['days_observed']:g} observed days"


def _number(number: float | None) -> str:
    """Two significant figures, never as a power of ten."""
    return "" if number is None else f"{float(f'{number:.2g}'):g}"


def _rhythm(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """How the account usually posts, in a few lines; ``--json`` has all of it."""
    rhythm = answer["rhythm"]
    if rhythm is None:
        return [("not known", cells.NO_MEANING[answer["no_meaning"]])]
    gaps = {gap["share"]: cells.length(gap["gap_seconds"]) for gap in rhythm["gaps"]}
    told = [
        ("known since", cells.at(rhythm["since"])),
        ("based on", _based_on(rhythm["based_on"])),
        ("posts a day", _number(rhythm["posts_a_day"])),
        (
            "gaps between posts",
            f"half at most {gaps[0.5]}, nine in ten at most {gaps[0.9]}, 99 in 100 at most {gaps[0.99]}",
        ),
    ]
    return [*told, *_habits(rhythm)] if rhythm["enough"] else [*told, ("habits", "not enough history")]


def _habits(rhythm: dict[str, Any]) -> list[tuple[str, str]]:
    """What only enough history shows."""
    *_, busiest = days = sorted(rhythm["weekdays"], key=lambda day: float(day["posts_a_day"]))
    hour = max(range(24), key=lambda number: float(rhythm["hours"][number]))
    alarms = next(each for each in rhythm["deadlines"] if each["false_alarms_per_year"] == _USUAL_ALARMS)
    share = f"{rhythm['hours'][hour]:.0%} of its posts"
    return [
        ("busiest day", f"{_day(busiest)}; quietest: {_day(days[0])}"),
        ("busiest hour", f"{hour:02}:00 to {(hour + 1) % 24:02}:00 ({rhythm['zone']}), {share}"),
        (f"at {_USUAL_ALARMS} false alarms a year", f"told from {cells.at(alarms['quiet_from'])} on"),
    ]


def _day(day: dict[str, Any]) -> str:
    return f"{day['weekday'].title()}, {_number(day['posts_a_day'])} posts"
