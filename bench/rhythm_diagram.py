"""The reliability diagram of the rhythms: of the windows that were said to stay silent with chance p, how many did.

The windows are the judge's own, the chances those of the predictor that is handed in; the drawing holds no data but the
fifteen points of each kind of window.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import rhythm_data

BINS = 15
LEFT, TOP, SIDE = 46, 16, 360
COLOURS = {"6h": "#0072b2", "24h": "#d55e00", "72h": "#009e73", "7d": "#cc79a7", "24h+7dlead": "#555555"}
NAMES = {"6h": "6 hours", "24h": "a day", "72h": "3 days", "7d": "7 days", "24h+7dlead": "a day, a week ahead"}
Points = list[tuple[float, float]]


def draw(path: Path, histories: Sequence[dict[str, Any]], predictor: object) -> int:
    """Write the diagram, and say how many windows it rests on."""
    judge = rhythm_data.judge()
    items = judge.q1_items(histories)
    said, _ = judge.run_q1(histories, predictor, items)
    silent = np.array([item[6] for item in items], dtype=np.float64)
    kind = np.array([item[1] for item in items])
    rows = {name: _points(said[kind == name], silent[kind == name]) for name in NAMES}
    path.write_text(svg(rows))
    return len(items)


def _points(said: NDArray[np.float64], silent: NDArray[np.float64]) -> Points:
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [(float(said[part].mean()), float(silent[part].mean())) for part in parts]


def svg(rows: dict[str, Points]) -> str:
    """The drawing."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + SIDE + 180} {TOP + SIDE + 44}" role="img"'
        ' font-family="sans-serif" font-size="12">',
        "<title>Said chance of silence against the share of windows that were silent</title>",
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="#fff" stroke="#888"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#bbb" stroke-dasharray="4 4"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<text x="{_x(tick)}" y="{TOP + SIDE + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{LEFT - 6}" y="{_y(tick) + 4}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{_x(0.5)}" y="{TOP + SIDE + 36}" text-anchor="middle">said chance of no post</text>')
    parts.append(
        f'<text x="12" y="{_y(0.5)}" text-anchor="middle" transform="rotate(-90 12 {_y(0.5)})">'
        "share without a post</text>"
    )
    for place, (name, points) in enumerate(rows.items()):
        parts += _line(place, name, points)
    return "\n".join([*parts, "</svg>", ""])


def _line(place: int, name: str, points: Points) -> list[str]:
    colour, legend = COLOURS[name], TOP + 14 + 20 * place
    path = " ".join(f"{_x(said)},{_y(seen)}" for said, seen in points)
    dots = [f'<circle cx="{_x(said)}" cy="{_y(seen)}" r="3" fill="{colour}"/>' for said, seen in points]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.6"/>',
        *dots,
        f'<circle cx="{LEFT + SIDE + 16}" cy="{legend - 4}" r="4" fill="{colour}"/>',
        f'<text x="{LEFT + SIDE + 26}" y="{legend}">{NAMES[name]}</text>',
    ]


def _x(share: float) -> float:
    return round(LEFT + SIDE * share, 1)


def _y(share: float) -> float:
    return round(TOP + SIDE * (1 - share), 1)
