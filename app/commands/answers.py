"""``silence``, ``participation`` and ``export``: questions about many, asked of the API inside this process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.commands import cells, output, runtime
from app.commands.local import ask
from app.commands.options import AsJson, AsOf, DataDir, Kinds, Platform, Subject, Tag
from app.errors import BadInput

_MEDIA = {"csv": "text/csv", "ndjson": "application/x-ndjson", "json": "application/json"}
_WHAT = ("accounts", "silence", "streaks", "subjects", "tags", "platforms")
_OF_ACCOUNT = ("posts", "streaks", "calendar", "coverage", "polls")


def silence(
    tag: Tag = None,
    platform: Platform = None,
    subject: Subject = None,
    state: Annotated[list[str] | None, typer.Option(help="quiet, active or unknown; repeat it.")] = None,
    least: Annotated[str, typer.Option("--min", help="From which length on a silence is quiet (ISO 8601).")] = "P7D",
    sort: Annotated[str, typer.Option(help="longest, or unusual: the most unusual by each one's own rhythm first.")] = (
        "longest"
    ),
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many accounts.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Who is quiet, since when, and how we know. Exit code 0 whatever the answer is.

    quietwatch silence --tag pledged --min P2D --sort unusual
    """
    params = {
        "tag": tag,
        "platform": platform,
        "subject": subject,
        "state": state,
        "min": least,
        "sort": sort,
        "kinds": kinds,
        "as_of": as_of,
        "limit": limit,
    }
    board = ask(data_dir, lambda api: api.read("/v1/silence", params))
    if as_json:
        output.print_json(board)
        return
    by_chance = board["by_chance"]
    output.print_table(
        ("account", *cells.STANDING, *(["how unusual"] if by_chance else []), "why"),
        [_board_row(item, weighed=bool(by_chance)) for item in board["items"]],
        f"Silence as of {cells.at(board['at'])}; quiet from {board['min']} on",
    )
    if by_chance:
        output.console.print(output.plain(_by_chance(by_chance)))
    if board["next"]:
        output.aside.print("There are more; raise --limit or narrow the question.")


def participation(
    date: Annotated[str | None, typer.Option(help="One local day, YYYY-MM-DD.")] = None,
    zone: Annotated[str | None, typer.Option(help="IANA zone of the day; without it each subject's own.")] = None,
    start: Annotated[str | None, typer.Option(help="Instant, RFC 3339.")] = None,
    end: Annotated[str | None, typer.Option(help="Instant, not part of the window.")] = None,
    tag: Tag = None,
    platform: Platform = None,
    subject: Subject = None,
    kinds: Kinds = None,
    as_of: AsOf = None,
    weeks: Annotated[
        int, typer.Option(min=0, max=26, help="Compare with the same window in so many weeks before.")
    ] = 9,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Who posted in a window, who provably did not, and who cannot be judged and why.

    quietwatch participation --date 2026-11-18 --zone America/Los_Angeles --tag pledged
    """
    params = {
        "date": date,
        "zone": zone,
        "start": start,
        "end": end,
        "tag": tag,
        "platform": platform,
        "subject": subject,
        "kinds": kinds,
        "as_of": as_of,
        "weeks": weeks,
    }
    found = ask(data_dir, lambda api: api.read("/v1/participation", params))
    if as_json:
        output.print_json(found)
        return
    rows = [_participant_row(item) for item in found["items"]]
    columns = ("account", "answer", "evidence", "covered", "largest gap", "chance of silence", "why")
    output.print_table(columns, rows)
    output.console.print("  ".join(f"{name}: {count}" for name, count in found["totals"].items()))
    if expected := found["expected"] and found["expected"]["sentence"]:
        output.console.print(output.plain(expected["en"]))
    _print_past(found["compared"])
    if found["next"]:
        output.aside.print("The table is cut, the totals are not; narrow the question to see the rest.")


def export(
    what: Annotated[str, typer.Argument(help=f"One of {', '.join(_WHAT)}; with --account {', '.join(_OF_ACCOUNT)}.")],
    account: Annotated[str | None, typer.Option(help="Export what is on record about one account.")] = None,
    form: Annotated[str, typer.Option("--format", help="csv, ndjson or json.")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", help="A file; without it standard output.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a whole list as CSV, NDJSON or JSON: quietwatch export silence --format csv --to silence.csv"""
    allowed = _OF_ACCOUNT if account else _WHAT
    if what not in allowed or form not in _MEDIA:
        runtime.fail(BadInput(f"export what? One of {', '.join(allowed)} as {', '.join(_MEDIA)}"))
    path = f"/v1/accounts/{quote(account, safe='')}/{what}" if account else f"/v1/{what}"
    body = ask(data_dir, lambda api: api.whole(path, _MEDIA[form]))
    if to is None:
        sys.stdout.buffer.write(body)
    else:
        to.write_bytes(body)
        output.aside.print(f"{len(body)} bytes written to {to}")


def _board_row(item: dict[str, Any], *, weighed: bool) -> tuple[Any, ...]:
    unusual = [cells.how_unusual(item)] if weighed else []
    return (cells.name(item["account"]), *cells.standing(item), *unusual, cells.why(item))


def _by_chance(found: dict[str, Any]) -> str:
    """What a list of so many accounts shows on an ordinary day: of many, some are unusual by chance."""
    if not found["judged"]:
        return "None of the accounts has history enough to say how unusual its silence is."
    accounts = "1 account" if found["judged"] == 1 else f"{found['judged']} accounts"
    unusual, rare = (_about(found[name]) for name in ("unusual_a_day", "rare_a_day"))
    return f"By chance alone {unusual} of the {accounts} with history enough turn unusual a day, and {rare} rare."


def _about(number: float) -> str:
    return f"about {number:.1f}" if number >= 0.05 else "fewer than 0.1"


def _participant_row(item: dict[str, Any]) -> tuple[Any, ...]:
    evidence = item["evidence"]
    first = evidence[0] if isinstance(evidence, list) and evidence else evidence
    return (
        cells.name(item["account"]),
        item["answer"],
        (first["url"] or cells.at(first["posted_at"])) if first else "",
        f"{item['covered_share']:.0%}",
        cells.length(item["largest_gap_seconds"] or None),
        cells.chance_of_silence(item),
        item["note"],
    )


def _print_past(compared: list[dict[str, Any]]) -> None:
    """The same window before, where anybody was watched."""
    known = [each for each in compared if each["posted"] + each["silent"]]
    if known:
        columns = ("weeks before", "posted", "silent", "unknown", "can be judged", "of them silent", "expected")
        output.print_table(columns, [_past_row(each) for each in known], "The same window before")
    if blind := len(compared) - len(known):
        output.aside.print(f"Of {blind} of the {len(compared)} weeks before nothing is known of anybody.")


def _past_row(past: dict[str, Any]) -> tuple[Any, ...]:
    said = [past[name] for name in ("judged", "judged_silent", "expected_silent")]
    counted = [past[name] for name in ("weeks_before", "posted", "silent", "unknown")]
    return (*counted, *("-" if each is None else each for each in said))
