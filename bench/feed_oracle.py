"""An independent reading of feeds by feedparser, in a process of its own that may be killed.

Reads one request a line ({"path", "headers"}), writes one answer a line. Started by ``bench.fixtures_feeds``.
"""

from __future__ import annotations

import calendar
import json
import sys
from pathlib import Path
from typing import Any

import feedparser  # type: ignore[import-untyped]  # it has no types


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(answer(Path(asked["path"]), asked["headers"])), flush=True)


def answer(path: Path, headers: dict[str, str]) -> dict[str, Any]:
    """What feedparser makes of one file: version, whether it complains, and the entries."""
    headers = {"content-location": "http://fixtures.invalid/feed"} | headers
    found = feedparser.parse(path.read_bytes(), response_headers=headers, sanitize_html=False)
    entries = [_entry(entry) for entry in found.entries]
    return {"version": found.get("version", ""), "bozo": bool(found.bozo), "entries": entries}


def _entry(entry: Any) -> dict[str, Any]:
    return {
        "id": entry.get("id", ""),
        "link": entry.get("link", ""),
        "original": entry.get("feedburner_origlink", ""),
        "alternates": [link.get("href", "") for link in entry.get("links", []) if link.get("rel") == "alternate"],
        "base": entry.get("title_detail", {}).get("base", ""),
        "published": _seconds(entry, "published"),
        "updated": _seconds(entry, "updated"),
        "created": _seconds(entry, "created"),
        "texts": {
            name: entry.get(name, "") for name in ("published", "updated", "created") if dict.__contains__(entry, name)
        },
    }


def _seconds(entry: Any, name: str) -> int | None:
    """The parsed moment, only where the entry itself has it (feedparser answers for one name with another)."""
    parsed = dict.get(entry, f"{name}_parsed")
    return None if parsed is None else calendar.timegm(parsed)


if __name__ == "__main__":
    main()
