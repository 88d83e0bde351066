"""``silence``, ``show``, ``participation`` and ``export``: the questions, asked of the API inside this process."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.commands import output, runtime
from app.commands.local import LocalApi, ask
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
    kinds: Kinds = None,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many accounts.")] = 100,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Who is quiet, since when, and how we know. Exit code 0 whatever the answer is.

    quietwatch silence --tag pledged --min P2D
    """
    params = {
        "tag": tag,
        "platform": platform,
        "subject": subject,
        "state": state,
        "min": least,
        "kinds": kinds,
        "as_of": as_of,
        "limit": limit,
    }
    board = ask(data_dir, lambda api: api.read("/v1/silence", params))
    if as_json:
        output.print_json(board)
        return
    columns = ("account", "state", "last post", "proven", "possible", "observed until", "why")
    rows = [_board_row(item) for item in board["items"]]
    output.print_table(columns, rows, f"Silence as of {_at(board['at'])}; quiet from {board['min']} on")
    if board["next"]:
        output.aside.print("There are more; raise --limit or narrow the question.")


def show(
    account: Annotated[str, typer.Argument(help="Id, natural key, handle or profile link.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Everything about one account: its silence, streaks, coverage and last looks."""
    base = "/v1/accounts/" + quote(account, safe="")

    async def gather(api: LocalApi) -> dict[str, Any]:
        return {
            "account": await api.read(base),
            "silence": await api.read(f"{base}/silence"),
            "streaks": (await api.read(f"{base}/streaks", {"limit": 5}))["items"],
            "coverage": (await api.read(f"{base}/coverage", {"limit": 10}))["items"],
            "polls": (await api.read(f"{base}/polls", {"limit": 10}))["items"],
        }

    found = ask(data_dir, gather)
    if as_json:
        output.print_json(found)
        return
    _print_account(found)


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
    }
    found = ask(data_dir, lambda api: api.read("/v1/participation", params))
    if as_json:
        output.print_json(found)
        return
    rows = [_participant_row(item) for item in found["items"]]
    output.print_table(("account", "answer", "evidence", "covered", "largest gap", "why"), rows)
    output.console.print("  ".join(f"{name}: {count}" for name, count in found["totals"].items()))
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


def _at(value: str | None) -> str:
    return output.instant(datetime.fromisoformat(value)) if value else "-"


def _length(seconds: float | None) -> str:
    return output.length(timedelta(seconds=seconds)) if seconds is not None else "-"


def _board_row(item: dict[str, Any]) -> tuple[Any, ...]:
    streak = item["streak"]
    last = item["last_post"]
    return (
        _name(item["account"]),
        item["state"],
        _at(last and last["posted_at"]),
        _length(streak["proven_seconds"]),
        _length(streak["possible_seconds"]),
        _at(streak["observed_until"]),
        item["note"] if item["state"] == "unknown" else "",
    )


def _participant_row(item: dict[str, Any]) -> tuple[Any, ...]:
    evidence = item["evidence"]
    first = evidence[0] if isinstance(evidence, list) and evidence else evidence
    return (
        _name(item["account"]),
        item["answer"],
        (first["url"] or _at(first["posted_at"])) if first else "",
        f"{item['covered_share']:.0%}",
        _length(item["largest_gap_seconds"] or None),
        item["note"],
    )


def _name(account: dict[str, Any]) -> str:
    address = account["handle"].removeprefix("https://").removeprefix("http://")
    return (
        f"{account['subject']} ({account['platform']}:{address})"
        if account["subject"]
        else f"{account['platform']}:{address}"
    )


def _print_account(found: dict[str, Any]) -> None:
    account, answer = found["account"], found["silence"]
    output.console.print(output.plain(f"{_name(account)}  {account['profile_url']}"))
    output.print_table(
        ("state", "last post", "proven", "possible", "observed until", "why"),
        [_board_row(answer | {"account": account})[1:]],
    )
    output.print_table(
        ("streak since", "until", "proven", "possible"),
        [
            (_at(s["since"]), _at(s["until"]), _length(s["proven_seconds"]), _length(s["possible_seconds"]))
            for s in found["streaks"]
        ],
        "Latest streaks",
    )
    output.print_table(
        ("covered from", "to", "seen"),
        [(_at(c["start"]), _at(c["end"]), c["seen"]) for c in found["coverage"]],
        "Coverage",
    )
    output.print_table(
        ("looks", "from", "to", "outcome", "new posts", "detail"),
        [
            (p["looks"], _at(p["first_at"]), _at(p["last_at"]), p["outcome"], p["new_posts"], p["detail"] or "")
            for p in found["polls"]
        ],
        "Latest looks",
    )
