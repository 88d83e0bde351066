"""How long an account's gaps are, in rhythm time: what was seen, and curves for what was not yet seen.

Assumes weighted gaps in hours of rhythm time. Promises: the survival curve starts at 1, never rises and never reaches
zero; little evidence makes its tail heavier, not sharper; a gap that was cut short by a hole in the coverage counts as
at least as long as its observed part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.domain.rhythm import constants as c

Floats = NDArray[np.float64]
#: The edges of the bins: SHORT, and a quarter octave more each.
EDGES: Final[Floats] = c.SHORT * np.exp2(np.arange(c.BINS + 1) / 4)
_LEAST: Final = 1e-290


def _curves() -> Floats:
    """ln P(gap >= edge | gap >= SHORT) of each curve at each edge."""
    scales = c.SHORT * np.exp2(np.arange(c.SCALES))[:, None]
    lomax = [-a * np.log1p(EDGES / scales) for a in c.LOMAX_SHAPES]
    weibull = [-((EDGES / scales) ** k) for k in c.WEIBULL_SHAPES]
    curves = np.concatenate(lomax + weibull)
    return np.asarray(np.maximum(curves - curves[:, :1], np.log(_LEAST)))


_LOG: Final[Floats] = _curves()
_AT_LEAST: Final[Floats] = np.exp(_LOG)
_MASS: Final[Floats] = np.maximum(np.append(_AT_LEAST[:, :-1] - _AT_LEAST[:, 1:], _AT_LEAST[:, -1:], axis=1), _LEAST)
_LOG_MASS: Final[Floats] = np.log(_MASS)
_PRIOR: Final[Floats] = _AT_LEAST.mean(axis=0)
_PAUSE: Final[Floats] = (c.PAUSE_SCALE + c.SHORT) / (c.PAUSE_SCALE + EDGES)


@dataclass(frozen=True, slots=True)
class Gaps:
    """Weighted counts of gaps: short ones, and those from SHORT up by bin; the last bin has no end. ``cut``: gaps of
    which only a least length is known, by the bin it lies in."""

    short: float
    bins: Floats
    cut: Floats


def count(gaps: Floats, weights: Floats, cut: Floats, cut_weights: Floats) -> Gaps:
    """The counts of these gaps."""
    long = gaps >= c.SHORT
    seen = cut >= c.SHORT
    return Gaps(
        short=float(weights[~long].sum()),
        bins=_histogram(gaps[long], weights[long]),
        cut=_histogram(cut[seen], cut_weights[seen]),
    )


def _histogram(gaps: Floats, weights: Floats) -> Floats:
    bins = np.clip(np.floor(4 * np.log2(gaps / c.SHORT)), 0, c.BINS).astype(np.int64)
    return np.bincount(bins, weights, minlength=c.BINS + 1).astype(np.float64)


def survival(gaps: Gaps) -> Floats:
    """ln P(gap >= edge | gap >= SHORT) at each edge."""
    longer = np.cumsum((gaps.bins + gaps.cut)[::-1])[::-1]
    start = int(np.argmax(longer <= c.TAIL_WEIGHT))
    tail = _tail(gaps, start)
    if start == 0:
        return tail
    at_risk = longer[:start] - gaps.cut[:start] + c.BODY_PRIOR * _PRIOR[:start]
    hazard = (gaps.bins[:start] + c.BODY_PRIOR * (_PRIOR[:start] - _PRIOR[1 : start + 1])) / at_risk
    body = np.cumsum(np.log1p(-np.minimum(hazard, 1 - 1e-9)))
    return np.concatenate(([0.0], body, body[-1] + tail[1:]))


def _tail(gaps: Gaps, start: int) -> Floats:
    """From edge ``start`` up, given a gap at least that long: the average of the curves, each weighted by how well it
    explains such gaps."""
    seen, cut = gaps.bins[start:], gaps.cut[start:]
    evidence = _LOG_MASS[:, start:] @ seen + _LOG[:, start:] @ cut - _LOG[:, start] * (seen.sum() + cut.sum())
    return _mixture(evidence, start)


def _mixture(evidence: Floats, start: int) -> Floats:
    weights = np.exp(evidence - evidence.max())
    mixed = weights @ np.exp(_LOG[:, start:] - _LOG[:, start : start + 1]) / weights.sum()
    return np.asarray(np.log(np.maximum(mixed, _LEAST)))


def with_pauses(survival: Floats, long_a_day: float) -> Floats:
    """The curve with the pauses that come to everybody PAUSES_A_YEAR times, however many gaps a day there are."""
    share = min(c.MOST_PAUSES, c.PAUSES_A_YEAR / c.DAYS_A_YEAR / long_a_day)
    return np.asarray(np.log((1 - share) * np.exp(survival) + share * _PAUSE))


def mean_days(survival: Floats) -> float:
    """The mean length of a gap >= SHORT in days, of which LONGEST_MEAN_DAYS count."""
    known = np.exp(survival)
    spans = (known[:-1] + known[1:]) / 2 * np.diff(EDGES)
    return float(spans[EDGES[1:] < c.LONGEST_MEAN_DAYS * 24].sum() / 24)
